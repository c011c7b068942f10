//! The envelope around every answer, and what is done to every request: a name, and one line in the log.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder, Responder, web};
use futures_util::Stream;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use tracing::info;

use super::Desk;
use super::error::Failure;
use super::intake::{self, Intake};
use super::manner::Manner;
use super::{cors, table};
use crate::auth;
use crate::document::Document;
use crate::id::{Digest, hex};

/// What a handler gives back.
pub(super) type Reply = Result<Answer, Failure>;

/// An answer, before it is put into its envelope.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    data: Value,
    /// `None` where it is the digest of the data.
    revision: Option<String>,
    location: Option<String>,
    token: Option<String>,
    page: Map<String, Value>,
}

impl Answer {
    /// Some data that is not a document. Its revision is its digest.
    pub(super) fn data(data: Value) -> Self {
        Self::of(data, None)
    }

    /// A document as its administrator sees it.
    pub(super) fn document(document: &Document) -> Self {
        Self::of(shown(document), Some(document.revision.to_string()))
    }

    fn of(data: Value, revision: Option<String>) -> Self {
        Self { status: StatusCode::OK, data, revision, location: None, token: None, page: Map::new() }
    }

    /// Says under which path the document now stands (201).
    pub(super) fn created(self, location: String) -> Self {
        Self { status: StatusCode::CREATED, location: Some(location), ..self }
    }

    /// Says under which path it is to be seen what comes of the request (202).
    pub(super) fn accepted(self, location: String) -> Self {
        Self { status: StatusCode::ACCEPTED, location: Some(location), ..self }
    }

    /// Says that something new was done (201).
    pub(super) fn done(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// Hands out a token (201).
    pub(super) fn token(self, token: String) -> Self {
        Self { status: StatusCode::CREATED, token: Some(token), ..self }
    }

    /// Names the revision of the document that the data is about.
    pub(super) fn revision(self, document: &Document) -> Self {
        Self { revision: Some(document.revision.to_string()), ..self }
    }

    /// Adds members about the page to the envelope.
    pub(super) fn page(self, page: Map<String, Value>) -> Self {
        Self { page, ..self }
    }

    /// Adds a member to the data that is shown this once, such as a new key.
    pub(super) fn once(mut self, name: &str, value: String) -> Self {
        if let Some(data) = self.data.as_object_mut() {
            data.insert(name.to_owned(), value.into());
        }
        self
    }
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        // A `Value` can always be written.
        let data = to_raw_value(&self.data).unwrap_or_default();
        let revision = self.revision.unwrap_or_else(|| Digest::of(data.get().as_bytes()).to_string());
        let etag = format!("\"{revision}\"");
        if is_known(request, &revision) {
            return HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish();
        }
        let trace = request.extensions().get::<Trace>().cloned().unwrap_or_default();
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::ETAG, etag));
        if let (true, Value::Array(rows)) = (trace.manner.csv, &self.data) {
            return as_table(response, rows, &self.page, &trace);
        }
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        let mut envelope = self.page;
        if let Some(token) = self.token {
            envelope.insert("auth_token".to_owned(), token.into());
        }
        envelope.insert("revision".to_owned(), revision.into());
        envelope.insert("status".to_owned(), "success".into());
        write_with(response, envelope, Some(&data), &trace)
    }
}

/// What is said about a request in its answer and in the log.
#[derive(Clone, Default)]
pub(super) struct Trace {
    request: String,
    token: Option<String>,
    manner: Manner,
}

impl Trace {
    /// The request's name.
    pub(super) fn request(&self) -> String {
        self.request.clone()
    }

    /// Remembers a token that was found good, so that the answer repeats it.
    pub(super) fn keep_token(request: &HttpRequest, token: &str) {
        if let Some(trace) = request.extensions_mut().get_mut::<Self>() {
            trace.token = Some(token.to_owned());
        }
    }

    fn of(request: &ServiceRequest) -> Self {
        let named = request.headers().get("x-request-id").and_then(|name| name.to_str().ok());
        let named = named.filter(|name| (1..=128).contains(&name.len())).map(str::to_owned);
        let random = || request.app_data::<web::Data<Desk>>().map(|desk| hex(&(desk.random)()[..16]));
        Self { request: named.or_else(random).unwrap_or_default(), ..Self::default() }
    }
}

/// Writes an envelope with the name of its request.
pub(super) fn write(
    response: HttpResponseBuilder,
    envelope: Map<String, Value>,
    trace: &Trace,
) -> HttpResponse {
    write_with(response, envelope, None, trace)
}

/// An envelope around data that is written already.
#[derive(Serialize)]
struct Envelope<'e> {
    #[serde(flatten)]
    members: &'e Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'e RawValue>,
}

