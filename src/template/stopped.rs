//! Why a rendering was stopped, where it was by something of our own: a limit, or a template that refuses (`throw`).
//! Limits quote no values, and what a template says is meant for the administrator, so he and the log are told.

use std::cell::RefCell;

use tera::{Kwargs, State, Tera, TeraResult, Value};

use super::warnings::sentence;

thread_local! {
    static WHY: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Begins a rendering in this thread.
pub(super) fn begin() {
    WHY.take();
}

/// Why the rendering in this thread was stopped; `None` where it was the engine that failed. It is told once.
pub(super) fn why() -> Option<String> {
    WHY.take()
}

/// Keeps why a rendering is stopped: the first reason is the one.
pub(super) fn keep(why: &str) {
    WHY.with_borrow_mut(|kept| _ = kept.get_or_insert_with(|| why.to_owned()));
}

/// Stops a rendering for a reason that quotes no value.
pub(super) fn stop(why: &'static str) -> tera::Error {
    keep(why);
    tera::Error::message(why)
}

pub(super) fn equip(tera: &mut Tera) {
    tera.register_function("throw", throw);
}

/// Stops the rendering with a sentence of the template's.
#[allow(clippy::needless_pass_by_value, reason = "functions take what Tera gives them")]
fn throw(kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let sentence = sentence(&kwargs)?;
    keep(&sentence);
    Err(tera::Error::message(sentence))
}

#[cfg(test)]
mod tests {
    use super::super::tests::failed;

    #[test]
    fn what_a_template_throws_may_be_told_with_its_place() {
        let found = failed("a = 1\n{{ throw(message=\"no \n\" ~ device.name) }}");
        assert_eq!(found.to_string(), "acme/a/phone.cfg:2:4: no  Desk");
        assert!(found.is_public);
    }

    #[test]
    fn what_a_limit_says_may_be_told() {
        for endless in [
            "{% for a in range(end=20000) %}{% for b in range(end=20000) %}{% endfor %}{% endfor %}",
            "{% for a in range(end=99999) %}{{ device.name }}0123456789{% endfor %}",
            "{{ device.name | replace(from=\"D\", to=range(end=99999) | join) }}",
        ] {
            let found = failed(endless);
            assert!(found.is_public && found.line > 0 && found.message.contains(": "), "{found}");
        }
    }

    #[test]
    fn what_the_engine_says_may_quote_a_value_and_is_not_told() {
        let found = failed("a = {{ device.name | int }}");
        assert!(found.message.contains("`Desk`") && !found.is_public, "{found}");
    }
}
