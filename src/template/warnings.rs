//! What a template tells the administrator: of a setting that its phone can be told only nearly, or not at all.

use std::cell::RefCell;

use tera::{Kwargs, State, Tera, TeraResult, Value};

use super::{escape, meter};

/// How many different sentences of a file are kept.
const MOST: usize = 16;

/// How many characters of a sentence are kept.
const LONGEST: usize = 300;

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins a rendering in this thread.
pub(super) fn begin() {
    SAID.take();
}

/// What the template has said that was rendered last in this thread; it is told once.
pub fn warnings() -> Vec<String> {
    SAID.take()
}

pub(super) fn equip(tera: &mut Tera) {
    tera.register_function("warn", warn);
}

/// What a function is told to say to the administrator, in one line and not too long.
pub(super) fn sentence(kwargs: &Kwargs) -> TeraResult<String> {
    let message: &str = kwargs.must_get("message")?;
    meter::charge(message.len() as u64).map_err(tera::Error::message)?;
    let plain = |c: char| if escape::breaks(c) { ' ' } else { c };
    Ok(message.chars().take(LONGEST).map(plain).collect())
}

/// Keeps a sentence, and writes nothing.
#[allow(clippy::needless_pass_by_value, reason = "functions take what Tera gives them")]
fn warn(kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let sentence = sentence(&kwargs)?;
    SAID.with_borrow_mut(|said| {
        if said.len() < MOST && !said.contains(&sentence) {
            said.push(sentence);
        }
    });
    Ok(Value::from(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Pack, Text};
    use crate::template::Set;
    use crate::template::lint::shipped_samples;

    fn said(template: &str) -> (String, Vec<String>) {
        let mut pack = Pack::shipped();
        let text = Text { text: template.to_owned(), origin: "here".to_owned() };
        pack.templates.insert("yealink/t4x/t46s/phone.cfg".to_owned(), text);
        let set = Set::compile(&pack).unwrap();
        let entry = set.catalog().at("yealink/t4x/t46s").unwrap();
        let file = entry.files().find(|file| file.template == "phone.cfg").unwrap();
        let settings = shipped_samples().remove("plain").unwrap().settings(entry).unwrap().settings;
        let body = set.render(entry, file, &settings).unwrap();
        (String::from_utf8(body).unwrap(), warnings())
    }

    #[test]
    fn a_warning_writes_nothing_and_is_said_once() {
        let template = "a = 1{% for n in [1, 2, 1] %}{{ warn(message=\"\n\" ~ n ~ \"<\") }}{% endfor %}\n";
        let (body, told) = said(template);
        assert_eq!(body, "a = 1\n");
        assert_eq!(told, [" 1<", " 2<"]);
        assert_eq!(warnings(), [""; 0]);
    }

    #[test]
    fn warnings_are_few_and_short() {
        let long = "x".repeat(400);
        let (_, told) = said(&format!(
            "{{% for n in range(end=99) %}}{{{{ warn(message=n ~ \"{long}\") }}}}{{% endfor %}}"
        ));
        assert_eq!(told.len(), MOST);
        assert!(told.iter().all(|sentence| sentence.chars().count() == LONGEST));
    }
}
