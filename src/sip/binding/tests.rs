use std::str::FromStr as _;

use super::*;
use crate::sip::digest::Password;

/// A binding of `u1@pbx` on device `d`, to `sip:u1@10.0.0.1:<port>` until `expires_at`.
pub(crate) fn binding(port: u16, expires_at: u64) -> Binding {
    Binding {
        aor: Aor::new("u1", "pbx"),
        contact: Target::new(&format!("sip:u1@10.0.0.1:{port}")).unwrap(),
        device: "d".into(),
        credentials: Some(Credentials { user: "u1".into(), password: Password::new("hidden") }),
        source: ([192, 0, 2, 7], port).into(),
        path: vec!["<sip:edge;lr>".into()],
        direct: false,
        user_agent: "Phone/1".into(),
        instance: None,
        flow: None,
        outbound: false,
        call_id: "c".into(),
        cseq: 1,
        q: 1000,
        expires_at,
    }
}

fn ports<'a>(bindings: impl IntoIterator<Item = &'a Binding>) -> Vec<u16> {
    bindings.into_iter().map(|binding| binding.source.port()).collect()
}

#[test]
fn a_binding_is_found_by_its_line_and_by_its_device() {
    let mut bindings = Bindings::default();
    assert_eq!(bindings.put(binding(2, 100)), None);
    bindings.put(Binding { device: "e".into(), ..binding(1, 100) });
    assert_eq!(ports(bindings.of_line(&Aor::new("u1", "PBX"))), [2, 1]);
    assert_eq!((ports(bindings.of_device("d")), ports(bindings.of_device("e"))), (vec![2], vec![1]));
    assert_eq!(bindings.of_device("f").count(), 0);
}

#[test]
fn a_contact_that_comes_again_replaces_itself_even_on_another_device() {
    let mut bindings = Bindings::default();
    bindings.put(binding(1, 100));
    assert_eq!(bindings.put(Binding { device: "e".into(), ..binding(1, 200) }), Some(binding(1, 100)));
    assert_eq!((ports(bindings.of_device("d")), ports(bindings.of_device("e"))), (vec![], vec![1]));
    assert_eq!((bindings.next_end(), bindings.take_ended(199)), (Some(200), None));
}

#[test]
fn bindings_end_in_order_and_leave_nothing_behind() {
    let mut bindings = Bindings::default();
    for (port, end) in [(1, 300), (2, 100), (3, 200)] {
        bindings.put(binding(port, end));
    }
    let ended: Vec<_> = std::iter::from_fn(|| bindings.take_ended(200)).collect();
    assert_eq!(ports(&ended), [2, 3]);
    assert_eq!(ports(&bindings.take_device("d")), [1]);
    assert!(bindings.is_empty() && bindings.lines.is_empty() && bindings.devices.is_empty());
    assert_eq!(bindings.next_end(), None);
}

#[test]
fn bindings_end_with_the_connection_that_is_their_flow() {
    let over = |port, flow, outbound| {
        let source = Peer { flow: Some(Flow(flow)), ..format!("tcp:192.0.2.7:{port}").parse().unwrap() };
        Binding { source, outbound, path: Vec::new(), ..binding(port, 100) }
    };
    let mut bindings = Bindings::default();
    for (port, flow, outbound) in [(1, 1, true), (2, 1, true), (3, 1, false), (4, 2, true)] {
        bindings.put(over(port, flow, outbound));
    }
    bindings.put(over(2, 2, true));
    assert_eq!([1, 2, 3].map(|flow| bindings.kept_until(Flow(flow))), [100, 100, 0]);
    assert_eq!(ports(&bindings.take_flow(Flow(1))), [1]);
    assert_eq!((ports(&bindings.take_flow(Flow(2))), bindings.take_flow(Flow(3))), (vec![4, 2], vec![]));
    assert_eq!((ports(bindings.of_device("d")), bindings.kept_until(Flow(1))), (vec![3], 100));
    bindings.take_device("d");
    assert_eq!((bindings.kept_until(Flow(1)), bindings.flows.len()), (0, 0));
}

