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

#[cfg(test)]
pub(crate) mod tests;

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
    /// Whether `source` is known to be the phone's own address, as far as a REGISTER can say: it came here, with no
    /// `Path` and one `Via`. False where that was not noted.
    #[serde(default)]
    pub direct: bool,
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

    /// The connection with which it ends, if there is one; another is only the first place where the phone may be.
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
    all: BTreeMap<u64, Box<Held>>,
    given: u64,
    lines: BTreeSet<(Fingerprint, u64)>,
    devices: BTreeSet<(Fingerprint, u64)>,
    ends: BTreeSet<(u64, u64)>,
    flows: BTreeSet<(Flow, u64)>,
}

/// A binding, and what it is found by.
#[derive(Debug)]
struct Held {
    binding: Binding,
    line: Fingerprint,
    device: Fingerprint,
}

impl Bindings {
    /// Adds a binding. Gives back the one it replaces: that of the same line with the same contact.
    pub fn put(&mut self, binding: Binding) -> Option<Binding> {
        let (line, device) = (Fingerprint::from(&binding.aor), Fingerprint::of(&[&binding.device]));
        let replaced = self.take(line, &binding.contact);
        self.given += 1;
        self.lines.insert((line, self.given));
        self.devices.insert((device, self.given));
        self.ends.insert((binding.expires_at, self.given));
        self.flows.extend(binding.source.flow.map(|flow| (flow, self.given)));
        self.all.insert(self.given, Box::new(Held { binding, line, device }));
        replaced
    }

    /// Removes the binding of a line to exactly this contact.
    pub fn take(&mut self, line: impl Into<Fingerprint>, contact: &Target) -> Option<Binding> {
        let found = self.found(&self.lines, line.into()).find(|(_, binding)| binding.contact == *contact);
        let number = found.map(|(number, _)| number)?;
        self.remove(number)
    }

    /// The bindings of a line, the one refreshed last at the end.
    pub fn of_line(&self, line: impl Into<Fingerprint>) -> impl Iterator<Item = &Binding> + Clone {
        self.found(&self.lines, line.into()).map(|(_, binding)| binding)
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
        let ending = self.over(flow).filter(|(_, binding)| binding.outbound);
        let numbers: Vec<u64> = ending.map(|(number, _)| number).collect();
        numbers.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    /// When the last binding ends that was made over this connection, in seconds since 1970; 0 where there is none.
    pub fn kept_until(&self, flow: Flow) -> u64 {
        self.over(flow).map(|(_, binding)| binding.expires_at).max().unwrap_or_default()
    }

    fn over(&self, flow: Flow) -> impl Iterator<Item = (u64, &Binding)> {
        let numbers = self.flows.range((flow, 0)..=(flow, u64::MAX)).map(|(_, number)| *number);
        numbers.filter_map(|number| Some((number, &self.all.get(&number)?.binding)))
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

    fn found<'b>(
        &'b self,
        index: &'b BTreeSet<(Fingerprint, u64)>,
        name: Fingerprint,
    ) -> impl Iterator<Item = (u64, &'b Binding)> + Clone {
        let numbers = index.range((name, 0)..=(name, u64::MAX)).map(|(_, number)| *number);
        numbers.filter_map(|number| Some((number, &self.all.get(&number)?.binding)))
    }

    fn remove(&mut self, number: u64) -> Option<Binding> {
        let Held { binding, line, device } = *self.all.remove(&number)?;
        self.lines.remove(&(line, number));
        self.devices.remove(&(device, number));
        self.ends.remove(&(binding.expires_at, number));
        if let Some(flow) = binding.source.flow {
            self.flows.remove(&(flow, number));
        }
        Some(binding)
    }
}
