//! What is said when something cannot be done: Kazoo's codes and words.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};

use super::envelope::{Trace, write};
use crate::auth::OutOfMemory;
use crate::document::at;
use crate::files::Refusal;
use crate::schema::{Invalid, Problem};
use crate::settings::SettingsError;
use crate::store::{Entity, StoreError, Unique};

/// Why a request was refused. Holds no secrets: it is logged and shown.
#[derive(Debug, thiserror::Error)]
#[error("{} {message}", status.as_u16())]
pub(super) struct Failure {
    status: StatusCode,
    message: &'static str,
    data: Value,
    header: Option<(HeaderName, String)>,
}

impl Failure {
    /// The request's document is not one that can be stored.
    pub(super) fn invalid(invalid: &Invalid) -> Self {
        Self::new(400, "validation error", json!(invalid))
    }

    /// One member of the request is not as it must be.
    pub(super) fn problem(path: &str, code: &'static str, problem: Problem) -> Self {
        let mut invalid = Invalid::default();
        invalid.add(path, code, problem);
        Self::invalid(&invalid)
    }

    /// The body is not a JSON object.
    pub(super) fn no_json(reason: &str) -> Self {
        let problem = Problem::new(format!("All JSON must be valid: {reason}")).target("body");
        Self::problem("json", "invalid", problem)
    }

    /// The body is larger than `most` bytes.
    pub(super) fn too_large(most: usize) -> Self {
        let message = format!("Payload or Files must not be more than {most} bytes");
        Self::problem("file", "maxSize", Problem::new(message).target(most))
    }

    /// Nobody has logged in.
    pub(super) fn no_token() -> Self {
        Self::new(401, "invalid_credentials", json!({"message": "invalid credentials"}))
    }

    /// The token is none, or no longer one.
    pub(super) fn bad_token() -> Self {
        Self::new(401, "invalid credentials", json!({}))
    }

    /// The caller may not do this.
    pub(super) fn forbidden() -> Self {
        Self::new(403, "forbidden", json!({"message": "forbidden"}))
    }

    /// A person may not change this member.
    pub(super) fn locked(member: &str) -> Self {
        let message = format!("only an administrator may change {member}");
        Self::new(403, "forbidden", json!({"message": message, "cause": member}))
    }

    /// API keys are kept in a form from which they cannot be read.
    pub(super) fn unreadable_key() -> Self {
        let message = "only a hash of the API key is kept, so it cannot be shown: PUT makes a new one";
        Self::new(400, "api_key_not_readable", json!({"message": message}))
    }

