use serde_json::json;

use super::*;

fn check(text: &str) -> Vec<String> {
    let with = json!({"device": {"name": "n", "mac": "m"}, "keys": [{"type": "line", "value": ""}], "time": {"dst": {"start": 1}}});
    let without = json!({"device": {"name": "n", "mac": "m"}, "keys": [], "time": {"dst": null}});
    let mut found = Findings::default();
    Contract::of([with, without]).check([("a.cfg", text)].into_iter(), |_| true, &mut found);
    found.told().iter().map(|f| format!("{}:{} {}", f.line, f.column, f.message)).collect()
}

#[test]
fn a_misspelt_field_is_found_where_the_engine_would_not_mind() {
    assert_eq!(
        check("x\n{% if device.nmae %}y{% endif %}"),
        ["2:14 there is no `nmae` in `device`; there are: mac, name"]
    );
    assert_eq!(check("{{ device.nmae or 'x' }}").len(), 1);
    assert_eq!(check("{{ 'a' if device.mca else 'b' }}").len(), 1);
    assert_eq!(check("{{ devcie.name }}"), ["1:4 there is no `devcie`; there are: device, keys, time"]);
}

#[test]
fn names_of_loops_and_sets_are_followed_to_what_they_stand_for() {
    assert_eq!(check("{% for key in keys %}{{ key.value }}{% endfor %}"), [] as [&str; 0]);
    assert_eq!(check("{% for key in keys %}{{ key.vlaue }}{% endfor %}").len(), 1);
    assert_eq!(check("{% set d = device %}{% if d.nmae %}{% endif %}").len(), 1);
    assert_eq!(check("{{ keys[0].type }}{{ keys[0].tpye }}").len(), 1);
}

#[test]
fn a_local_name_that_hides_one_of_the_contract_is_found() {
    let told = ["1:8 `device` hides what every template sees under this name: take another"];
    assert_eq!(check("{% set device = {'a': 1} %}{% if device.key %}{% endif %}"), told);
    assert_eq!(check("{% for keys in [keys] %}{% endfor %}").len(), 1);
    assert_eq!(check("{% set own = device %}{% for key in keys %}{{ key.type }}{% endfor %}"), [""; 0]);
}

#[test]
fn a_local_name_hides_nothing_in_any_of_its_forms() {
    for (text, at) in [
        ("{% for device, x in {'a': 1} %}{% endfor %}", "1:8 "),
        ("{% for x, device in {'a': 1} %}{% endfor %}", "1:11 "),
        ("{% for k in [device for device in keys] %}{% endfor %}", "1:25 "),
        ("{% component row(device) %}{{ device }}{% endcomponent %}", "1:18 "),
        ("{% component row(a: string = 'x', device=1) %}{% endcomponent %}", "1:35 "),
        ("{% component row(a, ...device) %}{% endcomponent %}", "1:24 "),
        ("{% set_global device = 1 %}", "1:15 "),
    ] {
        let found = check(text);
        assert!(
            found.len() == 1 && found[0].starts_with(at) && found[0].contains("hides"),
            "{text}: {found:?}"
        );
    }
    assert_eq!(check("{% component device(string: string) %}{{ string }}{% endcomponent %}"), [""; 0]);
}

#[test]
fn a_local_name_of_one_template_excuses_nothing_in_those_of_others() {
    let told = |templates: &[(&'static str, &'static str)]| {
        let mut found = Findings::default();
        Contract::of([json!({"device": {"name": "n"}})]).check(
            templates.iter().copied(),
            |_| true,
            &mut found,
        );
        found
            .told()
            .into_iter()
            .filter(|found| found.file == "acme/a.cfg")
            .map(|f| f.message)
            .collect::<Vec<_>>()
    };
    let wrong = ("acme/a.cfg", "{% if device.nmae or devcie %}{% endif %}");
    for other in [
        "{% component row(device) %}{{ device }}{% endcomponent %}",
        "{% for device, devcie in {'a': 1} %}{% endfor %}",
        "{% set devcie = 1 %}",
    ] {
        assert_eq!(told(&[wrong, ("other/a.cfg", other)]).len(), 2, "{other}");
    }
    let given = ("acme/a.cfg", "{% if own %}{% endif %}");
    assert_eq!(told(&[given, ("acme/b.cfg", "{% set own = 1 %}")]), [""; 0]);
    assert_eq!(told(&[given, ("shared/b.cfg", "{% set own = 1 %}")]), [""; 0]);
    assert_eq!(told(&[given, ("other/b.cfg", "{% set own = 1 %}")]).len(), 1);
}

#[test]
fn what_exists_in_any_sample_exists() {
    assert_eq!(check("{% if time.dst %}{{ time.dst.start }}{% endif %}"), [] as [&str; 0]);
    assert_eq!(check("{% if time.dst %}{{ time.dst.strat }}{% endif %}").len(), 1);
}

#[test]
fn a_filter_that_switches_escaping_off_is_refused() {
    let found = check("{{ device.name | upper | safe }}");
    assert!(found[0].starts_with("1:26 the filter `safe` is not allowed"), "{found:?}");
}

#[test]
fn filters_tests_functions_arguments_strings_and_text_are_left_alone() {
    for fine in [
        "device.nmae {# {{ device.nmae }} #}",
        "{{ device.name | replace(from=\"device.nmae\", to='') | upper }}",
        "{% if device.name is defined and not keys %}{% endif %}",
        "{% for i in range(end=3) %}{{ i }}{{ loop.index }}{% endfor %}",
        "{% block nmae %}{% endblock nmae %}{% extends \"base.cfg\" %}",
        "{% set map = {\"a\": 1} %}{{ map.a }}{{ map[device.name] }}",
        "{% if \"a\" in device.name %}{% endif %}{{ 1 + 2.5 }}",
    ] {
        assert_eq!(check(fine), [] as [&str; 0], "{fine}");
    }
}
