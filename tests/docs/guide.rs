//! The guide as requests and answers: every block of a shell in it is a call of curl, and the JSON that follows is
//! what comes back.

use serde_json::Value;

const GUIDE: &str = include_str!("../../docs/api.md");

/// A request of the guide, and the answer that it promises.
#[derive(Debug)]
pub(crate) struct Example {
    /// Where its request begins.
    pub(crate) line: usize,
    pub(crate) request: Request,
    pub(crate) answer: Value,
}

/// What curl is told to send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

/// Every block of a shell with the block of JSON after it.
pub(crate) fn examples() -> Vec<Example> {
    let blocks = blocks();
    let shells = blocks.iter().enumerate().filter(|(_, block)| block.kind == "sh");
    shells
        .map(|(at, block)| {
            let answer = blocks.get(at + 1).filter(|next| next.kind == "json");
            let answer = answer.unwrap_or_else(|| panic!("line {}: no answer", block.line));
            let answer =
                serde_json::from_str(&answer.text).unwrap_or_else(|e| panic!("line {}: {e}", answer.line));
            Example { line: block.line, request: Request::read(&block.text), answer }
        })
        .collect()
}

struct Block {
    kind: &'static str,
    line: usize,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in GUIDE.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(kind) => {
                open = !open;
                if open {
                    blocks.push(Block { kind, line: at + 2, text: String::new() });
                }
            }
            None if open => {
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "the last block does not end");
    blocks
}

impl Request {
    pub(crate) fn new(method: &str, url: &str, body: &str) -> Self {
        let body = Some(body.to_owned()).filter(|body| !body.is_empty());
        Self { method: method.to_owned(), url: url.to_owned(), headers: Vec::new(), body }
    }

    /// Reads a call of curl. With `-d` and without a content type it sends that of a form.
    fn read(line: &str) -> Self {
        let mut request = Self::new("GET", "", "");
        let mut words = words(line).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"), "{line}");
        while let Some(word) = words.next() {
            match word.as_str() {
                "-v" => {}
                "-X" => request.method = words.next().unwrap(),
                "-d" => request.body = words.next(),
                "-H" => {
                    let header = words.next().unwrap();
                    let (name, value) = header.split_once(':').unwrap();
                    request.headers.push((name.to_owned(), value.trim().to_owned()));
                }
                url => url.clone_into(&mut request.url),
            }
        }
        let has_type = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if request.body.is_some() && !has_type {
            request.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        request
    }

    /// The same request with its texts changed.
    pub(crate) fn with(&self, change: impl Fn(&str) -> String) -> Self {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), change(value)));
        Self {
            method: self.method.clone(),
            url: change(&self.url),
            headers: headers.collect(),
            body: self.body.as_deref().map(change),
        }
    }

    /// What it sends under `data`.
    pub(crate) fn data(&self) -> Value {
        let envelope: Value =
            self.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
        envelope.get("data").cloned().unwrap_or(Value::Bool(false))
    }
}

/// The words of a line as a shell splits it, as far as the guide's lines need it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('\\', None) if letters.peek() == Some(&'\n') => drop(letters.next()),
            (' ' | '\n', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    assert_eq!(quote, None, "a quote does not end: {line}");
    words.extend(word);
    words
}

/// Whether an answer has all that the guide shows of it: members and items of the same types, and the same values
/// where the guide has no `{PLACEHOLDER}` left. Rows of a list may come in another order.
pub(crate) fn alike(shown: &Value, answer: &Value, path: &str) -> Result<(), String> {
    match (shown, answer) {
        (Value::Object(shown), Value::Object(answer)) => shown.iter().try_for_each(|(name, shown)| {
            let path = format!("{path}.{name}");
            let found = answer.get(name).ok_or_else(|| format!("{path} is missing"))?;
            alike(shown, found, &path)
        }),
        (Value::Array(shown), Value::Array(answer)) => {
            if shown.len() != answer.len() {
                return Err(format!("{path} has {} items", answer.len()));
            }
            shown.iter().try_for_each(|shown| {
                let found = answer.iter().any(|answer| alike(shown, answer, path).is_ok());
                if found { Ok(()) } else { Err(format!("{path} has no {shown}")) }
            })
        }
        (Value::String(shown), Value::String(answer)) if shown.contains('{') && !answer.is_empty() => Ok(()),
        _ if shown == answer => Ok(()),
        _ => Err(format!("{path} is {answer}, not {shown}")),
    }
}

#[test]
fn a_call_of_curl_is_read_as_a_shell_reads_it() {
    let line =
        "curl -v -X PATCH \\\n  -H \"X-Auth-Token: {T}\" \\\n  -d '{\"a\":\n \"b c\"}' \\\n  http://x/y\n";
    let request = Request::read(line);
    assert_eq!((request.method.as_str(), request.url.as_str()), ("PATCH", "http://x/y"));
    assert_eq!(request.body.as_deref(), Some("{\"a\":\n \"b c\"}"));
    let form = ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    assert_eq!(request.headers, [("X-Auth-Token".to_owned(), "{T}".to_owned()), form]);
}

#[test]
fn answers_that_lack_something_or_have_something_else_are_told_apart() {
    use serde_json::json;
    let shown = json!({"a": "{ID}", "b": [{"c": 1}, {"c": 2}], "d": true});
    let answer = json!({"a": "7", "b": [{"c": 2, "e": 0}, {"c": 1}], "d": true, "f": null});
    assert_eq!(alike(&shown, &answer, ""), Ok(()));
    let others = [
        json!({"a": "7", "b": [{"c": 1}, {"c": 2}]}),
        json!({"a": "", "b": [{"c": 1}, {"c": 2}], "d": true}),
        json!({"a": 7, "b": [{"c": 1}, {"c": 2}], "d": true}),
        json!({"a": "7", "b": [{"c": 1}, {"c": 3}], "d": true}),
        json!({"a": "7", "b": [{"c": 1}], "d": true}),
        json!({"a": "7", "b": [{"c": 1}, {"c": 2}], "d": "true"}),
    ];
    for other in others {
        assert!(alike(&shown, &other, "").is_err(), "{other}");
    }
}
