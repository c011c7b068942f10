//! What an author can do about what the engine says.

/// How the engine's sentences begin, and what to do then.
const ADVICE: [(&str, &str); 37] = [
    ("Unknown function", LISTED),
    ("Unknown filter", LISTED),
    ("Unknown test", LISTED),
    ("Unknown tag", LISTED),
    (
        "Unknown template",
        "mend its name, or put it into the folder of the model, the family or the brand, or into `shared`",
    ),
    (
        "Unknown component",
        "mend its name, or define it: `{% component name() %}…{% endcomponent %}`, in a template of the brand",
    ),
    ("Unexpected end", CLOSE),
    ("unexpected end", CLOSE),
    ("String opened with", "close it in the same tag"),
    ("Closing comment tag", "close the comment where it ends"),
    ("Unexpected character", "take it out, or write it in quotes"),
    ("unexpected escape character", "write `\\\\` for a backslash"),
    ("Found `<`", "write blanks around it to compare, or the name of a component behind it"),
    ("Found ", "write what is expected here, or close the tag before"),
    ("Expected ", "write that here"),
    ("Cannot divide by 0", "ask first whether that is 0: `{% if number %}`"),
    ("Tried to render a variable", MISSING),
    ("Tried to escape an undefined", MISSING),
    ("Variable `", MISSING),
    ("Field `", MISSING),
    ("Cannot index into an undefined", MISSING),
    ("Index expression is undefined", MISSING),
    ("Cannot slice an undefined", MISSING),
    ("Slice ", "write a whole number there, or leave it out"),
    ("Maximum render recursion depth", "let components call each other no more than 20 deep"),
    ("Block `", "mend its name, or write such a block in a template that this one extends"),
    ("Template already contains", "take out one of both, or give it another name"),
    ("Component `", "take out one of both, or give it another name"),
    ("Only numbers", NUMBERS),
    ("Math operations", NUMBERS),
    ("`+` requires", NUMBERS),
    ("Cannot compare", "make both a number with `| int`, or a text with `| str`"),
    ("Iteration not possible", "loop over a list, or over a map with two names"),
    ("Key/value iteration", "loop over a list with one name"),
    ("Missing keyword argument", "write it in the brackets: `name=value`"),
    ("Invalid type for the value", "make it one of that type: `| int`, `| str`"),
    ("The string `", "give it a default for what is no number, or ask before"),
];

const LISTED: &str = "mend its name, or do without it; templates/README.md lists what there is";
const CLOSE: &str =
    "close what is open; `}}`, `%}`, `{% endif %}`, `{% endfor %}`, `{% endblock %}` or such is missing";
const MISSING: &str =
    "mend its name, or write `{{ name or \"\" }}` or `{% if name is defined %}` where it may be missing";
const NUMBERS: &str = "make it a number with `| int`; texts are put together with `~`";

/// Where nothing better is known.
const USUAL: &str = "write it otherwise; templates/README.md tells what templates are written with";

/// A sentence of the engine's, and what to do about it.
pub(super) fn advised(sentence: &str) -> String {
    let sentence = sentence.trim().trim_end_matches('.');
    let known = ADVICE.iter().find(|(begins, _)| sentence.starts_with(begins));
    format!("{sentence}: {}", known.map_or(USUAL, |(_, advice)| advice))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{failed, findings};
    use super::*;

    #[test]
    fn every_sentence_of_the_engine_tells_the_author_where_and_what_to_do() {
        for (template, says, to_do) in [
            ("{{ now() }}", "1:4: Unknown function `now`: ", LISTED),
            ("{{ 1 | shout }}", "1:8: Unknown filter `shout`: ", LISTED),
            ("a\n{% if device.name %}", "Unexpected end of input: ", CLOSE),
            ("{% include \"no.cfg\" %}", "1:12: Unknown template `no.cfg`: mend its name", "`shared`"),
            ("{% extends \"no.cfg\" %}", "1:12: Unknown template `no.cfg`: mend its name", "`shared`"),
            ("{{ <no/> }}", "1:4: Unknown component `no`: ", "endcomponent"),
            ("{% extends \"base.cfg\" %}{% block no %}{% endblock %}", "Block `no` is not", "extends"),
            (
                "{% component c(n) %}{{ <c n={n}/> }}{% endcomponent %}{{ <c n={1}/> }}",
                "1:24: Maximum render recursion depth for components exceeded: ",
                "20 deep",
            ),
            ("a\n{{ 1 / 0 }}", "2:", "ask first whether that is 0"),
            ("{% set a = [] %}\n{{ a[7] }}", "2:", MISSING),
            ("{% set a = {\"b\": 1} %}{{ a.c }}", "1:28: Field `c` is not defined", MISSING),
            ("{{ device.name * 2 }}", "1:", NUMBERS),
        ] {
            let found = findings(&[("acme/a/phone.cfg", template)]);
            let told = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            let is_placed = found
                .iter()
                .all(|found| found.file == "acme/a/phone.cfg" && found.line > 0 && found.column > 0);
            assert!(is_placed && told.contains(says) && told.contains(to_do), "{template}: {told}");
        }
    }

    #[test]
    fn a_sentence_that_nobody_thought_of_says_where_to_read() {
        assert!(failed("a = {{ [1] | first | title | reverse | round }}").message.contains(": "));
        assert_eq!(advised("Strange. "), format!("Strange: {USUAL}"));
    }
}
