//! What a rendering may cost. Tera runs a template to its end, however long that takes, so every template is woven
//! through with calls to the filter and the function of this module before it is compiled: they count the work, and
//! fail where it is too much. The same template with the same settings costs the same on every machine.

#![allow(clippy::needless_pass_by_value, reason = "filters and functions take what Tera gives them")]

use std::cell::Cell;
use std::collections::BTreeMap;

use tera::value::Key;
use tera::{Kwargs, Map, State, StringInput, Tera, TeraResult, Value};

use super::stopped::{self, stop};

mod shape;
mod weave;

pub(super) use shape::{Container, container, is_part};
pub(super) use weave::{Woven, weave};

/// What one rendering may cost: a second, or little more, in the worst of templates. The dearest file that is
/// shipped costs less than a hundredth of it.
pub(super) const MOST: u64 = 100_000_000;

/// The largest value that a template may make, in bytes. A list counts 16 for each of its elements, and what is
/// in them.
const LARGEST: u64 = 512 << 10;

/// How deep lists and maps may lie in each other.
const DEEPEST: u32 = 12;

/// What each call of a filter or function costs beside the bytes that it looks at.
const CALL: u64 = 100;

/// What each round of a loop costs beside what stands in it.
const ROUND: u64 = 20;

/// What entering a template, a block or a component costs beside its text.
const ENTER: u64 = 600;

/// What an argument of a component costs beside what it is.
const ARGUMENT: u64 = 200;

/// What a byte of a text costs that is looked through, or looked for.
const LOOK: u64 = 4;

/// The longest path of an attribute, in bytes.
const PATH: u64 = 200;

const TOO_LONG: &str =
    "the path of an attribute is longer than 200 bytes: name what it leads to more shortly";
/// What is said where a rendering costs more.
pub(super) const TOO_MUCH: &str =
    "this takes more work than a file may: loop over less, and not in loops over each other";
const TOO_LARGE: &str = "a value of more than 512 KiB is made here: write it out in parts instead";
const TOO_DEEP: &str = "lists or maps lie in each other more than 12 deep: keep them flat";

thread_local! {
    static SPENT: Cell<u64> = const { Cell::new(0) };
}

/// Begins a rendering in this thread.
pub(super) fn begin() {
    SPENT.set(0);
}

/// What the rendering in this thread has cost.
pub(super) fn spent() -> u64 {
    SPENT.get()
}

/// Counts work; an error where it is too much, which stops the rendering.
pub(super) fn charge(work: u64) -> Result<(), &'static str> {
    let spent = SPENT.get().saturating_add(work);
    SPENT.set(spent.min(MOST + 1));
    if spent <= MOST {
        return Ok(());
    }
    stopped::keep(TOO_MUCH);
    Err(TOO_MUCH)
}

/// Gives an engine the filter and the function that are woven in, and the filters of Tera that could make much of
/// little, or in no order, as they are bounded and ordered here.
pub(super) fn equip(tera: &mut Tera) {
    tera.register_filter("metered", metered);
    tera.register_filter("looked", looked);
    tera.register_filter("path", path);
    tera.register_filter("looped", looped);
    tera.register_function("entered", entered);
    tera.register_filter("replace", replace);
    tera.register_filter("join", join);
    tera.register_filter("indent", indent);
    tera.register_filter("group_by", group_by);
}

fn charged(work: u64) -> TeraResult<()> {
    charge(work).map_err(tera::Error::message)
}

/// Gives a value back as it is, once its size is paid for: `times` over, or once for each of its elements.
fn metered(value: Value, kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let mut times = kwargs.get("times")?.unwrap_or(1);
    if kwargs.get("squared")?.unwrap_or(false) {
        times = 4 + value.len().unwrap_or(0) as u64;
    }
    charged(CALL.saturating_add(size(&value)?.saturating_mul(times)))?;
    Ok(value)
}

/// Gives a value back as it is, once a text is paid for; and so is the text that it stands in, `of`.
fn looked(value: Value, kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let within = kwargs.get::<&Value>("of")?.map_or(0, length);
    charged(CALL.saturating_add(LOOK.saturating_mul(within.saturating_add(length(&value)))))?;
    Ok(value)
}

fn length(value: &Value) -> u64 {
    value.as_str().map_or(0, str::len) as u64
}

/// Gives the path of an attribute back as it is. It is followed in each element of a list, so it is short.
fn path(value: Value, _: Kwargs, _: &State) -> TeraResult<Value> {
    if length(&value) > PATH { Err(stop(TOO_LONG)) } else { Ok(value) }
}

/// Gives back what is to be looped over, once each round is paid for: `cost` for what stands in the loop.
fn looped(value: Value, kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let rounds = value.len().unwrap_or(0) as u64;
    let cost = kwargs.get::<u64>("cost")?.unwrap_or(CALL);
    charged(
        length(&value).saturating_add(CALL).saturating_add(rounds.saturating_mul(cost.saturating_add(ROUND))),
    )?;
    Ok(value)
}

