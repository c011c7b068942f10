//! A request as plain values.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{
    FORWARDED, HeaderMap, HeaderName, IF_NONE_MATCH, USER_AGENT, VIA, X_FORWARDED_FOR,
};
use percent_encoding::percent_decode_str;

use crate::statics::Name;

/// What proxies add to what they pass on (RFC 7239, RFC 9110 §7.6.3, and what they did before).
const PASSED_ON: [HeaderName; 4] = [FORWARDED, X_FORWARDED_FOR, VIA, HeaderName::from_static("x-real-ip")];

/// What a phone asks for, and who says so.
pub(super) struct Asked<'r> {
    /// The path as it was sent.
    pub(super) path: &'r str,
    /// The static file that it may mean.
    pub(super) place: Option<Name>,
    /// What stands after the last slash.
    pub(super) name: &'r str,
    pub(super) user_agent: &'r str,
    pub(super) if_none_match: &'r str,
    /// The other end of the connection.
    pub(super) peer: Option<IpAddr>,
    /// Whether a proxy says that the other end is its own and not the phone's.
    is_passed_on: bool,
}

impl<'r> Asked<'r> {
    pub(super) fn of(request: &'r HttpRequest) -> Self {
        let path = request.uri().path();
        let name = path.rsplit('/').next().unwrap_or_default();
        let headers = request.headers();
        let [user_agent, if_none_match] = [USER_AGENT, IF_NONE_MATCH].map(|header| text(headers, &header));
        let decoded = percent_decode_str(path).decode_utf8().ok();
        let place = decoded.and_then(|path| Name::parse(&path));
        let peer = request.peer_addr().map(|peer| peer.ip());
        let is_passed_on = PASSED_ON.iter().any(|header| headers.contains_key(header));
        Self { path, place, name, user_agent, if_none_match, peer, is_passed_on }
    }

    /// A request that says the name of a file and nothing else.
    pub(super) fn by_name(path: &'r str, peer: Option<IpAddr>) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        let (user_agent, if_none_match, is_passed_on) = ("", "", false);
        Self { path, place: Name::parse(path), name, user_agent, if_none_match, peer, is_passed_on }
    }

    /// The address of whoever asks, where no proxy says that it stands between.
    pub(super) fn own_address(&self) -> Option<IpAddr> {
        self.peer.filter(|_| !self.is_passed_on)
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
