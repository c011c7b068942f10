//! Templates that mean harm: each is a finding, in bounded time and memory, on the stack of a usual thread.

use std::time::{Duration, Instant};

use super::tests::findings;

const PHONE: &str = "acme/a/phone.xml";

/// What is said of a template that stands in for the phone's.
fn said(text: &str) -> String {
    said_of(&[(PHONE, text)])
}

fn said_of(templates: &[(&str, &str)]) -> String {
    let started = now();
    let found = findings(templates);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(40), "it took {took:?} to say so");
    assert!(!found.is_empty(), "nothing is said of it");
    found[0].to_string()
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn loops_that_write_nothing_are_stopped_where_they_are() {
    for endless in [
        "<a>{% for a in range(end=9999) %}{% for b in range(end=9999) %}{% for c in range(end=9999) %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}{% endfor %}</a>",
        "<a>{% for a in range(end=9999) %}{% set x = [b for b in range(end=9999) if b == a] %}{% endfor %}</a>",
        "<a>{% for a in range(end=9999) %}{% set x = range(end=9999) | sort | unique %}{% endfor %}</a>",
        "<a>{% for a in range(end=20000) %}{% if range(end=20000) == range(end=20000) %}{% endif %}{% endfor %}</a>",
        "<a>{% for a in range(end=20000) %}{% if 1 in range(end=20000)[1:19999] %}{% endif %}{% endfor %}</a>",
        "{% for a in range(end=20000) %}{{ '' }}{% for endfor in [1] %}{{ endfor }}{#}{% endfor %}#}{% endfor %}{% for b in range(end=20000) %}{% endfor %}{% endfor %}",
    ] {
        let said = said(endless);
        assert!(said.contains("more work than a file may"), "{said}");
        assert!(said.starts_with("acme/a/phone.xml:1:"), "{said}");
    }
}

#[test]
fn the_column_of_what_costs_too_much_is_the_authors() {
    let said = said(
        "<a>\n{{ device.name }}{% for a in range(end=20000) %}{% for b in range(end=20000) %}{% endfor %}{% endfor %}</a>",
    );
    let column = "{{ device.name }}{% for a in range(end=20000) %}{% for b in range(end=20000)".len() + 1;
    assert!(said.starts_with(&format!("acme/a/phone.xml:2:{column}: ")), "{said}");
}

#[test]
fn texts_and_lists_that_grow_are_stopped() {
    let doubled = |first: &str, next: &str| {
        format!("<a>{{% set x = {first} %}}") + &format!("{{% set x = {next} %}}").repeat(40) + "</a>"
    };
    let many = format!(
        "<a>{{{{ device.name{} }}}}</a>",
        " | replace(from=\"D\", to=\"DDDDDDDDDDDDDDDD\")".repeat(30)
    );
    let tilde = format!(
        "<a>{{% set x = range(end=20000) | join(sep=\"..........\") %}}{{% if x{} %}}{{% endif %}}</a>",
        " ~ x".repeat(60)
    );
    for growing in [
        doubled("\"0123456789\"", "x ~ x"),
        doubled("[1, 2, 3]", "[...x, ...x]"),
        doubled("[1, 2, 3]", "[x, x]"),
        "<a>{% set x = \"01\" %}{% for a in range(end=99) %}{% set_global x = x ~ x %}{% endfor %}</a>".to_owned(),
        "<a>{% set x = [] %}{% for a in range(end=9999) %}{% set_global x = [x] %}{% endfor %}</a>".to_owned(),
        doubled("\"0123456789\"", "x | replace(from=\"0\", to=x)"),
        doubled("[\"0123456789\"]", "[x | join(sep=\"-\"), x | join(sep=\"-\")]"),
        doubled("{\"a\": \"0123456789\"}", "{\"a\": x, \"b\": x}"),
        many,
        tilde,
        "<a>{% set x = range(end=20000) | join(sep=\"0123456789\") %}{% set y = [x ~ x for a in range(end=20000)] %}</a>".to_owned(),
        "<a>{% set x = range(end=20000) | join(sep=\"0123456789\") %}{{ [1, 2, 3, 4, 5, 6, 7, 8, 9] | join(sep=x) }}</a>".to_owned(),
    ] {
        let said = said(&growing);
        let bounded = ["more than 512 KiB", "more work than a file may", "grows beyond 1 MiB", "12 deep"];
        assert!(bounded.iter().any(|words| said.contains(words)), "{said}");
    }
}

#[test]
fn a_list_that_is_made_ever_deeper_is_stopped_before_it_is_too_deep_to_leave() {
    let mut text = "<a>{% set x = [] %}".to_owned();
    for _ in 0..5000 {
        text.push_str("{% set x = [x] %}");
    }
    assert!(said(&(text + "</a>")).contains("12 deep"));
}

#[test]
fn components_that_call_themselves_are_stopped() {
    let twice = "{% component c(x) %}{{ <c x={x ~ x}/> }}{{ <c x={x ~ x}/> }}{% endcomponent %}<a>{{ <c x=\"0123456789\"/> }}</a>";
    assert!(said(twice).contains("acme/a/phone.xml"));
    let wide = "{% component c(n) %}{% if n < 18 %}{{ <c n={n + 1}/> }}{{ <c n={n + 1}/> }}{{ <c n={n + 1}/> }}{{ <c n={n + 1}/> }}{% endif %}{% endcomponent %}<a>{{ <c n={1}/> }}</a>";
    assert!(said(wide).contains("more work than a file may"));
}

