//! Where phones are: the bindings of lines to contacts, found by line and by device, ending by themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::address::{Aor, Target};
use super::agent::state_of_unasked;
use super::digest::Credentials;
use super::fingerprint::Fingerprint;
use super::hop::Hop;
use super::notify::Notify;
use super::peer::{Flow, Peer};

/// One phone registered for one line (RFC 3261 §10). Can be stored and restored; then the store holds the
/// line's password as the phone knows it, which may be older than the device's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The line.
    pub aor: Aor,
    /// The phone's Contact URI to the byte.
    pub contact: Target,
    /// The id of the device the line belongs to, as [`super::line::Line`] gave it.
    pub device: String,
    /// What the phone proved itself with; `None` if it was let in by its address.
    pub credentials: Option<Credentials>,
    /// Where a NOTIFY goes: where the REGISTER came from, or the port its sender listens on if that is
    /// another.
    pub source: Peer,
    /// The proxies the REGISTER came by, nearest to us first (`Path`, RFC 3327).
    pub path: Vec<String>,
    /// The phone's `User-Agent`; empty if it sent none.
    pub user_agent: String,
    /// The phone's `+sip.instance`, which stays when its Contact changes (RFC 5626).
    pub instance: Option<String>,
    /// Which of the phone's flows this is (`reg-id`, RFC 5626).
    pub flow: Option<u32>,
    /// Whether the phone is reached by the connection it registered over and by no other, which it keeps open
    /// (RFC 5626): the binding ends with that.
    #[serde(default)]
    pub outbound: bool,
    /// The `Call-ID` of the REGISTER.
    pub call_id: String,
    /// The `CSeq` of the REGISTER.
    pub cseq: u32,
    /// The preference among the line's contacts in thousandths, 1000 if the phone gave none.
    pub q: u16,
    /// The end, in seconds since 1970.
    pub expires_at: u64,
}

impl Binding {
    /// A NOTIFY of `event` to this phone: the way its REGISTER came, with the password it knows.
    pub fn notify(&self, event: &str) -> Notify {
        Notify {
            aor: self.aor.clone(),
            target: self.contact.clone(),
            to: self.source,
            next: self.next(),
            route: self.path.clone(),
            event: event.to_owned(),
            state: state_of_unasked(&self.user_agent),
            content: None,
            credentials: self.credentials.clone(),
        }
    }

    /// Where else the phone may be if its connection is gone; nowhere if that was its flow (RFC 5626 §5.3).
    pub fn next(&self) -> Vec<Peer> {
        if self.outbound { Vec::new() } else { self.source.otherwise(&self.contact, &self.path) }
    }

    /// The connection with which it ends, if there is one.
    pub fn ends_with(&self) -> Option<Flow> {
        self.source.flow.filter(|_| self.outbound)
    }

    /// Whether nothing has changed since `before` but when it ends and the number of its REGISTER.
    pub fn is_refresh_of(&self, before: &Self) -> bool {
        let now = Self { expires_at: before.expires_at, cseq: before.cseq, ..self.clone() };
        now == *before
    }

    /// What an answer to a REGISTER says of it at second `unix`; of a flow also which it is (RFC 5626 §6).
    pub fn shown(&self, unix: u64) -> String {
        let (contact, left) = (self.contact.as_str(), self.expires_at.saturating_sub(unix));
        match (&self.instance, self.flow) {
            (Some(instance), Some(flow)) => {
                format!("<{contact}>;expires={left};+sip.instance=\"{instance}\";reg-id={flow}")
            }
            _ => format!("<{contact}>;expires={left}"),
        }
    }

    /// The name that has to be looked up to reach this phone should its connection be gone; `None` where there is none.
    pub fn name(&self) -> Option<Hop> {
        let hop = Peer::nearest(&self.contact, &self.path)?;
        let transport = hop.transport.unwrap_or(self.source.transport);
        let is_name = hop.ip().is_none() && transport.is_reliable() && self.source.is_reliable();
        (is_name && !self.outbound).then_some(Hop { transport: Some(transport), ..hop })
    }
}

/// All bindings. Each is held once; what finds it holds numbers only, so that a binding costs little more than its
/// texts. Every operation costs the logarithm of their number.
#[derive(Debug, Default)]
pub struct Bindings {
    /// By number: who was refreshed later has a greater one.
    all: BTreeMap<u64, Box<Binding>>,
    given: u64,
    lines: BTreeSet<(Fingerprint, u64)>,
    devices: BTreeSet<(Fingerprint, u64)>,
    ends: BTreeSet<(u64, u64)>,
    flows: BTreeSet<(Flow, u64)>,
}

