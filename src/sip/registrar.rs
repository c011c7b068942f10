//! The registrar's rules (RFC 3261 §10.3): what becomes of the bindings when a phone that may registers.

use super::address::Target;
use super::binding::{Binding, Bindings};
use super::digest::Credentials;
use super::registration::{Contact, MAX_CONTACTS, Registration, Wish};

/// The shortest registration, in seconds, unless the line's longest is shorter still.
pub const MIN_EXPIRES: u32 = 60;

/// Who was let in.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    /// The device's id.
    pub device: &'a str,
    /// What the phone proved itself with.
    pub credentials: Option<&'a Credentials>,
    /// The longest registration, in seconds, and the usual one.
    pub expires: u32,
    /// Whether the line is at one phone at a time: whoever comes takes the place of whoever was there.
    pub alone: bool,
}

/// A change of the bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A phone registered or refreshed.
    Bound {
        /// The binding as it is now.
        binding: Box<Binding>,
        /// Whether the contact was not bound before.
        fresh: bool,
        /// Whether it was only refreshed: nothing but its time has changed.
        same: bool,
    },
    /// A binding is gone.
    Unbound {
        /// The binding as it was.
        binding: Box<Binding>,
        /// Why it is gone.
        end: End,
    },
}

/// Why a binding is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The phone did not register again in time.
    Expired,
    /// The phone said goodbye.
    Removed,
    /// This contact took its place.
    Replaced(Target),
    /// The connection is gone that was the flow by which alone the phone was reached (RFC 5626).
    Disconnected,
    /// We were asked to forget where the device is.
    Forgotten,
}

impl End {
    /// What happened, in words for a person.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Expired => "the phone did not register again in time",
            Self::Removed => "the phone ended its registration",
            Self::Replaced(_) => "another contact took its place",
            Self::Disconnected => "the phone's connection ended, by which alone it could be reached",
            Self::Forgotten => "an administrator ended it",
        }
    }
}

/// Why a REGISTER changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 423: the shortest registration is that many seconds.
    TooBrief(u32),
    /// 500: a later REGISTER of the same phone came first.
    OutOfOrder,
}

/// Carries out a REGISTER at second `unix`, wholly or not at all.
pub fn register(
    asked: &Registration,
    who: Admitted<'_>,
    unix: u64,
    bindings: &mut Bindings,
) -> Result<Vec<Change>, Refusal> {
    match &asked.wish {
        Wish::Fetch => Ok(Vec::new()),
        Wish::RemoveAll => remove_all(asked, bindings),
        Wish::Bind(contacts) => {
            let grants = contacts.iter().map(|contact| grant(contact.expires, who.expires));
            let seconds: Vec<u32> = grants.collect::<Result<_, _>>()?;
            let bound = bindings.of_line(asked.line);
            bound
                .filter(|old| contacts.iter().any(|contact| is_about(contact, old)))
                .try_for_each(|old| in_order(asked, old))?;
            let mut changes = Vec::new();
            for (contact, seconds) in contacts.iter().zip(seconds) {
                match seconds {
                    0 => changes.extend(unbind(contact, asked, bindings)),
                    _ => changes.extend(bind(contact, unix + u64::from(seconds), (asked, who), bindings)),
                }
            }
            Ok(changes)
        }
    }
}

fn remove_all(asked: &Registration, bindings: &mut Bindings) -> Result<Vec<Change>, Refusal> {
    bindings.of_line(asked.line).try_for_each(|old| in_order(asked, old))?;
    Ok(take(asked, bindings, |_| true, &End::Removed))
}

/// Removes one contact.
fn unbind(contact: &Contact, asked: &Registration, bindings: &mut Bindings) -> Vec<Change> {
    let goes = |old: &Binding| is_about(contact, old) && is_older(contact, old, asked);
    take(asked, bindings, goes, &End::Removed)
}

