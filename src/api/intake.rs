//! What is done with a request before it is known where it goes: its body is read, a verb written in it takes the
//! place of POST, and `/v2/account` becomes the caller's own account.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, Uri, header};
use actix_web::{FromRequest as _, HttpMessage as _, HttpRequest, web};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Failure;
use super::import;

/// The largest body that is read, in bytes.
pub(super) const MOST: usize = 8_000_000;

/// A body up to this many bytes is small: as many of them as come are read at once. None that signs in is larger.
const SMALL: usize = 64 * 1024;

/// How many bytes larger bodies may have together while they are read and worked with.
const LARGE: usize = 32 << 20;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

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
    /// How long the body was, in bytes.
    pub(super) length: usize,
    /// The room that a large body takes, for as long as it is there.
    #[expect(dead_code, reason = "it is held, not looked at")]
    pub(super) room: Option<Arc<OwnedSemaphorePermit>>,
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
    let (body, room) = if readable { read(request).await? } else { (web::Bytes::new(), None) };
    let envelope = parse(&body)?;
    let supported = readable || is_without_body(request.request()) || import::reads(request.request());
    let intake = Intake { query, envelope, supported, length: body.len(), room };
    if let Some(verb) = tunnelled(request, &intake) {
        request.head_mut().method = verb;
    }
    name_own_account(request);
    request.extensions_mut().insert(intake);
    Ok(())
}

/// A large body waits until there is room for it, so that no number of them can take all memory.
async fn read(
    request: &mut ServiceRequest,
) -> Result<(web::Bytes, Option<Arc<OwnedSemaphorePermit>>), Failure> {
    let most = if is_login(request.path()) { SMALL } else { MOST };
    let length = announced(request.request()).unwrap_or(most).min(most);
    let reading = async {
        let room = if length > SMALL { Some(Arc::new(room(length).await?)) } else { None };
        let mut payload = request.take_payload();
        let payload = web::Payload::from_request(request.request(), &mut payload).await;
        let payload = payload.map_err(|_| Failure::no_json("it broke off"))?;
        let body = payload.to_bytes_limited(most).await.map_err(|_| Failure::too_large(most))?;
        Ok((body.map_err(|_| Failure::no_json("it broke off"))?, room))
    };
    let in_time = tokio::time::timeout(PATIENCE, reading).await;
    in_time.unwrap_or_else(|_| Err(Failure::busy("the body took too long: send it again")))
}

/// Room for a body of so many bytes, in pieces of [`SMALL`].
async fn room(length: usize) -> Result<OwnedSemaphorePermit, Failure> {
    static ROOM: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(LARGE / SMALL)));
    let pieces = u32::try_from(length.div_ceil(SMALL)).unwrap_or(u32::MAX);
    let room = ROOM.clone().acquire_many_owned(pieces).await;
    room.map_err(|_| Failure::busy("too many large bodies at once: send it again"))
}

/// How long a body says it is; nothing where it comes in pieces.
fn announced(request: &HttpRequest) -> Option<usize> {
    match request.headers().get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None if request.headers().contains_key(header::TRANSFER_ENCODING) => None,
        None => Some(0),
    }
}

/// Whoever signs in is nobody yet.
fn is_login(path: &str) -> bool {
    path.ends_with("/api_auth") || path.ends_with("/user_auth")
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

/// JSON is read under every name that clients send it with: curl's default is a form. Not as plain text, which a page
/// of another origin may send without asking.
fn is_json(request: &HttpRequest) -> bool {
    let Some(kind) = request.headers().get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or("?").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let named = ["", "application/json", "application/x-json"];
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
