//! Which lines are watched at somebody else's registrar: those of all devices that are switched on and have one.
//!
//! The devices are gone through again when something has changed, and never more than a twentieth of the time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::warn;

use super::clock;
use super::elsewhere::Seen;
use super::shell::Shell;
use crate::circle::Station;
use crate::device::Device;
use crate::id::{Digest, Id};
use crate::resync::Scope;
use crate::sip::subscribe::reginfo::Contact;
use crate::sip::subscribe::{MAX_WATCHED, subscription};
use crate::sip::{Aor, Command, Credentials};
use crate::store::{Span, Store, StoreError};

/// How many lines are handed over at a time, and devices read.
const BATCH: usize = 256;

/// The shortest pause before devices are gone through again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long what a NOTIFY said holds at least, in seconds: registrars need not tell of a refresh, and another NOTIFY
/// comes when the subscription is refreshed.
const HOLDS: u32 = subscription::EXPIRES + 300;

/// What has changed of the lines to watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// New ones, and ones with other credentials.
    watch: Vec<(Aor, Option<Credentials>)>,
    /// Those that are no more, or that another device has now.
    unwatch: Vec<Aor>,
}

/// The line of this device, and what it proves itself with.
type OfDevice = (Id, Option<Credentials>);

/// Whose line it is, and what tells whether its credentials are others.
type Known = (Id, Digest);

/// Tells of lines until nobody listens. Something comes every few seconds, even if nothing has changed.
pub(super) async fn sweep(store: Arc<dyn Store>, watch: mpsc::Sender<Watch>) {
    let mut swept = None;
    let mut known = HashMap::new();
    loop {
        let (begun, _) = clock();
        let latest = store.changes().latest();
        if swept != Some(latest) {
            match lines(&*store).await {
                Ok(now) => {
                    swept = Some(latest);
                    for change in changes(&mut known, now) {
                        if watch.send(change).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => warn!(%error, "which lines to watch cannot be found out now"),
            }
        }
        if watch.send(Watch::default()).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSE.max(clock().0.duration_since(begun) * 20)).await;
    }
}

/// Every line, with whose it is and what it proves itself with.
async fn lines(store: &dyn Store) -> Result<HashMap<Aor, OfDevice>, StoreError> {
    let (mut lines, mut realms) = (HashMap::new(), HashMap::new());
    let (mut after, mut too_many) = (None, 0_usize);
    loop {
        let span = Span::ascending(after, BATCH).only(&["enabled", "sip"]);
        let page = store.devices(&Scope::Everything, span).await?;
        for device in page.rows.iter().filter(|device| device.enabled()) {
            let Some(aor) = line(store, device, &mut realms).await? else { continue };
            if lines.len() < MAX_WATCHED {
                lines.insert(aor, (device.id(), Station::from(device).credentials));
            } else {
                too_many += 1;
            }
        }
        after = page.last;
        if after.is_none() {
            break;
        }
    }
    if too_many > 0 {
        warn!(
            too_many,
            MAX_WATCHED, "not all lines are watched; a Kamailio can be asked for all by its RPC instead"
        );
    }
    Ok(lines)
}

async fn line(
    store: &dyn Store,
    device: &Device,
    realms: &mut HashMap<Id, Option<String>>,
) -> Result<Option<Aor>, StoreError> {
    let Some(user) = device.username() else { return Ok(None) };
    if let Some(realm) = device.realm() {
        return Ok(Some(Aor::new(user, &realm)));
    }
    let realm = match realms.entry(device.account()) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => {
            let account = store.account(device.account()).await?;
            unknown.insert(account.and_then(|account| account.realm()))
        }
    };
    Ok(realm.as_ref().map(|realm| Aor::new(user, realm)))
}

