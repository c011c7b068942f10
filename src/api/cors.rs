//! Browsers of other origins: what they may send and read (the Fetch standard's CORS protocol). Tokens travel in
//! headers and never in cookies, so any origin may ask.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const ALLOWED: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "content-type, depth, user-agent, x-http-method-override, x-file-size, x-requested-with, \
         if-modified-since, if-match, if-none-match, x-file-name, cache-control, x-auth-token, authorization, \
         x-kazoo-cluster-id, x-pretty-print, x-request-id, accept",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

const EXPOSED: &str = "content-type, x-auth-token, x-request-id, x-kazoo-cluster-id, location, etag";

/// Adds to an answer what lets a page of another origin read it.
pub(super) fn open(answer: &mut HeaderMap) {
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    for (name, value) in ALLOWED {
        answer.insert(name, HeaderValue::from_static(value));
    }
}
