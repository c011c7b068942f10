//! What we understand of what phones ask, in a dialog and out of one.

use crate::sip::address::list;
use crate::sip::message::Request;

/// The methods that anybody may use here; BYE, INFO, NOTIFY and UPDATE ask for a dialog. INVITE is not among them, for
/// nobody can call us; one that changes the session of a dialog is answered all the same.
pub const ALLOW: &str = "ACK, BYE, CANCEL, INFO, NOTIFY, OPTIONS, REGISTER, UPDATE";

/// The option tags a request demands and we do not have, as a list (RFC 3261 §8.2.2.3).
pub fn unknown_extensions(request: &Request) -> String {
    let demanded = request.headers.all("Require").flat_map(list);
    let unknown: Vec<&str> = demanded
        .filter(|tag| !tag.eq_ignore_ascii_case("path") && !tag.eq_ignore_ascii_case("outbound"))
        .collect();
    unknown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_demanded_path_and_outbound_are_known() {
        let mut request = Request::new(rsip::Method::Register, "sip:us");
        assert_eq!(unknown_extensions(&request), "");
        request.headers.push("Require", "Path, 100rel, outbound");
        request.headers.push("Require", "timer");
        assert_eq!(unknown_extensions(&request), "100rel, timer");
    }
}
