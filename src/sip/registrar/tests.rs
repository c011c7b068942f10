use super::*;
use crate::sip::address::Aor;
use crate::sip::message::Request;

struct Desk {
    bindings: Bindings,
    cseq: u32,
    device: &'static str,
    alone: bool,
}

impl Desk {
    fn new() -> Self {
        Self { bindings: Bindings::default(), cseq: 0, device: "d", alone: false }
    }

    /// Carries out a REGISTER of `u1@pbx` with these `Contact` fields, at second 1000, with 300 s
    /// configured.
    fn register(&mut self, contacts: &[&str], expires: &str) -> Result<Vec<Change>, Refusal> {
        self.cseq += 1;
        self.numbered(contacts, expires, self.cseq)
    }

    fn numbered(&mut self, contacts: &[&str], expires: &str, cseq: u32) -> Result<Vec<Change>, Refusal> {
        let mut request = Request::new(rsip::Method::Register, "sip:pbx");
        request.headers.push("To", "<sip:u1@PBX>");
        request.headers.push("Call-ID", "c");
        request.headers.push("CSeq", format!("{cseq} REGISTER"));
        request.headers.push("Path", "<sip:edge;lr>, <sip:core;lr>");
        for contact in contacts {
            request.headers.push("Contact", *contact);
        }
        if !expires.is_empty() {
            request.headers.push("Expires", expires);
        }
        let (device, alone) = (self.device, self.alone);
        let who = Admitted { device, credentials: None, expires: 300, alone };
        let asked = Registration::read(&request, "192.0.2.7:5062".parse().unwrap()).unwrap();
        super::register(&asked, who, 1000, &mut self.bindings)
    }

    fn bound(&self) -> Vec<(&str, u64)> {
        let line = Aor::new("u1", "pbx");
        let bound = self.bindings.of_line(&line);
        bound.map(|binding| (binding.contact.as_str(), binding.expires_at - 1000)).collect()
    }
}

fn freshness(changes: &[Change]) -> Vec<Option<bool>> {
    let fresh = |change: &Change| match change {
        Change::Bound { fresh, .. } => Some(*fresh),
        Change::Unbound { .. } => None,
    };
    changes.iter().map(fresh).collect()
}

#[test]
fn a_contact_is_fresh_once_and_then_refreshed() {
    let mut desk = Desk::new();
    assert_eq!(freshness(&desk.register(&["<sip:u1@a;x>;expires=120"], "60").unwrap()), [Some(true)]);
    assert_eq!(freshness(&desk.register(&["<sip:u1@a;x>"], "200").unwrap()), [Some(false)]);
    assert_eq!(desk.bound(), [("sip:u1@a;x", 200)]);
    let binding = desk.bindings.of_line(&Aor::new("u1", "pbx")).next().unwrap();
    assert_eq!((binding.path.len(), binding.source.port(), binding.cseq), (2, 5062, 2));
}

#[test]
fn the_configured_expiry_is_the_longest_and_the_usual_one() {
    for (asked, granted) in [("", 300), ("3600", 300), ("99999999999", 300), ("soon", 300), ("60", 60)] {
        let mut desk = Desk::new();
        desk.register(&["<sip:u1@a>"], asked).unwrap();
        assert_eq!(desk.bound(), [("sip:u1@a", granted)], "{asked}");
    }
    assert_eq!((grant(None, 30), grant(Some(29), 30)), (Ok(30), Err(Refusal::TooBrief(30))));
}

#[test]
fn too_brief_a_registration_changes_nothing() {
    let mut desk = Desk::new();
    let refused = desk.register(&["<sip:u1@a>;expires=100", "<sip:u1@b>;expires=59"], "");
    assert_eq!((refused, desk.bound()), (Err(Refusal::TooBrief(60)), vec![]));
}

#[test]
fn contacts_are_removed_one_by_one_or_all_at_once() {
    let mut desk = Desk::new();
    desk.register(&["<sip:u1@a>, <sip:u1@b>", "sip:u1@c;expires=90"], "").unwrap();
    assert_eq!(freshness(&desk.register(&["<sip:u1@A>;expires=0"], "").unwrap()), [None]);
    assert_eq!(desk.bound(), [("sip:u1@b", 300), ("sip:u1@c", 90)]);
    assert_eq!(freshness(&desk.register(&["*"], "0").unwrap()), [None, None]);
    assert_eq!(desk.bound(), []);
    assert_eq!(desk.register(&["<sip:u1@a>"], "0"), Ok(vec![]));
}

#[test]
fn without_a_contact_nothing_changes() {
    let mut desk = Desk::new();
    desk.register(&["<sip:u1@a>"], "").unwrap();
    assert_eq!((desk.register(&[], "0"), desk.bound().len()), (Ok(vec![]), 1));
}

#[test]
fn an_older_request_of_the_same_phone_is_refused() {
    let mut desk = Desk::new();
    desk.numbered(&["<sip:u1@a>"], "", 5).unwrap();
    assert_eq!(desk.numbered(&["<sip:u1@a>"], "0", 4), Err(Refusal::OutOfOrder));
    assert_eq!(desk.numbered(&["*"], "0", 4), Err(Refusal::OutOfOrder));
    assert_eq!(freshness(&desk.numbered(&["<sip:u1@a>"], "", 5).unwrap()), [Some(false)]);
}

