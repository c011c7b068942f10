//! Phones that are told when one takes the place of another, as Kazoo tells them: event `registration-overwrite`.

use bytes::Bytes;

use super::address::Target;
use super::binding::Binding;
use super::command::Command;
use super::header::encode;
use super::notify::Notify;
use super::registrar::End;

/// The event of these NOTIFYs.
pub const EVENT: &str = "registration-overwrite";

/// What phones are to be told of these changes of the bindings: each that was replaced, by whom, and whoever came in
/// its place, whom it replaced last. A contact that is only spelt otherwise now replaces nobody.
pub fn notifies(changes: &[Command]) -> Vec<Notify> {
    let mut notifies = Vec::new();
    for (old, by) in changes.iter().filter_map(replaced) {
        notifies.push(notify(old, "Replaced-By", by));
        let bound = changes.iter().rev().find_map(|change| match change {
            Command::Bound { binding, .. } if binding.contact == *by => Some(binding),
            _ => None,
        });
        notifies.extend(bound.map(|new| notify(new, "Overwrote", &old.contact)));
    }
    notifies
}

fn replaced(change: &Command) -> Option<(&Binding, &Target)> {
    match change {
        Command::Unbound { binding, end: End::Replaced(by) } if !binding.contact.same_place(by) => {
            Some((binding, by))
        }
        _ => None,
    }
}

fn notify(phone: &Binding, what: &str, whom: &Target) -> Notify {
    let body = Bytes::from(encode(&format!("{what}:{}", whom.as_str())));
    Notify { content: Some(("text/plain".to_owned(), body)), ..phone.notify(EVENT) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::binding::tests::binding;

    fn unbound(port: u16, by: &str) -> Command {
        let end = End::Replaced(Target::new(by).unwrap());
        Command::Unbound { binding: Box::new(binding(port, 100)), end }
    }

    fn bound(port: u16) -> Command {
        Command::Bound { binding: Box::new(binding(port, 100)), fresh: true, same: false }
    }

    fn told(changes: &[Command]) -> Vec<(u16, String)> {
        let told = notifies(changes).into_iter().map(|notify| {
            assert_eq!((&notify.event[..], notify.credentials.is_some()), (EVENT, true));
            let (kind, body) = notify.content.unwrap();
            assert_eq!(kind, "text/plain");
            (notify.to.port(), String::from_utf8(body.to_vec()).unwrap())
        });
        told.collect()
    }

    #[test]
    fn both_phones_are_told_of_each_other() {
        let told = told(&[unbound(1, "sip:u1@10.0.0.1:2"), bound(2)]);
        let expected = [(1, "Replaced-By:sip:u1@10.0.0.1:2"), (2, "Overwrote:sip:u1@10.0.0.1:1")];
        assert_eq!(told, expected.map(|(port, text)| (port, text.to_owned())));
    }

    #[test]
    fn nobody_is_told_of_a_refresh_a_goodbye_or_another_spelling() {
        let gone = |end| Command::Unbound { binding: Box::new(binding(1, 100)), end };
        let changes = [
            bound(1),
            unbound(1, "SIP:u1@10.0.0.1:1"),
            gone(End::Removed),
            gone(End::Expired),
            gone(End::Forgotten),
        ];
        assert_eq!(told(&changes), []);
    }
}