    /// This source has failed to log in too often, or too many log in at this moment.
    pub(super) fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs_f64().ceil().max(1.0);
        let message = format!("too many logins: try again in {seconds} seconds");
        let header = Some((header::RETRY_AFTER, seconds.to_string()));
        Self { header, ..Self::new(429, "too_many_requests", json!({"message": message})) }
    }

    /// There is nothing at this path.
    pub(super) fn not_found() -> Self {
        Self::new(404, "not_found", json!({"message": "not found"}))
    }

    /// There is no document of this id here.
    pub(super) fn unknown(id: &str) -> Self {
        Self::new(404, "bad_identifier", json!({"message": "bad identifier", "cause": id}))
    }

    /// An account's id that is not even one.
    pub(super) fn no_account_id(text: &str) -> Self {
        Self::new(404, "bad identifier", json!({"message": format!("invalid account_id '{text}'")}))
    }

    /// No account has this API key.
    pub(super) fn unknown_key() -> Self {
        Self::new(404, "bad identifier", json!(["key"]))
    }

    /// What to do is not said, or is nothing that can be done.
    pub(super) fn no_action(message: &'static str) -> Self {
        Self::new(400, message, json!({"message": message, "target": ["notify"]}))
    }

    /// The device has no files, and why.
    pub(super) fn no_files(refusal: &Refusal) -> Self {
        let message = format!("the device has no files: {refusal}");
        Self::new(404, "not_found", json!({"message": message}))
    }

    /// The page asked for cannot be made out.
    pub(super) fn bad_page(parameter: &str) -> Self {
        Self::new(404, "faulty_request", json!({"message": format!("{parameter} is not usable")}))
    }

    /// This path is for these verbs only.
    pub(super) fn wrong_verb(allowed: String) -> Self {
        let data = json!({"message": "method not allowed"});
        Self { header: Some((header::ALLOW, allowed)), ..Self::new(405, "invalid_method", data) }
    }

    /// The document was changed since the caller read it.
    pub(super) fn conflict() -> Self {
        Self::new(409, "datastore_conflict", json!({"message": "conflicting documents"}))
    }

    /// The document is not at the revision of `If-Match`.
    pub(super) fn precondition() -> Self {
        let message = "the document is no longer at the revision that If-Match names";
        Self::new(412, "precondition_failed", json!({"message": message}))
    }

    /// The body's content type is none that is read here. Answered without a body.
    pub(super) fn unsupported() -> Self {
        Self::new(415, "unsupported media type", Value::Null)
    }

    /// No row was stored, because of those that are wrong: `report` says which.
    pub(super) fn rows(report: Value) -> Self {
        Self::new(400, "validation error", report)
    }

    /// So many do this already that others must wait.
    pub(super) fn busy(message: &str) -> Self {
        Self::new(429, "too_many_requests", json!({"message": message}))
    }

    /// What is wrong with the document, if it is the document that is wrong.
    pub(super) fn wrong(self) -> Result<Value, Self> {
        if self.status == StatusCode::BAD_REQUEST { Ok(self.data) } else { Err(self) }
    }

    /// The store would not take `entity`.
    pub(super) fn unstored(error: StoreError, entity: &Entity) -> Self {
        match error {
            StoreError::Taken { field, .. } => taken(field, entity),
            error => error.into(),
        }
    }

    /// The device would break its phone's files.
    pub(super) fn unrenderable(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            Refusal::Settings(SettingsError::Encryption(error)) => {
                Self::problem("provision.encryption.password", "invalid", Problem::new(error.to_string()))
            }
            Refusal::Settings(error) => Self::problem("timezone", "invalid", Problem::new(error.to_string())),
            refusal => Self::problem("provision", "unrenderable", Problem::new(sentence(&refusal))),
        }
    }

    /// True when the document was changed between reading and writing it.
    pub(super) fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    /// The answer, as Kazoo's clients know it.
    pub(super) fn response(&self, trace: &Trace) -> HttpResponse {
        if self.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return HttpResponse::build(self.status).finish();
        }
        let mut envelope = Map::new();
        envelope.insert("data".to_owned(), self.data.clone());
        envelope.insert("error".to_owned(), self.status.as_u16().to_string().into());
        envelope.insert("message".to_owned(), self.message.into());
        envelope.insert("status".to_owned(), "error".into());
        let mut response = HttpResponse::build(self.status);
        if let Some((name, value)) = &self.header {
            response.insert_header((name.clone(), value.as_str()));
        }
        write(response, envelope, trace)
    }

    fn new(status: u16, message: &'static str, data: Value) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, message, data, header: None }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status
    }
}

/// What a failure of the store means when no document is about to be stored.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let said = json!({"message": error.to_string()});
        match error {
            StoreError::Conflict(_) => Self::conflict(),
            StoreError::Missing(id) => Self::unknown(&id.to_string()),
            StoreError::Taken { .. } => Self::new(409, "datastore_conflict", said),
            StoreError::HasChildren(_) => Self::new(400, "account_has_descendants", said),
            StoreError::TooLarge { most, .. } => {
                Self::problem("data", "maxSize", Problem::new(error.to_string()).target(most))
            }
            StoreError::Full(_) => Self::new(503, "datastore_full", said),
            StoreError::Damaged(_) | StoreError::Locked(_) | StoreError::Io(_) => {
                Self::new(503, "datastore_fault", said)
            }
        }
    }
}

impl From<OutOfMemory> for Failure {
    fn from(error: OutOfMemory) -> Self {
        Self::new(503, "out_of_memory", json!({"message": error.to_string()}))
    }
}

