//! The document as a page to read: one file of HTML that needs nothing else and runs nothing.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tera::{Context, Tera};

use super::members::{Kind, Member, kind, members, resolve};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

#[derive(Serialize)]
struct Chapter<'d> {
    name: &'d str,
    says: &'d str,
    operations: Vec<Operation<'d>>,
}

#[derive(Serialize)]
struct Operation<'d> {
    id: &'d str,
    verb: String,
    path: &'d str,
    summary: &'d str,
    needs_token: bool,
    parameters: Vec<Parameter<'d>>,
    takes: Option<Kind<'d>>,
    takes_data: bool,
    answers: Vec<Answer<'d>>,
}

#[derive(Serialize)]
struct Parameter<'d> {
    name: &'d str,
    place: &'d str,
    kind: Kind<'d>,
    says: &'d str,
}

#[derive(Serialize)]
struct Answer<'d> {
    status: &'d str,
    says: &'d str,
    data: Option<Kind<'d>>,
}

#[derive(Serialize)]
struct Shape<'d> {
    name: &'d str,
    says: &'d str,
    kind: Kind<'d>,
    members: Vec<Member<'d>>,
}

/// The page. Everything that comes from the document is escaped.
pub(super) fn of(document: &Value) -> String {
    let mut context = Context::new();
    context.insert("title", &document["info"]["title"]);
    context.insert("version", &document["info"]["version"]);
    context.insert("about", &paragraphs(text(&document["info"]["description"])));
    context.insert("style", STYLE);
    context.insert("chapters", &chapters(document));
    context.insert("shapes", &shapes(document));
    let mut tera = Tera::new();
    tera.autoescape_on([".html"]);
    let added = tera.add_raw_template("page.html", TEMPLATE);
    let page = added.and_then(|()| tera.render("page.html", &context));
    page.expect("the page's template is part of the program: a test renders it")
}

/// What a browser may do with the page: show it in its own style, and nothing else.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = base64(&Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    });
    &POLICY
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for letter in 0..4 {
            let six = (word >> (18 - 6 * letter)) as usize & 63;
            text.push(if letter <= three.len() { LETTERS[six].into() } else { '=' });
        }
    }
    text
}

/// Paragraphs, each a row of plain texts and, in every second place, code.
fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    text.trim().split("\n\n").map(|paragraph| paragraph.split('`').collect()).collect()
}

fn chapters(document: &Value) -> Vec<Chapter<'_>> {
    let tags = document["tags"].as_array().into_iter().flatten();
    let chapters = tags.map(|tag| {
        let (name, says) = (text(&tag["name"]), text(&tag["description"]));
        let all = operations(document).filter(|(.., one)| one["tags"][0] == *name);
        let operations = all.map(|(path, verb, one)| operation(document, path, verb, one)).collect();
        Chapter { name, says, operations }
    });
    chapters.collect()
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, verbs)| {
        let verbs = verbs.as_object().into_iter().flatten();
        verbs.map(move |(verb, operation)| (path.as_str(), verb.as_str(), operation))
    })
}

fn operation<'d>(document: &'d Value, path: &'d str, verb: &str, one: &'d Value) -> Operation<'d> {
    let parameters = one["parameters"].as_array().into_iter().flatten();
    let answers = one["responses"].as_object().into_iter().flatten();
    let body = &one["requestBody"]["content"]["application/json"]["schema"];
    let data = &body["properties"]["data"];
    Operation {
        id: text(&one["operationId"]),
        verb: verb.to_ascii_uppercase(),
        path,
        summary: text(&one["summary"]),
        needs_token: one["security"].is_array(),
        parameters: parameters.map(|one| parameter(resolve(document, one))).collect(),
        takes: [data, body].into_iter().find(|some| !some.is_null()).map(kind),
        takes_data: !data.is_null(),
        answers: answers.map(|(status, one)| answer(status, resolve(document, one))).collect(),
    }
}

fn parameter(one: &Value) -> Parameter<'_> {
    Parameter {
        name: text(&one["name"]),
        place: text(&one["in"]),
        kind: kind(&one["schema"]),
        says: text(&one["description"]),
    }
}

/// What is under `data` is told; the envelope around it is always the same.
fn answer<'d>(status: &'d str, one: &'d Value) -> Answer<'d> {
    let schema = &one["content"]["application/json"]["schema"];
    let data = &schema["allOf"][1]["properties"]["data"];
    let shown = if data.is_null() { schema } else { data };
    Answer { status, says: text(&one["description"]), data: (!shown.is_null()).then(|| kind(shown)) }
}

fn shapes(document: &Value) -> Vec<Shape<'_>> {
    let all = document["components"]["schemas"].as_object().into_iter().flatten();
    let shapes = all.map(|(name, schema)| Shape {
        name,
        says: text(&schema["description"]),
        kind: kind(schema),
        members: members(schema),
    });
    shapes.collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_escaped() {
        let page = of(&json!({
            "info": {"title": "<b>", "description": "a `<i>` b"},
            "tags": [{"name": "t", "description": "\"x\" & y"}],
            "paths": {"/<path>": {"get": {"tags": ["t"], "operationId": "o", "summary": "<script>", "responses": {}}}},
        }));
        for raw in ["<b>", "<i>", "<path>", "<script>"] {
            assert!(!page.contains(raw), "{raw}");
        }
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_policy_names_the_style_that_the_page_has() {
        let page = of(&json!({}));
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        assert!(policy().contains(&base64(&Sha256::digest(style))), "{style}");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