/// Writes nothing, once a template, a block or a component is paid for, and the component's arguments.
fn entered(kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let with = kwargs.get::<&Value>("with")?;
    let count = with.and_then(Value::len).unwrap_or(0) as u64;
    let cost = kwargs.get::<u64>("cost")?.unwrap_or(CALL).saturating_add(ENTER + ARGUMENT * count);
    charged(with.map_or(Ok(0), size)?.saturating_add(cost))?;
    Ok(Value::from(""))
}

/// The size of a value in bytes; an error where it is too large or too deep.
fn size(value: &Value) -> TeraResult<u64> {
    let mut left = LARGEST;
    take(value, &mut left, DEEPEST).map_err(stop)?;
    Ok(LARGEST - left)
}

fn take(value: &Value, left: &mut u64, depth: u32) -> Result<(), &'static str> {
    let depth = depth.checked_sub(1).ok_or(TOO_DEEP)?;
    let own = 16 + value.as_str().map_or(0, str::len) + value.as_bytes().map_or(0, <[u8]>::len);
    *left = left.checked_sub(own as u64).ok_or(TOO_LARGE)?;
    if let Some(elements) = value.as_array() {
        elements.iter().try_for_each(|element| take(element, left, depth))?;
    }
    for (key, value) in value.as_map().into_iter().flatten() {
        let own = 16 + key.as_str().map_or(0, str::len);
        *left = left.checked_sub(own as u64).ok_or(TOO_LARGE)?;
        take(value, left, depth)?;
    }
    Ok(())
}

fn bounded(length: Option<usize>) -> TeraResult<()> {
    let length = length.map_or(u64::MAX, |length| length as u64);
    if length > LARGEST { Err(stop(TOO_LARGE)) } else { charged(length.saturating_mul(4)) }
}

/// Tera's `replace`, which looks at how long its result would be first.
fn replace(value: StringInput, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    let (from, to) = (kwargs.must_get::<&str>("from")?, kwargs.must_get::<&str>("to")?);
    let text = value.as_str();
    bounded(Some(from.len().max(text.len())))?;
    let grown = text.matches(from).count().checked_mul(to.len());
    bounded(grown.and_then(|grown| grown.checked_add(text.len())))?;
    Ok(text.replace(from, to))
}

/// Tera's `join`, which looks at how long its result would be first.
fn join(values: &[Value], kwargs: Kwargs, _: &State) -> TeraResult<String> {
    let separator = kwargs.get::<&str>("sep")?.unwrap_or("");
    bounded(separator.len().checked_mul(values.len()))?;
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    Ok(texts.join(separator))
}

/// Tera's `indent`, which looks at how long its result would be first.
fn indent(value: StringInput, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    let (text, width) = (value.as_str(), kwargs.get::<usize>("width")?.unwrap_or(4));
    let sign = kwargs.get::<&str>("indentation")?.unwrap_or(" ");
    let (first, blank) = (kwargs.get("first")?.unwrap_or(false), kwargs.get("blank")?.unwrap_or(false));
    if sign.chars().count() != 1 {
        return Err(stop(
            "`indentation` is not exactly one character: write one, such as `indentation=\" \"`",
        ));
    }
    let before = width.checked_mul(sign.len());
    let grown = before.and_then(|before| before.checked_mul(text.lines().count().max(1)));
    bounded(grown.and_then(|grown| grown.checked_add(text.len())))?;
    let before = sign.repeat(width);
    let line = |(at, line): (usize, &str)| {
        let bare = (at == 0 && !first) || (at > 0 && line.is_empty() && !blank);
        if bare { line.to_owned() } else { format!("{before}{line}") }
    };
    let lines: Vec<String> = text.lines().enumerate().map(line).collect();
    Ok(lines.join("\n") + if text.ends_with('\n') { "\n" } else { "" })
}

/// Tera's `group_by`, with the groups in the order in which their first elements stand.
fn group_by(values: &[Value], kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let attribute = kwargs.must_get::<&str>("attribute")?;
    let mut groups: Vec<(Key<'static>, Vec<Value>)> = Vec::new();
    let mut places = BTreeMap::new();
    for value in values {
        let lacking = || tera::Error::message(format!("an element has no `{attribute}` to group it by"));
        let named = value.get_from_path(attribute).ok_or_else(lacking)?;
        if named.is_none() {
            continue;
        }
        let place = *places.entry(named.to_string()).or_insert(groups.len());
        if place == groups.len() {
            let key = named.as_i128().map_or_else(|| Key::from(named.to_string()), Key::from);
            groups.push((key, Vec::new()));
        }
        groups[place].1.push(value.clone());
    }
    let map: Map = groups.into_iter().map(|(key, group)| (key, Value::from(group))).collect();
    Ok(Value::from(map))
}