#[test]
fn templates_that_include_each_other_too_often_or_too_deep_or_for_ever_are_stopped() {
    let name = |n: usize| format!("acme/a/{n}.cfg");
    let chain = |length: usize, times: usize| {
        let mut texts: Vec<(String, String)> = (0..length)
            .map(|n| (name(n), format!("{{% include \"{}.cfg\" %}}", n + 1).repeat(times)))
            .collect();
        texts.push((name(length), "{# nothing #}".to_owned()));
        texts.push((PHONE.to_owned(), "<a>{% include \"0.cfg\" %}</a>".to_owned()));
        texts
    };
    let said = |texts: &[(String, String)]| {
        said_of(&texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
    };
    assert!(said(&chain(5000, 1)).contains("5 deep"));
    assert!(said(&chain(4, 400)).contains("more work than a file may"));
    let circle = [(PHONE.to_owned(), "<a>{% include \"phone.xml\" %}</a>".to_owned())];
    assert!(said(&circle).contains("without an end"));
    let extends: Vec<(String, String)> = (0..5000)
        .map(|n| (name(n), format!("{{% extends \"{}.cfg\" %}}", n + 1)))
        .chain([(name(5000), "x".to_owned()), (PHONE.to_owned(), "{% extends \"0.cfg\" %}".to_owned())])
        .collect();
    assert!(said(&extends).contains("5 deep"));
}

#[test]
fn parents_that_are_written_again_and_again_are_stopped() {
    let block = |text: &str| format!("{{% block b %}}{text}{{% endblock %}}");
    let again = "{{ super() }}".repeat(60);
    let mut texts = vec![("acme/a/0.cfg".to_owned(), block(&"0123456789".repeat(1000)))];
    for n in 1..4 {
        texts
            .push((format!("acme/a/{n}.cfg"), format!("{{% extends \"{}.cfg\" %}}{}", n - 1, block(&again))));
    }
    texts.push((PHONE.to_owned(), format!("{{% extends \"3.cfg\" %}}{}", block(&again))));
    let said = said_of(&texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>());
    assert!(said.contains("more than 512 KiB") || said.contains("more work"), "{said}");
}

#[test]
fn the_deepest_that_is_allowed_fits_the_stack_of_a_usual_thread() {
    let open = "{% block bN1 %}{% block bN2 %}";
    let close = "{% endblock %}".repeat(2);
    let mut texts: Vec<(String, String)> = (0..4)
        .map(|n| {
            let text = format!("{open}{{% include \"{}.cfg\" %}}{close}", n + 1);
            (format!("acme/a/{n}.cfg"), text.replace('N', &n.to_string()))
        })
        .collect();
    let component = "{% component c(n) %}{% if n < 19 %}{{ <c n={n + 1}/> }}{% endif %}{% endcomponent %}{{ <c n={1}/> }}";
    texts.push(("acme/a/4.cfg".to_owned(), component.to_owned()));
    texts.push((PHONE.to_owned(), "<a>{% include \"0.cfg\" %}</a>".to_owned()));
    let texts: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(findings(&texts), []);
}

#[test]
fn what_nobody_could_count_is_not_allowed_and_it_is_said_what_to_write_instead() {
    for (text, said_of_it) in [
        ("<a>\n{% set_global x %}y{% endset %}</a>", "acme/a/phone.xml:2:4: `set` with a text"),
        ("<a>{% set x %}y{% endset %}</a>", "acme/a/phone.xml:1:7: `set` with a text"),
        ("<a>{%- filter upper %}y{% endfilter %}</a>", "acme/a/phone.xml:1:8: `{% filter %}`"),
        ("<a>{% raw %}{{ {% endraw %}</a>", "acme/a/phone.xml:1:7: `{% raw %}`"),
        (
            "{% component c() %}{{ body }}{% endcomponent %}<a>{% <c> %}x{% </c> %}</a>",
            "acme/a/phone.xml:1:54: a component with a body",
        ),
        (
            "{% component c() %}{% include \"base.cfg\" %}{% endcomponent %}<a/>",
            "acme/a/phone.xml:1:23: `include`",
        ),
        ("<a>{% include \"base\\/x.cfg\" %}</a>", "acme/a/phone.xml:1:7: a template's name"),
    ] {
        let said = said(text);
        assert!(said.starts_with(said_of_it), "{said}");
    }
    assert!(said(&"x".repeat(300_000)).contains("longer than 128 KiB"));
    assert!(said(&format!("{{{{ {} }}}}", "[".repeat(100_000))).contains("this tag is too long"));
}

#[test]
fn nothing_but_the_settings_can_be_read() {
    for text in [
        "{{ get_env(name=\"HOME\") }}",
        "{{ now() }}",
        "{{ get_random(start=1, end=2) }}",
        "{{ load(path=\"/etc/passwd\") }}",
    ] {
        assert!(said(&format!("<a>{text}</a>")).contains("Unknown function"));
    }
    assert!(said("<a>{% include \"/etc/passwd\" %}</a>").contains("Unknown template"));
}