/// What makes of the lines that were `known` those that are `now`. One that another device has now is watched anew:
/// what was said of it is that device's only when it is said again.
fn changes(known: &mut HashMap<Aor, Known>, now: HashMap<Aor, OfDevice>) -> Vec<Watch> {
    let stays = |aor: &Aor, (device, _): &Known| now.get(aor).is_some_and(|(of, _)| of == device);
    let gone: Vec<Aor> = known.extract_if(|aor, line| !stays(aor, line)).map(|(aor, _)| aor).collect();
    let mut news = Vec::new();
    for (aor, (device, credentials)) in now {
        let line = (device, Digest::of(&serde_json::to_vec(&credentials).unwrap_or_default()));
        if known.insert(aor.clone(), line) != Some(line) {
            news.push((aor, credentials));
        }
    }
    let unwatch = gone.chunks(BATCH).map(|gone| Watch { unwatch: gone.to_vec(), watch: Vec::new() });
    let watch = news.chunks(BATCH).map(|new| Watch { watch: new.to_vec(), unwatch: Vec::new() });
    unwatch.chain(watch).collect()
}

impl Shell {
    /// Takes lines to watch; all of them are asked for where the proxy is now.
    pub(super) fn watch(&mut self, watch: Watch, out: &mut Vec<Command>) {
        if let Some(proxy) = &self.proxy {
            if self.finder.lacks(proxy) {
                self.finder.look_up(vec![proxy.clone()], self.events.clone());
            }
            if let Some(place) = self.finder.places(proxy).first() {
                self.endpoint.subscriptions().through(*place);
            }
        }
        let (subscriptions, (now, _)) = (self.endpoint.subscriptions(), clock());
        watch.unwatch.iter().for_each(|aor| subscriptions.unwatch(aor, out));
        for (aor, credentials) in watch.watch {
            subscriptions.watch(now, aor, credentials);
        }
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.said().gone(watch.unwatch);
        }
    }
}

/// What a NOTIFY says of a line.
pub(super) fn seen(aor: &Aor, contacts: Vec<Contact>) -> Vec<Seen> {
    let (_, unix) = clock();
    let seen = contacts.into_iter().map(|contact| Seen {
        aor: aor.clone(),
        contact: contact.uri,
        received: None,
        user_agent: String::new(),
        call_id: contact.call_id,
        expires_at: unix.saturating_add(contact.expires.unwrap_or(0).max(HOLDS).into()),
    });
    seen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Password;

    const DEVICE: Id = Id::from_bytes([1; 16]);

    fn lines(passwords: &[(&str, &str)]) -> HashMap<Aor, OfDevice> {
        let line = |(user, password): &(&str, &str)| {
            let credentials = Credentials { user: (*user).to_owned(), password: Password::new(*password) };
            (Aor::new(user, "pbx"), (DEVICE, Some(credentials)))
        };
        passwords.iter().map(line).collect()
    }

    fn counts(changes: &[Watch]) -> (usize, usize) {
        let count = |of: fn(&Watch) -> usize| changes.iter().map(of).sum();
        (count(|change| change.watch.len()), count(|change| change.unwatch.len()))
    }

    #[test]
    fn only_what_changes_is_told() {
        let mut known = HashMap::new();
        assert_eq!(counts(&changes(&mut known, lines(&[("a", "1"), ("b", "1")]))), (2, 0));
        assert_eq!(counts(&changes(&mut known, lines(&[("a", "1"), ("b", "1")]))), (0, 0));
        assert_eq!(counts(&changes(&mut known, lines(&[("a", "2"), ("c", "1")]))), (2, 1));
        assert_eq!(known.len(), 2);
    }

    #[test]
    fn a_line_that_another_device_has_now_is_let_go_and_watched_anew() {
        let mut known = HashMap::new();
        changes(&mut known, lines(&[("a", "1"), ("b", "1")]));
        let mut now = lines(&[("a", "1"), ("b", "1")]);
        now.get_mut(&Aor::new("a", "pbx")).unwrap().0 = Id::from_bytes([2; 16]);
        let changed = changes(&mut known, now.clone());
        assert_eq!((changed[0].unwatch.len(), changed[1].watch.len()), (1, 1), "in this order");
        assert_eq!(counts(&changes(&mut known, now)), (0, 0));
    }

    #[test]
    fn many_lines_are_handed_over_in_parts() {
        let users: Vec<String> = (0..=BATCH * 2).map(|n| format!("u{n}")).collect();
        let now = users.iter().map(|user| (Aor::new(user, "pbx"), (DEVICE, None))).collect();
        let parts = changes(&mut HashMap::new(), now);
        assert_eq!((parts.len(), counts(&parts).0), (3, BATCH * 2 + 1));
    }
}
