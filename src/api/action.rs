//! Something done with a device: a NOTIFY with any event and body.

use serde_json::{Map, Value, json};

use super::change::find_device;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::circle::{Content, Station};
use crate::device::Device;
use crate::document::at;
use crate::resync::Class;
use crate::schema::{self, Schema};
use crate::store::history;

/// `PUT …/devices/{D}` with `{"action": "notify", "data": {"event": "check-sync"}}`, in any of the nestings that
/// clients write it in. The history of the device says what came of it.
pub(super) async fn act(call: Call) -> Reply {
    let device = find_device(&call).await?;
    match call.option("action").as_deref() {
        Some("notify") => notify(&call, device),
        None => Err(Failure::no_action("action required")),
        Some(_) => Err(Failure::no_action("invalid action")),
    }
}

fn notify(call: &Call, device: Device) -> Reply {
    call.must_be_meant()?;
    let said = Schema::of(schema::Noun::DeviceNotify).accept(inner(call.data()?));
    let said = said.map_err(|invalid| Failure::invalid(&invalid))?;
    let text = |path| at(&said, path).and_then(Value::as_str).map(str::to_owned);
    let event = text("event").unwrap_or_default();
    let content = text("body.content_type").zip(text("body.data"));
    let content = content.map(|(kind, body)| Content { kind, body: body.into() });
    let answer = Answer::data(json!("NOTIFY sent")).revision(&device.document);
    let (desk, random) = (call.desk.clone(), (call.desk.random)());
    let at = (desk.clock)();
    let key = history::key(device.id(), at, [random[0], random[1], random[2], random[3]]);
    actix_web::rt::spawn(async move {
        let id = device.id();
        let outcome = desk.switchboard.tell(Station::from(&device), event.clone(), content).await;
        let (class, code) = Class::of(outcome);
        let message = outcome.map_or_else(|| "not registered".to_owned(), |outcome| outcome.words());
        let mut entry =
            json!({"at": at / 1000, "what": "notify", "event": event, "class": class, "message": message});
        if let Some(code) = code {
            entry["code"] = code.into();
        }
        if let Err(error) = history::write(&*desk.store, id, key, &entry).await {
            tracing::warn!(device = %id, %error, "what came of a NOTIFY is not noted");
        }
    });
    Ok(answer.done())
}

/// What is to be sent stands under `data`, beside the action or one level deeper.
fn inner(mut data: Map<String, Value>) -> Map<String, Value> {
    data.remove("action");
    match data.remove("data") {
        Some(Value::Object(deeper)) => deeper,
        Some(other) => Map::from_iter([("event".to_owned(), other)]),
        None => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_sent_is_found_in_every_nesting() {
        let event = json!({"event": "check-sync"});
        let nestings = [
            json!({"event": "check-sync"}),
            json!({"action": "notify", "event": "check-sync"}),
            json!({"action": "notify", "data": {"event": "check-sync"}}),
            json!({"data": {"event": "check-sync"}}),
        ];
        for nesting in nestings {
            let Value::Object(data) = nesting else { panic!("an object") };
            assert_eq!(Value::Object(inner(data)), event);
        }
    }
}