#[test]
fn a_flow_that_is_gone_leads_nowhere_else() {
    let source = Peer { flow: Some(Flow(1)), ..Peer::from_str("tcp:203.0.113.9:40000").unwrap() };
    let notify = |outbound| Binding { source, outbound, path: Vec::new(), ..binding(5070, 1) }.notify("x");
    assert_eq!((notify(true).to, notify(true).next), (source, vec![]));
    assert_eq!(notify(false).next.len(), 2, "where its Contact says, and where it sent from");
}

#[test]
fn a_notify_goes_the_way_the_phone_registered() {
    let notify = binding(5062, 100).notify("check-sync");
    assert_eq!(notify.target.as_str(), "sip:u1@10.0.0.1:5062");
    assert_eq!(
        (notify.to.to_string(), notify.route),
        ("udp:192.0.2.7:5062".into(), vec!["<sip:edge;lr>".into()])
    );
    assert_eq!(notify.credentials, binding(1, 1).credentials);
}

#[test]
fn a_refresh_changes_the_end_only() {
    let (before, refreshed) = (binding(1, 100), Binding { cseq: 2, ..binding(1, 200) });
    assert!(refreshed.is_refresh_of(&before));
    let moved = Binding { source: ([192, 0, 2, 8], 1).into(), ..binding(1, 200) };
    let credentials = Some(Credentials { user: "u1".into(), password: Password::new("new") });
    for other in [moved, Binding { credentials, ..binding(1, 200) }, binding(2, 200)] {
        assert!(!other.is_refresh_of(&before), "{other:?}");
    }
}

#[test]
fn a_note_that_does_not_say_whether_a_proxy_stood_between_is_read_as_if_one_did() {
    let mut note = serde_json::to_value(Binding { direct: true, ..binding(1, 100) }).unwrap();
    note.as_object_mut().unwrap().remove("direct").unwrap();
    let read: Binding = serde_json::from_value(note).unwrap();
    assert_eq!(read, binding(1, 100));
    assert!(
        !Binding { direct: true, ..binding(1, 200) }.is_refresh_of(&read),
        "now it is known, and written down"
    );
}

#[test]
fn a_flow_is_shown_as_one() {
    assert_eq!(binding(1, 100).shown(40), "<sip:u1@10.0.0.1:1>;expires=60");
    let flow = Binding { instance: Some("<urn:uuid:1>".into()), flow: Some(2), ..binding(1, 100) };
    let expected = "<sip:u1@10.0.0.1:1>;expires=0;+sip.instance=\"<urn:uuid:1>\";reg-id=2";
    assert_eq!(flow.shown(200), expected);
}

#[test]
fn a_phone_behind_a_connection_may_have_a_name_to_look_up() {
    let name = |source: &str, contact: &str, path: Vec<String>| {
        let contact = Target::new(contact).unwrap();
        let binding = Binding { source: source.parse().unwrap(), contact, path, ..binding(1, 1) };
        binding.name().map(|hop| (hop.host, hop.transport.unwrap().to_string()))
    };
    let found = |host: &str, transport: &str| Some((host.to_owned(), transport.to_owned()));
    let edge = vec!["<sip:edge.example;lr>".to_owned()];
    assert_eq!(name("tls:10.0.0.1:1", "sip:u1@phone.example", vec![]), found("phone.example", "tls"));
    assert_eq!(name("tcp:10.0.0.1:1", "sip:u1@10.0.0.1", edge), found("edge.example", "tcp"));
    assert_eq!(name("tcp:10.0.0.1:1", "sip:u1@10.0.0.1", vec![]), None);
    assert_eq!(name("udp:10.0.0.1:1", "sip:u1@phone.example;transport=tcp", vec![]), None);
}

#[test]
fn a_stored_binding_comes_back_and_its_password_is_not_shown() {
    let stored = serde_json::to_string(&binding(1, 100)).unwrap();
    assert_eq!(serde_json::from_str::<Binding>(&stored).unwrap(), binding(1, 100));
    assert!(!format!("{:?}", binding(1, 100)).contains("hidden"));
}