fn write_with(
    mut response: HttpResponseBuilder,
    mut envelope: Map<String, Value>,
    data: Option<&RawValue>,
    trace: &Trace,
) -> HttpResponse {
    envelope.insert("request_id".to_owned(), trace.request.clone().into());
    if let Some(token) = &trace.token {
        envelope.entry("auth_token").or_insert_with(|| token.clone().into());
    }
    let Manner { pretty, function, .. } = &trace.manner;
    let envelope = Envelope { members: &envelope, data };
    let json = if *pretty { prettily(&envelope) } else { serde_json::to_string(&envelope) };
    let json = json.unwrap_or_default();
    let (kind, body) = match function {
        Some(function) => ("application/javascript", format!("{function}({json});")),
        None => ("application/json", json),
    };
    name(&mut response, trace);
    response.content_type(kind).body(body)
}

fn prettily(envelope: &Envelope<'_>) -> serde_json::Result<String> {
    serde_json::to_value(envelope).map(|envelope| format!("{envelope:#}"))
}

/// The rows as a table. Where the next page begins stands in a header.
fn as_table(
    mut response: HttpResponseBuilder,
    rows: &[Value],
    page: &Map<String, Value>,
    trace: &Trace,
) -> HttpResponse {
    name(&mut response, trace);
    if let Some(next) = page.get("next_start_key").and_then(Value::as_str) {
        response.insert_header(("x-next-start-key", next));
    }
    response.content_type("text/csv; charset=utf-8").body(table::write(rows))
}

/// An answer without an envelope, whose body comes in pieces. `file` is what a browser may save it as.
pub(super) fn streamed<E: Into<Box<dyn std::error::Error>> + 'static>(
    request: &HttpRequest,
    kind: &str,
    file: &str,
    body: impl Stream<Item = Result<web::Bytes, E>> + 'static,
) -> HttpResponse {
    let trace = request.extensions().get::<Trace>().cloned().unwrap_or_default();
    let mut response = HttpResponse::Ok();
    name(&mut response, &trace);
    response.insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")));
    response.content_type(kind).streaming(body)
}

fn name(response: &mut HttpResponseBuilder, trace: &Trace) {
    response.insert_header(("x-request-id", trace.request.as_str()));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
}

/// Names each request, reads it, puts what went wrong into its envelope, and writes one line about it.
pub(super) async fn around(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut trace = Trace::of(&request);
    let from_elsewhere = request.headers().contains_key(header::ORIGIN);
    let (verb, path) = (request.method().clone(), auth::without_secrets(request.path()));
    let read = intake::take_in(&mut request).await;
    if let Some(intake) = request.extensions().get::<Intake>() {
        trace.manner = Manner::of(request.request(), intake);
    }
    request.extensions_mut().insert(trace.clone());
    let mut response = match read {
        Ok(()) => answered(next.call(request).await?, &trace),
        Err(failure) => request.into_response(refused(&failure, &trace)),
    };
    if from_elsewhere {
        cors::open(response.headers_mut());
    }
    let status = response.status().as_u16();
    // The query may have a token.
    info!(method = %verb, path, status, request = trace.request, "administrator");
    Ok(response)
}

fn answered(
    response: ServiceResponse<impl MessageBody + 'static>,
    trace: &Trace,
) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let told = request.extensions().get::<Trace>().cloned();
    let trace = told.as_ref().unwrap_or(trace);
    let response = match response.error().map(Error::as_error::<Failure>) {
        Some(Some(failure)) => refused(failure, trace),
        Some(None) => Failure::not_found().response(trace),
        None => response.map_into_boxed_body(),
    };
    ServiceResponse::new(request, response)
}

fn refused(failure: &Failure, trace: &Trace) -> HttpResponse {
    info!(%failure, "refused");
    failure.response(trace)
}

pub(super) fn is_known(request: &HttpRequest, revision: &str) -> bool {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    matches!(*request.method(), Method::GET | Method::HEAD)
        && known.is_some_and(|known| names(known, revision))
}

/// True when a list of entity tags, as `If-Match` has it, names this revision or all (`*`).
pub(super) fn names(tags: &str, revision: &str) -> bool {
    let bare = |tag: &'_ str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    tags.split(',').map(bare).any(|tag| tag == "*" || tag == revision)
}

/// A body with its id, without what only the server knows.
pub(super) fn shown(document: &Document) -> Value {
    Value::Object(whole(document.clone()))
}

/// The same of a document that is needed no more.
pub(super) fn whole(document: Document) -> Map<String, Value> {
    let mut body = document.body;
    body.retain(|name, _| !name.starts_with("pvt_"));
    body.insert("id".to_owned(), json!(document.id));
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    #[test]
    fn entity_tags_are_understood_with_and_without_quotes_weak_and_in_lists() {
        for tags in ["1-ab", "\"1-ab\"", "W/\"1-ab\"", "\"2-cd\", \"1-ab\"", "*"] {
            assert!(names(tags, "1-ab"), "{tags}");
        }
        assert!(!names("\"1-a\", 2-cd", "1-ab") && !names("", "1-ab"));
    }

    #[test]
    fn what_only_the_server_knows_is_not_shown() {
        let body = json!({"name": "a", "pvt_credentials": "x", "id": "other"});
        let id = Id::from_bytes([1; 16]);
        let shown = shown(&Document::new(id, id, body.as_object().unwrap().clone(), 0));
        assert_eq!(shown, json!({"name": "a", "id": id.to_string()}));
    }
}
