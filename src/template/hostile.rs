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
    assert!(took < Duration::from_secs(15), "it took {took:?} to say so");
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
        format!("{LONG}{{{{ [{}] }}}}</a>", "s, ".repeat(1500)),
        format!("{LONG}{{% if 1 == 2 or [{}] | str %}}{{% endif %}}</a>", "s, ".repeat(1500)),
        format!("{LONG}{{% set x = s | split(pat=\"\") %}}</a>"),
        "<a>{% set n = \"\\n\\n\\n\\n\\n\\n\\n\\n\" %}".to_owned()
            + &"{% set n = n ~ n %}".repeat(14)
            + "{% set y = n | indent(width=1000, blank=true, indentation=\"\u{1F600}\") %}</a>",
    ] {
        let said = said(&growing);
        let bounded = ["more than 512 KiB", "more work than a file may", "grows beyond 1 MiB", "12 deep"];
        assert!(bounded.iter().any(|words| said.contains(words)), "{said}");
    }
}

/// A text `s` of some 400 KiB.
const LONG: &str = "<a>{% set s = range(end=20000) | join(sep=\"01234567890123456\") %}";

/// A hundred thousand rounds and more of this, behind that.
fn often(before: &str, again: &str) -> String {
    let rounds = "{% for a in range(end=30000) %}{% for b in range(end=30) %}";
    format!("{before}{rounds}{{% if {again} %}}{{% endif %}}{{% endfor %}}{{% endfor %}}</a>")
}

#[test]
fn what_filters_tests_and_functions_are_told_is_paid_for_as_well() {
    for again in [
        "\"x\" | replace(from=s, to=\"\")",
        "\"x\" | replace(from=(s if s else s), to=\"\")",
        "\"x\" | split(pat=s)",
        "\"x\" | trim(pat=s)",
        "\"x\" | trim_start(pat=s)",
        "\"x\" | trim_end(pat=s)",
        "\"x\" | truncate(length=0, end=s)",
        "[] | join(sep=s)",
        "1 | pluralize(singular=s)",
        "1 | pluralize(plural=s, singular=\"\")",
        "{\"a\": 1, \"b\": 2} | get(key=s, default=1)",
        "{\"a\": 1, \"b\": 2} is containing(pat=s)",
        "s is starting_with(pat=s)",
        "s is ending_with(pat=s)",
        "range(start=70000, end=90000)",
    ] {
        let said = said(&often(LONG, again));
        assert!(said.contains("more work than a file may"), "{again}: {said}");
    }
}

#[test]
fn looking_into_a_text_or_for_one_is_paid_for() {
    let map = LONG.to_owned() + "{% set m = {\"a\": 1, \"b\": 2} %}";
    for again in [
        "s in m",
        "s not in m",
        "m[s]",
        "m?[s]",
        "s[1]",
        "s[a]",
        "s[0:1]",
        "s[:1]",
        "s[::7]",
        "(s)[1]",
        "(s | str)[a]",
    ] {
        let said = said(&often(&map, again));
        assert!(said.contains("more work than a file may"), "{again}: {said}");
    }
}

#[test]
fn elements_are_not_compared_or_followed_without_an_end() {
    let maps =
        "<a>{% set l = [{\"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4, \"e\": i} for i in range(end=2000)] %}";
    assert!(said(&often(maps, "l | unique")).contains("more work than a file may"));
    assert!(said(&often(maps, "l | sort(attribute=\"e\")")).contains("more work than a file may"));
    for filter in ["sort", "group_by"] {
        let maps = format!("{maps}{{% set z = \"{}\" %}}", "0".repeat(100_000));
        let said = said(&often(&maps, &format!("l | {filter}(attribute=z)")));
        assert!(said.contains("longer than 200 bytes"), "{said}");
    }
}

#[test]
fn what_is_entered_is_paid_for_even_if_nothing_stands_in_it() {
    let often = |text: &str| {
        format!(
            "<a>{{% for a in range(end=30000) %}}{{% for b in range(end=30) %}}{text}{{% endfor %}}{{% endfor %}}</a>"
        )
    };
    let component = "{% component c() %}{% endcomponent %}".to_owned() + &often("{{ <c/> }}");
    assert!(said(&component).contains("more work than a file may"));
    let include = often("{% include \"n.cfg\" %}");
    assert!(said_of(&[(PHONE, &include), ("acme/a/n.cfg", "{##}")]).contains("more work than a file may"));
}

