//! What a list says of each device: a summary, the fields asked for, or all of it.

use serde_json::{Map, Value, json};

use super::envelope::whole;
use super::intake::Intake;
use crate::device::Device;
use crate::document::{at, put_at};
use crate::registrations::Registrations;

/// Devices that never register, by `device_type`.
const WITHOUT_REGISTRATION: [&str; 5] = ["application", "cellphone", "sip_url", "landline", "smartphone"];

/// Members of a document's body, by their dotted paths.
pub(super) type Members = &'static [&'static str];

/// How the rows of a list are written.
pub(super) struct Rows<'d> {
    form: Form,
    registrations: Option<&'d Registrations>,
}

enum Form {
    Summary,
    Fields(Vec<String>),
    Whole,
}

impl<'d> Rows<'d> {
    /// What a request asks for: `full_docs=true`, `fields=["name","sip.username"]`, and with either or neither
    /// `with_status=true`.
    pub(super) fn of(intake: &Intake, registrations: &'d Registrations) -> Self {
        let is_true = |name| intake.parameter(name) == Some("true");
        let fields = intake.parameter("fields").and_then(|text| serde_json::from_str(text).ok());
        let form = match fields {
            _ if is_true("full_docs") => Form::Whole,
            Some(fields) => Form::Fields(fields),
            None => Form::Summary,
        };
        Self { form, registrations: is_true("with_status").then_some(registrations) }
    }

    /// The members that rows are made of; `None` where it may be any.
    pub(super) fn members(&self) -> Option<Members> {
        matches!(self.form, Form::Summary).then_some(Device::SUMMARY)
    }

    /// The row of a device.
    pub(super) fn row(&self, device: Device) -> Map<String, Value> {
        let status = self.registrations.map(|registrations| status(&device, registrations));
        let mut row = match &self.form {
            Form::Summary => summary(device),
            Form::Fields(fields) => sparse(&device, fields),
            Form::Whole => whole(device.document),
        };
        row.extend(status.into_iter().flatten());
        row
    }

    /// The row of a device in the list of a user. Its summary leaves out what the user's screen does not show.
    pub(super) fn row_of_user(&self, device: Device, hotdesked: bool) -> Map<String, Value> {
        let mut row = self.row(device);
        if matches!(self.form, Form::Summary) {
            row.retain(|name, _| !matches!(name.as_str(), "username" | "mobile" | "flags"));
        }
        row.insert("hotdesked".to_owned(), hotdesked.into());
        row
    }
}

/// What is not set is left out.
fn summary(device: Device) -> Map<String, Value> {
    let id = device.id();
    let username = device.username().map(Value::from);
    let mut body = device.document.body;
    let mut take = |name: &str| body.remove(name).filter(|value| !value.is_null());
    let mut row = Map::new();
    for name in ["name", "owner_id", "enabled", "call_recording", "mobile", "flags"] {
        row.extend(take(name).map(|value| (name.to_owned(), value)));
    }
    row.extend(username.map(|username| ("username".to_owned(), username)));
    row.insert("id".to_owned(), json!(id));
    for (name, usual) in [("mac_address", ""), ("device_type", "sip_device")] {
        row.insert(name.to_owned(), take(name).unwrap_or_else(|| usual.into()));
    }
    row
}

fn sparse(device: &Device, fields: &[String]) -> Map<String, Value> {
    let mut row = Map::new();
    for field in fields.iter().filter(|field| !field.starts_with("pvt_")) {
        if let Some(value) = at(&device.document.body, field) {
            put_at(&mut row, field, value.clone());
        }
    }
    row.insert("id".to_owned(), json!(device.id()));
    row
}

fn status(device: &Device, registrations: &Registrations) -> Map<String, Value> {
    let registrable =
        device.document.text("device_type").is_none_or(|kind| !WITHOUT_REGISTRATION.contains(&kind));
    let mut row = Map::from_iter([("registrable".to_owned(), registrable.into())]);
    if registrable {
        row.insert("registered".to_owned(), registrations.contains(device.id()).into());
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::id::Id;

    const ID: Id = Id::from_bytes([7; 16]);

    fn device(body: &Value) -> Device {
        Device { document: Document::new(ID, ID, body.as_object().unwrap().clone(), 0) }
    }

    fn row(query: &[(&str, &str)], body: &Value) -> Value {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let registrations = Registrations::default();
        let intake = Intake { query, ..Intake::default() };
        Value::Object(Rows::of(&intake, &registrations).row(device(body)))
    }

    #[test]
    fn a_summary_leaves_out_what_is_not_set_but_says_which_kind_of_device_it_is() {
        let body = json!({"name": "Desk", "sip": {"username": "a", "password": "hidden"}});
        assert_eq!(
            row(&[], &body),
            json!({"id": ID, "name": "Desk", "username": "a", "mac_address": "", "device_type": "sip_device"})
        );
    }

    #[test]
    fn fields_come_at_their_places_with_the_id() {
        let body = json!({"name": "Desk", "sip": {"username": "a", "realm": "r"}, "pvt_x": 1});
        let asked = [("fields", "[\"sip.username\",\"name\",\"none\",\"pvt_x\"]")];
        assert_eq!(row(&asked, &body), json!({"id": ID, "name": "Desk", "sip": {"username": "a"}}));
        assert_eq!(row(&[("fields", "[\"sip\",\"sip.realm.x\"]")], &body)["sip"], body["sip"]);
    }

    #[test]
    fn all_of_it_is_the_document_without_its_private_members() {
        let body = json!({"name": "Desk", "pvt_x": 1});
        assert_eq!(row(&[("full_docs", "true")], &body), json!({"id": ID, "name": "Desk"}));
    }

    #[test]
    fn a_status_is_added_for_those_that_can_register() {
        let with = [("with_status", "true"), ("fields", "[]")];
        assert_eq!(row(&with, &json!({})), json!({"id": ID, "registrable": true, "registered": false}));
        let phone = json!({"device_type": "landline"});
        assert_eq!(row(&with, &phone), json!({"id": ID, "registrable": false}));
    }
}
