//! Call forwarding and do-not-disturb, where the phone keeps them and not the server.

use serde::Serialize;
use serde_json::Value;

use super::layers::Layers;

/// What becomes of calls to the phone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calls {
    /// Whether the phone keeps forwarding and do-not-disturb (`provision.calls.kept_by` is `phone`). Where it does not,
    /// the server does, or whoever sits there sets them, and nothing else here is set.
    pub kept: bool,
    /// Where calls go.
    pub forward: Forward,
    /// Whether it takes none.
    pub dnd: bool,
}

/// Numbers to which calls are forwarded; an empty one is not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forward {
    /// All calls.
    pub always: String,
    /// Those that come while it is busy.
    pub busy: String,
    /// Those that nobody answers.
    pub no_answer: String,
    /// After how many seconds nobody has: 5 to 120.
    pub seconds: u16,
}

/// How long a phone rings before nobody has answered, where nothing else is said.
const RINGS: u16 = 20;

/// `call_forward` and `do_not_disturb` as the Devices API has them, and what it does not know in `provision.calls`.
pub(super) fn of(layers: &Layers<'_>) -> Calls {
    let kept = layers.text("provision.calls.kept_by") == Some("phone");
    let when = |path: &str| if kept { layers.owned(path) } else { String::new() };
    let seconds = layers.number("provision.calls.no_answer_seconds").unwrap_or(RINGS);
    Calls {
        kept,
        forward: Forward {
            always: always(layers).filter(|_| kept).unwrap_or_default().to_owned(),
            busy: when("provision.calls.forward_busy"),
            no_answer: when("provision.calls.forward_no_answer"),
            seconds: seconds.clamp(5, 120),
        },
        dnd: kept && layers.any("do_not_disturb.enabled"),
    }
}

/// The number of the nearest forwarding that is switched on.
fn always<'a>(layers: &Layers<'a>) -> Option<&'a str> {
    let is_on = |forward: &&Value| forward.get("enabled").and_then(Value::as_bool) == Some(true);
    let number = |forward: &'a Value| forward.get("number")?.as_str().map(str::trim);
    layers.every("call_forward").filter(is_on).filter_map(number).find(|number| !number.is_empty())
}