#[test]
fn what_makes_a_file_costly_to_read_back_is_found_before() {
    let names = "<a>{% for a in range(end=5000) %}<b xmlns:n{{ a }}=\"u\">{% endfor %}{% for a in range(end=5000) %}</b>{% endfor %}</a>";
    assert!(said(names).contains("namespaces"));
    let attributes = "<a {% for a in range(end=9000) %} a{{ a }}=\"\"{% endfor %}/>";
    assert!(said(attributes).contains("2000 attributes"));
    let elements = "<a>{% for a in range(end=20000) %}<b1/><b1/><b1/><b1/>{% endfor %}<b1>1</b1></a>";
    assert!(said(elements).contains("`b1` is there twice"));
}

#[test]
fn however_much_is_wrong_a_few_hundred_findings_are_told_and_how_many_more_there_are() {
    let wrong =
        (0..3000).map(|n| format!("{{% if device.x{n} %}}{{% endif %}}")).collect::<Vec<_>>().concat();
    let more: Vec<(String, &str)> = (10..40).map(|n| (format!("acme/a/{n}.cfg"), wrong.as_str())).collect();
    let more = more.iter().map(|(name, text)| (name.as_str(), *text)).chain([(PHONE, wrong.as_str())]);
    let found = findings(&more.collect::<Vec<_>>());
    assert!(found.len() < 220, "{}", found.len());
    assert_eq!(
        found[20].to_string(),
        "acme/a/10.cfg:1:604: and 2980 more in this file: mend those that are told first"
    );
    assert!(found[found.len() - 1].message.contains(" more from this file on, in 21 files: "));
    let faults = "<a>{% for a in range(end=9000) %}<b id=\"{{ phone.name }}{{ a }}\">1</b><b id=\"{{ phone.name }}{{ a }}\">2</b>\n{% endfor %}</a>";
    assert_eq!(findings(&[(PHONE, faults)]).len(), 2);
    let unknown = "{{ device.name | shout }}".repeat(5000);
    assert_eq!(findings(&[(PHONE, &unknown)]).len(), 21);
    assert!(
        findings(&[(PHONE, "<a>{{ throw(message=range(end=9000) | join(sep=\"error: \")) }}</a>")])[0]
            .message
            .len()
            < 3000
    );
}

#[test]
fn so_many_templates_that_compiling_them_takes_all_memory_are_not_compiled() {
    let base = "{% block b %}".to_owned() + &"{{ 1 }}".repeat(15_000) + "{% endblock %}";
    let names: Vec<String> = (0..200).map(|n| format!("acme/a/{n}.cfg")).collect();
    let texts = names.iter().map(|name| (name.as_str(), "{% extends \"all.cfg\" %}"));
    let texts: Vec<_> = texts.chain([("acme/a/all.cfg", base.as_str())]).collect();
    assert!(said_of(&texts).contains("cannot be compiled"));
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
    let ifs = "{% if 1 %}".repeat(30) + &"{% elif 1 %}".repeat(29) + &"{% endif %}".repeat(30);
    texts.push(("acme/a/4.cfg".to_owned(), component.to_owned() + &ifs));
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
        (
            "{% component c() %}x{% endcomponent %}<a>{% set x = <c/> %}</a>",
            "acme/a/phone.xml:1:53: a component and `super()` stand alone",
        ),
        (
            "{% component c() %}x{% endcomponent %}<a>{{ <c/> | upper }}</a>",
            "acme/a/phone.xml:1:45: a component and `super()` stand alone",
        ),
        ("<a>{% set x = super() %}</a>", "acme/a/phone.xml:1:15: a component and `super()` stand alone"),
        ("<a>{% if __tera_context %}{% endif %}</a>", "acme/a/phone.xml:1:10: names that begin"),
        (
            "<a>{% if (device.name | upper)[0][1] %}{% endif %}</a>",
            "acme/a/phone.xml:1:34: `[…]` stands behind",
        ),
        ("<a>{{ device.name | upper[0] }}</a>", "acme/a/phone.xml:1:26: `[…]` stands behind"),
        ("<a>{%--raw%}{{{% endraw %}</a>", "acme/a/phone.xml:1:7: a tag has one `-`"),
    ] {
        let said = said(text);
        assert!(said.starts_with(said_of_it), "{said}");
    }
    assert!(said(&"x".repeat(300_000)).contains("longer than 128 KiB"));
    assert!(said(&format!("{{{{ {} }}}}", "[".repeat(100_000))).contains("this tag is too long"));
    assert!(said(&format!("{{{{ {} }}}}", "(".repeat(1000))).contains("brackets stand in each other"));
    let elifs = "{% if 1 %}".to_owned() + &"{% elif 1 %}".repeat(9000) + "{% endif %}";
    assert!(said(&elifs).contains("60 deep"));
    let blocks = (0..300).map(|n| format!("{{% block b{n} %}}{{% endblock %}}")).collect::<Vec<_>>().concat();
    assert!(said(&blocks).contains("200 blocks"));
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