impl Bindings {
    /// Adds a binding. Gives back the one it replaces: that of the same line with the same contact.
    pub fn put(&mut self, binding: Binding) -> Option<Binding> {
        let replaced = self.take(&binding.aor, &binding.contact);
        self.given += 1;
        let (line, device, end) = Self::found_by(&binding);
        self.lines.insert((line, self.given));
        self.devices.insert((device, self.given));
        self.ends.insert((end, self.given));
        self.flows.extend(binding.ends_with().map(|flow| (flow, self.given)));
        self.all.insert(self.given, Box::new(binding));
        replaced
    }

    /// Removes the binding of a line to exactly this contact.
    pub fn take(&mut self, aor: &Aor, contact: &Target) -> Option<Binding> {
        let found = self.found(&self.lines, aor.into()).find(|(_, binding)| binding.contact == *contact);
        let number = found.map(|(number, _)| number)?;
        self.remove(number)
    }

    /// The bindings of a line, the one refreshed last at the end.
    pub fn of_line<'b>(&'b self, aor: &Aor) -> impl Iterator<Item = &'b Binding> + Clone + use<'b> {
        self.found(&self.lines, aor.into()).map(|(_, binding)| binding)
    }

    /// The bindings of a device, the one refreshed last at the end.
    pub fn of_device<'b>(&'b self, device: &str) -> impl Iterator<Item = &'b Binding> + use<'b> {
        self.found(&self.devices, Fingerprint::of(&[device])).map(|(_, binding)| binding)
    }

    /// Removes all bindings of a device.
    pub fn take_device(&mut self, device: &str) -> Vec<Binding> {
        let found = self.found(&self.devices, Fingerprint::of(&[device]));
        let numbers: Vec<u64> = found.map(|(number, _)| number).collect();
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// Removes all bindings that end with this connection.
    pub fn take_flow(&mut self, flow: Flow) -> Vec<Binding> {
        let numbers = self.flows.range((flow, 0)..=(flow, u64::MAX)).map(|(_, number)| *number);
        let numbers: Vec<u64> = numbers.collect();
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// Removes the next binding that has ended by `unix`, the earliest first.
    pub fn take_ended(&mut self, unix: u64) -> Option<Binding> {
        let (_, number) = *self.ends.first().filter(|(end, _)| *end <= unix)?;
        self.remove(number)
    }

    /// When the next binding ends, in seconds since 1970.
    pub fn next_end(&self) -> Option<u64> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn found_by(binding: &Binding) -> (Fingerprint, Fingerprint, u64) {
        ((&binding.aor).into(), Fingerprint::of(&[&binding.device]), binding.expires_at)
    }

    fn found<'b>(
        &'b self,
        index: &'b BTreeSet<(Fingerprint, u64)>,
        name: Fingerprint,
    ) -> impl Iterator<Item = (u64, &'b Binding)> + Clone {
        let numbers = index.range((name, 0)..=(name, u64::MAX)).map(|(_, number)| *number);
        numbers.filter_map(|number| Some((number, &**self.all.get(&number)?)))
    }

    fn remove(&mut self, number: u64) -> Option<Binding> {
        let binding = self.all.remove(&number)?;
        let (line, device, end) = Self::found_by(&binding);
        self.lines.remove(&(line, number));
        self.devices.remove(&(device, number));
        self.ends.remove(&(end, number));
        if let Some(flow) = binding.ends_with() {
            self.flows.remove(&(flow, number));
        }
        Some(*binding)
    }
}

#[cfg(test)]
pub(crate) mod tests {
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
        assert_eq!(ports(&bindings.take_flow(Flow(1))), [1]);
        assert_eq!((ports(&bindings.take_flow(Flow(2))), bindings.take_flow(Flow(3))), (vec![4, 2], vec![]));
        assert_eq!((ports(bindings.of_device("d")), bindings.flows.len()), (vec![3], 0));
    }

    #[test]
    fn a_flow_that_is_gone_leads_nowhere_else() {
        let source = Peer { flow: Some(Flow(1)), ..Peer::from_str("tcp:203.0.113.9:40000").unwrap() };
        let notify =
            |outbound| Binding { source, outbound, path: Vec::new(), ..binding(5070, 1) }.notify("x");
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
}
