//! What each message demands of us, in the order of the RFCs.

use checksync::sip::Outcome;

use Due::{Answered, Bound, Challenged, Discarded, Over, Provisional};

/// What must come of a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Due {
    /// The line of this user and realm is looked up; a phone that may is bound to exactly these contacts (200).
    Bound(&'static str, &'static str, &'static [&'static str]),
    /// The line is looked up; a phone that has proved nothing is challenged (401).
    Challenged(&'static str, &'static str),
    /// This final response, and nothing is looked up.
    Answered(u16),
    /// As the response to a NOTIFY of ours: it is over with this outcome.
    Over(Outcome),
    /// As the response to a NOTIFY of ours: it waits on, and is sent again less often.
    Provisional,
    /// As the response to a NOTIFY of ours: passed over, as if it had never come.
    Discarded,
}

/// Folder and name of the message, what is due, and why.
pub(super) type Case = (&'static str, &'static str, Due, &'static str);

/// RFC 4475 §3.1.1: valid messages.
pub(super) const VALID: &[Case] = &[
    ("rfc4475", "wsinv", Answered(481), "well-formed; the tag in To names a dialog we do not have"),
    ("rfc4475", "intmeth", Answered(501), "well-formed; nobody knows the method"),
    ("rfc4475", "esc01", Answered(405), "well-formed; nobody can call us"),
    (
        "rfc4475",
        "escnull",
        Bound("null-\0-null", "example.com", &["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]),
        "an escaped NUL ends no text, and the two contacts differ",
    ),
    ("rfc4475", "esc02", Answered(501), "nothing is unescaped in a method: this is no REGISTER"),
    ("rfc4475", "lwsdisp", Answered(200), "no blank is needed between a display name and <"),
    ("rfc4475", "longreq", Answered(405), "length is no fault: 34 Vias, in every spelling, go back"),
    (
        "rfc4475",
        "dblreq",
        Bound("j.user", "example.com", &["sip:j.user@host.example.com"]),
        "what follows the Content-Length in a datagram is passed over",
    ),
    ("rfc4475", "semiuri", Answered(200), "a semicolon before the @ belongs to the user"),
    ("rfc4475", "transports", Answered(200), "a transport we do not know may stand in a Via"),
    ("rfc4475", "mpart01", Answered(405), "a binary body in parts is a body; we take no MESSAGE"),
    (
        "rfc4475",
        "unreason",
        Over(Outcome::Answered(200)),
        "the words after the code are for people, in any script",
    ),
    ("rfc4475", "noreason", Provisional, "and there may be none"),
];

/// RFC 4475 §3.1.2: invalid messages.
pub(super) const INVALID: &[Case] = &[
    ("rfc4475", "badinv01", Answered(400), "semicolons and commas alone are no Via"),
    ("rfc4475", "clerr", Answered(400), "the datagram ends before the body does"),
    ("rfc4475", "ncl", Answered(400), "a length is not negative"),
    ("rfc4475", "scalar02", Answered(400), "CSeq is more than 32 bits"),
    ("rfc4475", "scalarlg", Discarded, "so it is in a response, which is answered by nobody"),
    ("rfc4475", "quotbal", Answered(400), "the quote in To is never closed"),
    ("rfc4475", "ltgtruri", Answered(400), "a Request-URI stands without < and >"),
    ("rfc4475", "lwsruri", Answered(400), "a Request-URI has no blank in it"),
    ("rfc4475", "lwsstart", Answered(405), "several blanks between the words of the first line do no harm"),
    ("rfc4475", "trws", Answered(200), "nor do some after the last one"),
    ("rfc4475", "escruri", Answered(400), "header fields in a Request-URI are not obeyed"),
    ("rfc4475", "baddate", Answered(405), "we do not need the Date, in whatever zone it is"),
    ("rfc4475", "regbadct", Answered(400), "nobody knows what belongs to a Contact with ? and without < >"),
    ("rfc4475", "badaspec", Answered(200), "blanks within < > do no harm"),
    ("rfc4475", "baddn", Answered(200), "what is meant is plain without the quotes"),
    ("rfc4475", "badvers", Answered(505), "we speak SIP/2.0"),
    ("rfc4475", "mismatch01", Answered(400), "the method of the CSeq is another"),
    ("rfc4475", "mismatch02", Answered(400), "and so it is of a method nobody knows"),
    ("rfc4475", "bigcode", Discarded, "no code is that big, and none is cut to what fits"),
];

/// RFC 4475 §3.2 to §3.4: transactions, what is meant, and phones older than RFC 3261.
pub(super) const MEANT: &[Case] = &[
    ("rfc4475", "badbranch", Answered(200), "a branch without a name is none: told apart as RFC 2543 did"),
    ("rfc4475", "insuf", Answered(400), "From, To and Call-ID are missing"),
    ("rfc4475", "unkscm", Answered(416), "nobody knows the scheme of the Request-URI"),
    ("rfc4475", "novelsc", Answered(416), "somebody knows it, but it is not SIP's"),
    ("rfc4475", "unksm2", Answered(400), "an address of record is a SIP URI"),
    ("rfc4475", "bext01", Answered(420), "what is required and nobody supports is named"),
    ("rfc4475", "invut", Answered(405), "the method comes before the body, which nobody understands"),
    ("rfc4475", "regaut01", Challenged("j.user", "example.com"), "a scheme we do not know proves nothing"),
    ("rfc4475", "multi01", Answered(400), "what may stand once stands twice, and differs"),
    ("rfc4475", "mcl01", Answered(400), "so nobody knows where the body ends"),
    ("rfc4475", "bcast", Discarded, "a response with the Via of another was not meant for us"),
    ("rfc4475", "zeromf", Answered(200), "it need go no further, for it is for us"),
    (
        "rfc4475",
        "cparam01",
        Bound("watson", "example.com", &["sip:+19725552222@gw1.example.net"]),
        "without < > a parameter belongs to the Contact",
    ),
    (
        "rfc4475",
        "cparam02",
        Bound("watson", "example.com", &["sip:+19725552222@gw1.example.net;unknownparam"]),
        "within them to its URI",
    ),
    (
        "rfc4475",
        "regescrt",
        Bound("user", "example.com", &["sip:user@example.com?Route=%3Csip:sip.example.com%3E"]),
        "a Contact is kept to the byte, and what is escaped in it is not obeyed",
    ),
    ("rfc4475", "sdp01", Answered(405), "the method comes before what the caller accepts"),
    ("rfc4475", "inv2543", Answered(405), "no branch, no tag, no Max-Forwards, no length: it is answered"),
];

const DESK: Due = Bound("user", "example.com", &["sip:caller@[2001:db8::1]"]);

/// RFC 5118 §4: IPv6.
pub(super) const IPV6: &[Case] = &[
    ("rfc5118", "ipv6-good", DESK, "an IPv6 address in brackets is a host"),
    ("rfc5118", "ipv6-bad", Answered(400), "without them its second part would be the port"),
    ("rfc5118", "port-ambiguous", DESK, "what is meant as a port may be read as a part of the address"),
    ("rfc5118", "port-unambiguous", DESK, "behind the bracket it is a port"),
    ("rfc5118", "via-received-param-with-delim", Answered(481), "older phones write received with brackets"),
    ("rfc5118", "via-received-param-no-delim", Answered(200), "newer ones without"),
    ("rfc5118", "ipv6-in-sdp", Answered(405), "well-formed; nobody can call us"),
    ("rfc5118", "mult-ip-in-header", Answered(481), "Vias of both families go back; we have no such dialog"),
    ("rfc5118", "mult-ip-in-sdp", Answered(405), "well-formed; nobody can call us"),
    ("rfc5118", "ipv4-mapped-ipv6", Answered(405), "an IPv4 address in an IPv6 one is a host too"),
    ("rfc5118", "ipv6-bug-abnf-3-colons", Answered(200), "RFC 3261 itself allows the third colon"),
    ("rfc5118", "ipv6-correct-abnf-2-colons", Answered(200), "and this is what was meant"),
];
