//! What phones send by PUT or POST: logs, and what was set on the phones themselves, which they fetch again.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::{Answered, Asked, Decision, Shelf};
use crate::files::Given;
use crate::template::Set;
use crate::uploads::{MAX_UPLOAD, Refusal};

/// How many phones may send something at a time, and how long each may take.
pub(super) const AT_ONCE: usize = 32;
const LONGEST: Duration = Duration::from_secs(30);

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
    /// What the phone that asks has sent under this name.
    pub(super) async fn sent(&self, asked: &Asked<'_>, set: &Set) -> Option<(Arc<Given>, Sent)> {
        let (given, name) = self.sender(asked, set).await.ok()?;
        let read = self.uploads.read(given.device, &name).await;
        let read = read.inspect_err(|error| tracing::warn!(%error, "what a phone has sent cannot be read"));
        let (body, _) = read.ok().flatten()?;
        Some((given, Sent { name, body }))
    }

    /// Takes what a phone sends, if it is one that may.
    pub(super) async fn take(
        &self,
        request: &HttpRequest,
        asked: &Asked<'_>,
        payload: web::Payload,
    ) -> Result<Answered, &'static str> {
        let (given, name) = self.sender(asked, &self.files.set()).await?;
        if !self.uploads.may_send(given.device, (self.clock)() / 1000) {
            return Err("the device sends too much");
        }
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > MAX_UPLOAD as u64) {
            return Err("it is too long");
        }
        let body =
            tokio::time::timeout(LONGEST, self.body(payload)).await.map_err(|_| "it comes too slowly")??;
        match self.uploads.take(given.device, &name, body).await {
            Ok(is_new) => {
                let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::NoContent() };
                Ok((answer.finish(), Some(given), Decision::Taken))
            }
            Err(refusal) => Err(reason(&refusal)),
        }
    }

    async fn body(&self, mut payload: web::Payload) -> Result<Bytes, &'static str> {
        let _one_of_a_few = self.taking.acquire().await.map_err(|_| "nothing is taken any more")?;
        let mut body = BytesMut::new();
        while let Some(piece) = payload.next().await {
            body.extend_from_slice(&piece.map_err(|_| "it breaks off")?);
            if body.len() > MAX_UPLOAD {
                return Err("it is too long");
            }
        }
        Ok(body.freeze())
    }

    /// The phone that sends something under this name, and the name in the vendor's case.
    async fn sender(&self, asked: &Asked<'_>, set: &Set) -> Result<(Arc<Given>, String), &'static str> {
        let sender = set.catalog().sender(asked.name).ok_or("nobody sends such a file")?;
        let given = self.admitted(asked, set, sender).await?;
        let name = given.uploads.iter().find(|name| name.eq_ignore_ascii_case(asked.name)).cloned();
        name.map(|name| (given, name)).ok_or("the device's model does not send this file")
    }
}

/// What the log says of what was not taken; the phone hears nothing of it.
fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::TooLong => "it is too long",
        Refusal::TooMany => "the device sends too much",
        Refusal::Full => "there is no more room for uploads: see uploads_mib",
        Refusal::Disk(error) => {
            tracing::error!(%error, "what a phone has sent could not be written");
            "it could not be written"
        }
    }
}
