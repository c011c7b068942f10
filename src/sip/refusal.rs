//! Requests that are sound and that we could serve nobody: refused before anything is looked up, in the order of
//! RFC 3261 §8.2. What cannot be read at all is refused by [`super::reader`], what asks for a dialog by
//! [`super::call`].

use rsip::Method::{Ack, Cancel, Info, Options, Register, Update};

use super::address::{number, param, trim};
use super::call::manners::unknown_extensions;
use super::message::{Method, Request, Response};
use super::uri::is_sip;

/// The one kind of body we understand: a session.
const ACCEPT: &str = "application/sdp";

/// The answer to such a request, begun by `answer` with its code:
/// - 483 if it may go no further and is not for us, as nothing that we do not serve is;
/// - 501 if we know nothing of its method (one that we know and do not serve is left to the caller's 405);
/// - 416 if its Request-URI has a scheme that is not SIP's;
/// - 415 if it has a body that must be understood and is not.
pub fn refuse(request: &Request, answer: impl Fn(u16) -> Response) -> Option<Response> {
    match &request.method {
        Method::Known(Options | Register) if !is_sip(&request.uri) => Some(answer(416)),
        Method::Known(Options | Register) if has_strange_body(request) => {
            Some(answer(415).with("Accept", ACCEPT))
        }
        Method::Known(Ack | Cancel | Info | Options | Register | Update) => None,
        _ if may_go_no_further(request) => Some(answer(483)),
        Method::Other(_) => Some(answer(501)),
        Method::Known(_) => None,
    }
}

fn may_go_no_further(request: &Request) -> bool {
    request.headers.get("Max-Forwards").and_then(number::<u8>) == Some(0)
}

/// Whether there is a body that *must* be understood. RFC 3261 §20.11 says so of every body without a
/// `handling`; some phones add notes for their maker's own server, which must not keep them from registering.
/// A demand that is not met either (420) is told first.
fn has_strange_body(request: &Request) -> bool {
    let field = |name| request.headers.get(name).unwrap_or_default();
    let disposition = field("Content-Disposition");
    let required = disposition.find(';').and_then(|params| param(&disposition[params..], "handling"));
    let kind = trim(field("Content-Type").split(';').next().unwrap_or_default());
    !request.body.is_empty()
        && required.is_some_and(|handling| handling.eq_ignore_ascii_case("required"))
        && !(kind.eq_ignore_ascii_case(ACCEPT) && field("Content-Encoding").is_empty())
        && unknown_extensions(request).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::world::{plain, reply};

    fn code(request: &str) -> u16 {
        reply(request).map_or(0, |response| response.code)
    }

    fn with(method: &str, fields: &str) -> String {
        plain(method).replace("\n\n", &format!("\n{fields}\n\n"))
    }

    #[test]
    fn a_scheme_that_is_not_sips_is_told_so() {
        for method in ["OPTIONS", "REGISTER"] {
            assert_eq!(code(&plain(method).replacen("sip:h", "tel:+431", 1)), 416);
        }
        assert_eq!(code(&plain("INVITE").replacen("sip:h", "tel:+431", 1)), 405, "the method comes first");
    }

    #[test]
    fn a_method_nobody_knows_is_told_apart_from_one_we_do_not_serve() {
        assert_eq!(["KDMQ", "register"].map(|method| code(&plain(method))), [501, 501]);
        assert_eq!(["INVITE", "MESSAGE"].map(|method| code(&plain(method))), [405, 405]);
    }

    #[test]
    fn what_may_go_no_further_is_served_if_it_is_for_us() {
        let last = |method: &str| code(&with(method, "Max-Forwards: 0"));
        assert_eq!(last("OPTIONS"), 200);
        assert_eq!(["INVITE", "SUBSCRIBE", "KDMQ"].map(last), [483, 483, 483]);
        assert_eq!(code(&with("INVITE", "Max-Forwards: 256")), 405, "what is no such number says nothing");
    }

    #[test]
    fn only_a_body_that_must_be_understood_is_refused() {
        let body = |fields: &str| with("OPTIONS", &format!("Content-Length: 1\n{fields}")) + "x";
        let strange = "Content-Type: text/x-notes";
        assert_eq!(code(&body(strange)), 200);
        assert_eq!(code(&body(&format!("{strange}\nContent-Disposition: x;handling=optional"))), 200);
        let answer = reply(&body(&format!("{strange}\nContent-Disposition: x ; handling=required")));
        let answer = answer.unwrap();
        assert_eq!((answer.code, answer.headers.get("Accept")), (415, Some(ACCEPT)));
        let sdp = "Content-Type: Application/SDP;x=y\nContent-Disposition: session;handling=required";
        assert_eq!(code(&body(sdp)), 200);
        assert_eq!(code(&body(&format!("{sdp}\ne: gzip"))), 415);
        assert_eq!(
            code(&body(&format!("{strange}\nContent-Disposition: x;handling=required\nRequire: y"))),
            420
        );
    }
}