#[test]
fn a_phone_that_moved_leaves_its_old_contact() {
    let mut desk = Desk::new();
    let contact = |host, flow| format!("<sip:u1@{host}>;+sip.instance=\"<urn:uuid:1>\";reg-id={flow}");
    desk.register(&[&contact("a", 1), &contact("b", 2)], "").unwrap();
    assert_eq!(freshness(&desk.register(&[&contact("c", 1)], "").unwrap()), [None, Some(true)]);
    assert_eq!(desk.bound(), [("sip:u1@b", 300), ("sip:u1@c", 300)]);
}

#[test]
fn a_phone_may_be_at_two_places_in_one_request() {
    let mut desk = Desk::new();
    let contact = |host| format!("<sip:u1@{host}>;+sip.instance=\"<urn:uuid:1>\"");
    desk.register(&[&contact("a"), &contact("[::1]")], "").unwrap();
    assert_eq!(desk.bound(), [("sip:u1@a", 300), ("sip:u1@[::1]", 300)]);
}

#[test]
fn a_contact_spelt_otherwise_takes_the_place_of_the_old_one() {
    let mut desk = Desk::new();
    desk.register(&["<sip:u1@Host>"], "").unwrap();
    assert_eq!(freshness(&desk.register(&["<sip:u1@host>"], "").unwrap()), [None, Some(false)]);
    assert_eq!(desk.bound(), [("sip:u1@host", 300)]);
}

#[test]
fn a_contact_that_another_device_takes_over_is_gone_from_the_first() {
    let mut desk = Desk::new();
    desk.register(&["<sip:u1@a>"], "").unwrap();
    desk.device = "e";
    let changes = desk.register(&["<sip:u1@a>"], "").unwrap();
    let devices = changes.iter().map(|change| match change {
        Change::Bound { binding, .. } => ("bound", binding.device.as_str()),
        Change::Unbound { binding, .. } => ("unbound", binding.device.as_str()),
    });
    assert_eq!(devices.collect::<Vec<_>>(), [("unbound", "d"), ("bound", "e")]);
    assert_eq!(freshness(&changes), [None, Some(true)], "for the second it is new");
    assert_eq!(desk.register(&["<sip:u1@a>"], "").unwrap().len(), 1);
}

#[test]
fn the_contact_that_ends_first_makes_room_for_an_eleventh() {
    let mut desk = Desk::new();
    for n in 0..MAX_CONTACTS {
        desk.register(&[&format!("<sip:u1@h{n}>")], &(200 - n).to_string()).unwrap();
    }
    let changes = desk.register(&["<sip:u1@new>"], "60").unwrap();
    assert_eq!((freshness(&changes), desk.bound().len()), (vec![None, Some(true)], MAX_CONTACTS));
    assert!(!desk.bound().iter().any(|(contact, _)| *contact == "sip:u1@h9"));
}

fn ends(changes: Vec<Change>) -> Vec<(String, End)> {
    let end = |change| match change {
        Change::Unbound { binding, end } => Some((binding.contact.as_str().to_owned(), end)),
        Change::Bound { .. } => None,
    };
    changes.into_iter().filter_map(end).collect()
}

fn replaced(by: &str) -> End {
    End::Replaced(Target::new(by).unwrap())
}

#[test]
fn whoever_goes_is_known_to_have_gone_or_to_be_replaced() {
    let mut desk = Desk::new();
    let contact = |host| format!("<sip:u1@{host}>;+sip.instance=\"<urn:uuid:1>\"");
    desk.register(&[&contact("a")], "").unwrap();
    let moved = ends(desk.register(&[&contact("b")], "").unwrap());
    assert_eq!(moved, [("sip:u1@a".to_owned(), replaced("sip:u1@b"))]);
    let gone = ends(desk.register(&["*"], "0").unwrap());
    assert_eq!(gone, [("sip:u1@b".to_owned(), End::Removed)]);
}

#[test]
fn a_line_of_one_phone_is_where_the_last_phone_registered() {
    let mut desk = Desk { alone: true, ..Desk::new() };
    desk.register(&["<sip:u1@a>"], "").unwrap();
    assert_eq!(ends(desk.register(&["<sip:u1@a>"], "").unwrap()), [], "a refresh replaces nobody");
    let changes = desk.register(&["<sip:u1@b>"], "").unwrap();
    assert_eq!(freshness(&changes), [None, Some(true)]);
    assert_eq!(ends(changes), [("sip:u1@a".to_owned(), replaced("sip:u1@b"))]);
    assert_eq!(desk.bound(), [("sip:u1@b", 300)]);
    assert_eq!(ends(desk.register(&["<sip:u1@c>"], "0").unwrap()), [], "who says goodbye replaces nobody");
}

#[test]
fn a_line_of_one_phone_keeps_all_flows_of_that_phone() {
    let mut desk = Desk { alone: true, ..Desk::new() };
    let contact = |n, flow| format!("<sip:u1@h{n}>;+sip.instance=\"<urn:uuid:1>\";reg-id={flow}");
    desk.register(&[&contact(1, 1)], "").unwrap();
    desk.register(&[&contact(2, 2)], "").unwrap();
    assert_eq!(desk.bound(), [("sip:u1@h1", 300), ("sip:u1@h2", 300)]);
    desk.register(&["<sip:u1@c>, <sip:u1@d>"], "").unwrap();
    assert_eq!(desk.bound(), [("sip:u1@c", 300), ("sip:u1@d", 300)], "one request may name several");
}