/// Binds one contact until `expires_at`, in place of those that it replaces.
fn bind(
    contact: &Contact,
    expires_at: u64,
    (asked, who): (&Registration, Admitted<'_>),
    bindings: &mut Bindings,
) -> Vec<Change> {
    let known = bindings.of_line(asked.line).any(|old| old.contact.same_place(&contact.target));
    let replaced = End::Replaced(contact.target.clone());
    let goes = |old: &Binding| {
        let about = is_about(contact, old) || who.alone && !is_beside(contact, old);
        about && old.contact != contact.target && is_older(contact, old, asked)
    };
    let mut changes = take(asked, bindings, goes, &replaced);
    let binding = binding(contact, expires_at, asked, who);
    let before = bindings.put(binding.clone());
    let same = before.as_ref().is_some_and(|before| binding.is_refresh_of(before));
    let taken_over = before.filter(|old| old.device != binding.device);
    let fresh = !known || taken_over.is_some();
    changes.extend(taken_over.map(|old| Change::Unbound { binding: Box::new(old), end: replaced.clone() }));
    changes.extend(make_room(asked, &contact.target, bindings));
    changes.push(Change::Bound { binding: Box::new(binding), fresh, same });
    changes
}

/// Removes the bindings of the line that go, for one reason.
fn take(
    asked: &Registration,
    bindings: &mut Bindings,
    goes: impl Fn(&Binding) -> bool,
    end: &End,
) -> Vec<Change> {
    let going = bindings.of_line(asked.line).filter(|old| goes(old));
    let contacts: Vec<Target> = going.map(|old| old.contact.clone()).collect();
    let taken = contacts.iter().filter_map(|contact| bindings.take(asked.line, contact));
    taken.map(|old| Change::Unbound { binding: Box::new(old), end: end.clone() }).collect()
}

/// Of too many contacts the one that ends first goes, but not the newest.
fn make_room(asked: &Registration, newest: &Target, bindings: &mut Bindings) -> Vec<Change> {
    let bound = bindings.of_line(asked.line);
    let others = bound.clone().filter(|old| old.contact != *newest);
    let first = others.min_by_key(|old| old.expires_at).filter(|_| bound.count() > MAX_CONTACTS);
    let Some(contact) = first.map(|first| first.contact.clone()) else { return Vec::new() };
    take(asked, bindings, |old| old.contact == contact, &End::Replaced(newest.clone()))
}

fn binding(contact: &Contact, expires_at: u64, asked: &Registration, who: Admitted<'_>) -> Binding {
    Binding {
        aor: asked.aor.clone(),
        contact: contact.target.clone(),
        device: who.device.to_owned(),
        credentials: who.credentials.cloned(),
        source: asked.source,
        path: asked.path.clone(),
        direct: asked.direct,
        user_agent: asked.user_agent.clone(),
        instance: contact.instance.clone(),
        flow: contact.flow,
        outbound: asked.outbound && asked.path.is_empty() && contact.names_flow(),
        call_id: asked.call_id.clone(),
        cseq: asked.cseq,
        q: contact.q,
        expires_at,
    }
}

/// Whether a contact is about a binding: that of the same place, or that of the same flow of the same phone.
fn is_about(contact: &Contact, old: &Binding) -> bool {
    let phone = contact.instance.is_some() && old.instance == contact.instance && old.flow == contact.flow;
    phone || old.contact.same_place(&contact.target)
}

/// Whether a binding is another flow of the same phone (RFC 5626).
fn is_beside(contact: &Contact, old: &Binding) -> bool {
    contact.instance.is_some() && old.instance == contact.instance && old.flow != contact.flow
}

/// Whether a binding is not of this very request, which may name one phone at several places; or is the same place.
fn is_older(contact: &Contact, old: &Binding, asked: &Registration) -> bool {
    let same_request = old.call_id == asked.call_id && old.cseq == asked.cseq;
    !same_request || old.contact.same_place(&contact.target)
}

/// A REGISTER of the same number may come twice, when its answer was lost; an older one is refused.
fn in_order(asked: &Registration, old: &Binding) -> Result<(), Refusal> {
    let older = old.call_id == asked.call_id && asked.cseq < old.cseq;
    if older { Err(Refusal::OutOfOrder) } else { Ok(()) }
}

/// How long a contact is bound: 0 removes it.
fn grant(asked: Option<u32>, configured: u32) -> Result<u32, Refusal> {
    let longest = configured.max(1);
    let shortest = MIN_EXPIRES.min(longest);
    match asked.unwrap_or(longest) {
        0 => Ok(0),
        brief if brief < shortest => Err(Refusal::TooBrief(shortest)),
        asked => Ok(asked.min(longest)),
    }
}

#[cfg(test)]
mod tests;
