//! What is done with a request before it is known where it goes: its body is read, a verb written in it takes the
//! place of POST, and `/v2/account` becomes the caller's own account.

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, Uri, header};
use actix_web::{FromRequest as _, HttpMessage as _, HttpRequest, web};
use serde_json::{Map, Value};

use super::error::Failure;
use super::import;

/// The largest body that is read, in bytes.
pub(super) const MOST: usize = 8_000_000;

/// What stands for the account of the token where a path names an account.
pub(super) const OWN: &str = "~";

/// What came with a request beside its headers.
#[derive(Debug, Clone, Default)]
pub(super) struct Intake {
    /// The parameters of the query, in their order.
    pub(super) query: Vec<(String, String)>,
    /// The body, an object of JSON; empty where there was none.
    pub(super) envelope: Map<String, Value>,
    /// False when the body is of a kind that was not read.
    pub(super) supported: bool,
}

impl Intake {
    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a request and makes it what it stands for. What was read is left with the request.
pub(super) async fn take_in(request: &mut ServiceRequest) -> Result<(), Failure> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let readable = is_json(request.request());
    let envelope = if readable { parse(&read(request).await?)? } else { Map::new() };
    let supported = readable || is_without_body(request.request()) || import::reads(request.request());
    let intake = Intake { query, envelope, supported };
    if let Some(verb) = tunnelled(request, &intake) {
        request.head_mut().method = verb;
    }
    name_own_account(request);
    request.extensions_mut().insert(intake);
    Ok(())
}

async fn read(request: &mut ServiceRequest) -> Result<web::Bytes, Failure> {
    let mut payload = request.take_payload();
    let payload = web::Payload::from_request(request.request(), &mut payload).await;
    let payload = payload.map_err(|_| Failure::no_json("it broke off"))?;
    let body = payload.to_bytes_limited(MOST).await.map_err(|_| Failure::too_large(MOST))?;
    body.map_err(|_| Failure::no_json("it broke off"))
}

/// The verb that a POST stands for: clients behind proxies that let only GET and POST pass write it elsewhere.
fn tunnelled(request: &ServiceRequest, intake: &Intake) -> Option<Method> {
    if request.method() != Method::POST {
        return None;
    }
    let written = intake.envelope.get("verb").and_then(Value::as_str);
    let overriding = || request.headers().get("x-http-method-override")?.to_str().ok();
    let verb = intake.parameter("verb").or(written).or_else(overriding)?;
    Method::from_bytes(verb.trim().to_ascii_uppercase().as_bytes()).ok()
}

/// `/v2/account/…` is `/v2/accounts/~/…`.
fn name_own_account(request: &mut ServiceRequest) {
    let Some(rest) = request.path().strip_prefix("/v2/account") else { return };
    if !rest.is_empty() && !rest.starts_with('/') {
        return;
    }
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    let path = format!("/v2/accounts/{OWN}{rest}{query}");
    if let Ok(uri) = path.parse::<Uri>() {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// JSON is read under every name that clients send it with: curl's default is a form.
fn is_json(request: &HttpRequest) -> bool {
    let Some(kind) = request.headers().get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or("?").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let named = ["", "application/json", "application/x-json", "text/json", "text/plain"];
    named.contains(&kind.as_str()) || kind == "application/x-www-form-urlencoded" || kind.ends_with("+json")
}

fn is_without_body(request: &HttpRequest) -> bool {
    let length = request.headers().get(header::CONTENT_LENGTH);
    length.is_none_or(|length| length == "0") && !request.headers().contains_key(header::TRANSFER_ENCODING)
}

fn parse(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(envelope)) => Ok(envelope),
        Ok(_) => Err(Failure::no_json("it is not an object")),
        Err(error) => Err(Failure::no_json(&error.to_string())),
    }
}