/// A value that another document has. Whose it is, is not said: it may be an account that the caller must not see.
fn taken(field: Unique, entity: &Entity) -> Failure {
    let (path, message) = match field {
        Unique::Mac => ("mac_address", "MAC address already in use"),
        Unique::Username => ("sip.username", "SIP credentials already in use"),
        Unique::Realm => ("realm", "Account realm already in use"),
        Unique::Name => ("name", "Account name already in use"),
        Unique::Login => ("username", "User name already in use"),
        Unique::Ip => ("sip.ip", "SIP IP already in use"),
        Unique::ApiKey => return Failure::conflict(),
    };
    let cause = match entity {
        Entity::Device(device) if field == Unique::Mac => device.mac().map(|mac| mac.to_string().into()),
        entity => at(&entity.document().body, path).cloned(),
    };
    Failure::problem(path, "unique", Problem::new(message).cause(cause.unwrap_or_default()))
}

fn sentence(refusal: &Refusal) -> String {
    format!("the phone's files cannot be made from this: {refusal}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::document::Document;
    use crate::id::Id;
    use crate::template::Finding;

    const ID: Id = Id::from_bytes([7; 16]);

    fn device() -> Entity {
        let body = json!({"mac_address": "00:04:F2:AB:7E:FD", "sip": {"username": "alice"}});
        Entity::Device(Device { document: Document::new(ID, ID, body.as_object().unwrap().clone(), 0) })
    }

    #[test]
    fn every_failure_of_the_store_has_a_status_that_says_whose_turn_it_is() {
        let cases = [
            (StoreError::Conflict(ID), 409),
            (StoreError::Missing(ID), 404),
            (StoreError::Taken { field: Unique::Mac, by: ID }, 409),
            (StoreError::HasChildren(ID), 400),
            (StoreError::TooLarge { bytes: 2, most: 1 }, 400),
            (StoreError::Full("x".into()), 503),
            (StoreError::Damaged("x".into()), 503),
            (StoreError::Locked("x".into()), 503),
            (StoreError::Io("x".into()), 503),
        ];
        for (error, status) in cases {
            assert_eq!(Failure::from(error.clone()).status.as_u16(), status, "{error}");
        }
    }

    #[test]
    fn a_value_in_use_is_named_but_not_who_has_it() {
        let by = Id::from_bytes([9; 16]);
        let said = |field| Failure::unstored(StoreError::Taken { field, by }, &device()).data;
        assert_eq!(
            said(Unique::Mac),
            json!({"mac_address": {"unique": {"message": "MAC address already in use", "cause": "0004f2ab7efd"}}})
        );
        assert_eq!(
            said(Unique::Username),
            json!({"sip.username": {"unique": {"message": "SIP credentials already in use", "cause": "alice"}}})
        );
        assert_eq!(said(Unique::Ip)["sip.ip"]["unique"]["message"], "SIP IP already in use");
        assert_eq!(said(Unique::Name)["name"]["unique"]["message"], "Account name already in use");
        assert_eq!(said(Unique::Login)["username"]["unique"]["message"], "User name already in use");
    }

    #[test]
    fn a_template_that_fails_is_named_by_its_place_only() {
        let finding = Finding::new("yealink/t.cfg", (3, 1), "cannot add \"s3cret\"");
        let failure = Failure::unrenderable(Refusal::Template(finding));
        let said = failure.data.to_string();
        assert_eq!(failure.status.as_u16(), 400);
        assert!(said.contains("yealink/t.cfg:3:1") && !said.contains("s3cret"), "{said}");
    }

    #[test]
    fn what_a_template_refuses_with_is_told() {
        let refusal = Refusal::Template(Finding::whole("acme/base.cfg", "no boom"));
        let said = Failure::unrenderable(refusal).data.to_string();
        assert!(said.contains("cannot be made from this: template acme/base.cfg:1:1: no boom"), "{said}");
    }

    #[test]
    fn settings_that_fail_are_a_matter_of_the_time_zone() {
        let failure = Failure::unrenderable(Refusal::Settings(SettingsError::NoAccount));
        assert!(failure.data["timezone"]["invalid"]["message"].is_string());
    }
}
