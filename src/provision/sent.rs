//! What phones send by PUT or POST: logs, which nobody is given back, and what was set on the phones themselves, which
//! they fetch again and lay over their configuration. Anybody may know a MAC address, so the latter is taken of, and given
//! to, the address only from which a line of the device is registered.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::{Answered, Asked, Decision, Shelf};
use crate::catalog::{Asker, Entry, Pattern};
use crate::files::Given;
use crate::id::Id;
use crate::template::Set;
use crate::uploads::{MAX_UPLOAD, Refusal};

/// How long a phone may take to send something, and to send nothing of it.
const LONGEST: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(3);

/// Who sends something, and what.
struct Sender {
    given: Arc<Given>,
    /// The name in the vendor's case.
    name: String,
    /// Whether the phone fetches it again.
    overrides: bool,
}

/// Something that a phone has sent.
#[derive(Debug)]
pub(super) struct Sent {
    name: String,
    body: Bytes,
}

impl Sent {
    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(super) fn serve(self) -> HttpResponse {
        let kind = mime_guess::from_path(&self.name).first_or_octet_stream().to_string();
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, kind)).insert_header((CACHE_CONTROL, "no-cache"));
        response.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        response.body(self.body)
    }
}

impl Shelf {
    /// What was set on the phone that asks, and sent under this name; else why it is not given, where it is such a name.
    pub(super) async fn sent(
        &self,
        asked: &Asked<'_>,
        set: &Set,
    ) -> Result<(Arc<Given>, Sent), Option<&'static str>> {
        let sender = self.sender(asked, set).await.map_err(|_| None)?;
        if !sender.overrides {
            return Err(None);
        }
        if !self.is_at_home(asked, sender.given.device).await {
            return Err(Some(NOT_AT_HOME));
        }
        let read = self.uploads.read(sender.given.device, &sender.name).await;
        let read = read.inspect_err(|error| tracing::warn!(%error, "what a phone has sent cannot be read"));
        let (body, _) = read.ok().flatten().ok_or("the phone has sent nothing by this name")?;
        Ok((sender.given, Sent { name: sender.name, body }))
    }

    /// Takes what a phone sends, if it is one that may.
    pub(super) async fn take(
        &self,
        request: &HttpRequest,
        asked: &Asked<'_>,
        payload: web::Payload,
    ) -> Result<Answered, &'static str> {
        acceptable(request.headers())?;
        let sender = self.sender(asked, &self.files.set()).await?;
        let device = sender.given.device;
        if !self.uploads.may_send(device, asked.peer, (self.clock)() / 1000) {
            return Err("the device sends too much");
        }
        let is_at_home = self.is_at_home(asked, device).await;
        if sender.overrides && !is_at_home {
            return Err(NOT_AT_HOME);
        }
        let turn = self.taking.enter(device, asked.peer, is_at_home);
        let _one_of_a_few = turn.ok_or("too much is sent at once")?;
        let body = body(payload, MAX_UPLOAD).await?;
        if body.is_empty() {
            return Err("it is empty");
        }
        let taken = self.uploads.take(device, &sender.name, body).await;
        let is_new = taken.map_err(|refusal| reason(&refusal))?;
        let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::NoContent() };
        Ok((answer.finish(), Some(sender.given), Decision::Taken))
    }

    /// The phone that sends something under this name.
    async fn sender(&self, asked: &Asked<'_>, set: &Set) -> Result<Sender, &'static str> {
        let asker = set.catalog().sender(asked.name).ok_or("nobody sends such a file")?;
        let given = self.admitted(asked, set, asker).await?;
        let entry = set.catalog().at(&given.model);
        let mac = if let Asker::Mac(mac) = asker { Some(mac) } else { None };
        let called = |entry: Entry<'_>, patterns: &[Pattern]| {
            let mut names = patterns.iter().filter_map(|name| name.of(entry.model, given.device, mac));
            names.find(|name| name.eq_ignore_ascii_case(asked.name))
        };
        let upload = entry.and_then(|entry| called(entry, entry.uploads()));
        let overrides = upload.is_none();
        let name = upload.or_else(|| entry.and_then(|entry| called(entry, entry.overrides())));
        let name = name.ok_or("the device's model does not send this file")?;
        Ok(Sender { given, name, overrides })
    }

    /// Whether whoever asks is where the device is registered from, as far as anybody can say.
    async fn is_at_home(&self, asked: &Asked<'_>, device: Id) -> bool {
        let Some(address) = asked.own_address() else { return false };
        self.registered.is_at(device, address, (self.clock)() / 1000).await
    }
}

const NOT_AT_HOME: &str = "no line of the device is registered from this address";
const TOO_SLOW: &str = "it comes too slowly";
const TOO_LONG: &str = "it is too long";

/// Whether what comes is the whole of something, as it is, of a length that is taken.
fn acceptable(headers: &HeaderMap) -> Result<(), &'static str> {
    if headers.contains_key(CONTENT_RANGE) || headers.contains_key(CONTENT_ENCODING) {
        return Err("it is a part of something, or encoded");
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > MAX_UPLOAD as u64) { Err(TOO_LONG) } else { Ok(()) }
}

/// What comes, if it is no longer than so many bytes and comes in time.
async fn body(payload: web::Payload, most: usize) -> Result<Bytes, &'static str> {
    let mut body = BytesMut::new();
    hear(payload, most, |piece| body.extend_from_slice(piece)).await?;
    Ok(body.freeze())
}

/// Hears what comes to its end, piece by piece, if it is no longer than so many bytes and comes in time.
pub(super) async fn hear(
    mut payload: web::Payload,
    most: usize,
    mut heard: impl FnMut(&Bytes),
) -> Result<(), &'static str> {
    let all = async {
        let mut left = most;
        while let Some(piece) = tokio::time::timeout(IDLE, payload.next()).await.map_err(|_| TOO_SLOW)? {
            let piece = piece.map_err(|_| "it breaks off")?;
            left = left.checked_sub(piece.len()).ok_or(TOO_LONG)?;
            heard(&piece);
        }
        Ok(())
    };
    tokio::time::timeout(LONGEST, all).await.map_err(|_| TOO_SLOW)?
}

/// What the log says of what was not taken; the phone hears nothing of it.
fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::TooLong => TOO_LONG,
        Refusal::TooMany => "the device sends too much",
        Refusal::Full => "there is no more room for uploads: see uploads_mib",
        Refusal::Disk(error) => {
            tracing::error!(%error, "what a phone has sent could not be written");
            "it could not be written"
        }
    }
}
