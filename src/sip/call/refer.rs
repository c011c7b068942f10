//! REFER and what is said about it (RFC 3515): the phone that answered is asked to call a number, and tells in
//! NOTIFYs, as the first lines of SIP messages, how that goes.

use crate::sip::address::{Aor, trim};
use crate::sip::header::decode;
use crate::sip::message::Request;

/// What a NOTIFY says about the phone's own call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It goes on, or nothing was said.
    Progress,
    /// It has its final response.
    Final(u16),
    /// Nothing more will be said.
    Ended,
}

/// Adds whom to call: `number` in the realm of the line, on whose behalf it is.
pub fn refer_to(request: &mut Request, number: &str, line: &Aor) {
    let number = Aor::new(number, &line.realm);
    request.headers.push("Refer-To", format!("<{}>", number.uri()));
    request.headers.push("Referred-By", format!("<{}>", line.uri()));
}

/// Reads a NOTIFY. A final response counts whatever the state of the subscription, and whatever the body is called.
pub fn news(notify: &Request) -> News {
    let state = notify.headers.get("Subscription-State").unwrap_or_default();
    let state = trim(state.split(';').next().unwrap_or_default());
    match status(&notify.body) {
        Some(code) if code >= 200 => News::Final(code),
        _ if state.eq_ignore_ascii_case("terminated") => News::Ended,
        _ => News::Progress,
    }
}

/// The code in the status line of a `message/sipfrag`.
fn status(body: &[u8]) -> Option<u16> {
    let text = decode(&body[..body.len().min(256)]);
    let mut words = text.split_ascii_whitespace();
    let version = words.next()?.get(..4)?;
    let code = words.next()?.parse().ok()?;
    (version.eq_ignore_ascii_case("SIP/") && (100..700).contains(&code)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(state: &str, body: &'static str) -> News {
        let mut request = Request::new(rsip::Method::Notify, "sip:us");
        request.headers.push("Subscription-State", state);
        request.body = body.into();
        news(&request)
    }

    #[test]
    fn the_first_line_of_a_fragment_is_what_counts() {
        assert_eq!(read("active;expires=60", "SIP/2.0 100 Trying\r\n"), News::Progress);
        assert_eq!(read("active", "\r\nSIP/2.0 200 OK\r\nFrom: x"), News::Final(200));
        assert_eq!(read("terminated;reason=noresource", "sip/2.0 603 Decline"), News::Final(603));
    }

    #[test]
    fn a_subscription_that_ends_without_a_final_word_is_over() {
        assert_eq!(read("Terminated ;reason=timeout", "SIP/2.0 180 Ringing"), News::Ended);
        assert_eq!(read("terminated", ""), News::Ended);
    }

    #[test]
    fn nonsense_says_nothing() {
        for body in
            ["", "SIP", "SIP/2.0", "SIP/2.0 abc", "SIP/2.0 99999", "SIP/2.0 700 x", "é€", "HTTP/1.1 200 OK"]
        {
            assert_eq!(read("active", body), News::Progress, "{body}");
        }
    }

    #[test]
    fn a_number_cannot_leave_its_uri() {
        let mut request = Request::new(rsip::Method::Refer, "sip:phone");
        refer_to(&mut request, "1>;method=BYE\r\nX: y@evil?z", &Aor::new("u1", "pbx"));
        let (to, by) = (request.headers.get("Refer-To").unwrap(), request.headers.get("Referred-By"));
        assert_eq!(to, "<sip:1%3E%3Bmethod=BYE%0D%0AX%3A%20y%40evil%3Fz@pbx>");
        assert_eq!(by, Some("<sip:u1@pbx>"));
        refer_to(&mut request, "+43123*#", &Aor::new("u1", "pbx"));
        assert_eq!(request.headers.all("Refer-To").nth(1), Some("<sip:+43123*%23@pbx>"));
    }
}
