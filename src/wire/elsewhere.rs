//! Registrations that somebody else keeps: what a PBX says takes the place of our own registrar.
//!
//! It is noted where our registrar notes its own, so that whoever asks who is registered need not know who says so.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::bindings::{self, Writer};
use super::clock;
use super::hearsay::Hearsay;
use super::seldom::Seldom;
use crate::circle::Circle;
use crate::id::Id;
use crate::registrations::Registrations;
use crate::sip::hop::Hop;
use crate::sip::peer::Transport;
use crate::sip::{Aor, Binding, Target};
use crate::store::{Store, StoreError};

/// The most contacts of one line that are kept; others are left out.
const MAX_CONTACTS: usize = 32;

/// How long after its end a contact is kept, in seconds: the PBX may say in a moment that it was refreshed.
const GRACE: u64 = 60;

/// How much the end of a contact may differ from what is noted before it is written down anew, in seconds: whoever says
/// how long it still has rounds.
const ROUNDING: u64 = 5;

/// How often ends are looked for.
const TICK: Duration = Duration::from_secs(10);

/// One contact, as somebody else says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// The line.
    pub(super) aor: Aor,
    /// Where the phone is.
    pub(super) contact: Target,
    /// Where its REGISTER came from, as a URI, where that is known.
    pub(super) received: Option<String>,
    /// Its `User-Agent`, or nothing.
    pub(super) user_agent: String,
    /// The `Call-ID` of its REGISTER, or nothing.
    pub(super) call_id: String,
    /// When it ends, in Unix seconds.
    pub(super) expires_at: u64,
}

/// What is new.
#[derive(Debug)]
pub(super) enum News {
    /// Everything that is registered now.
    All(Vec<Seen>),
    /// Everything that is registered now for one line.
    Line(Aor, Vec<Seen>),
    /// These lines are no more, or another device's: what was said of them holds no longer.
    Gone(Vec<Aor>),
}

/// Somebody asks where the phones of these devices are.
pub(super) struct Question {
    pub(super) devices: Vec<Id>,
    pub(super) answer: oneshot::Sender<Vec<(Id, Binding)>>,
}

/// The task that takes the news.
pub(super) struct Elsewhere {
    said: Arc<Hearsay>,
    questions: mpsc::Sender<Question>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Elsewhere {
    /// Starts with what was noted last, which holds until it ends or there is news.
    pub(super) async fn start(
        (store, circle, registrations): (Arc<dyn Store>, Circle, Arc<Registrations>),
        inbox: mpsc::Receiver<News>,
    ) -> Result<Self, StoreError> {
        let noted = bindings::load(&*store).await?;
        let writer = Writer::start(store.clone());
        let mut book = Book { store, circle, registrations, writer, known: HashMap::new() };
        book.remember(noted);
        let (stop, stopped) = oneshot::channel();
        let said = Arc::<Hearsay>::default();
        let (questions, asked) = mpsc::channel(64);
        let running = tokio::spawn(book.run((inbox, asked), said.clone(), stopped));
        Ok(Self { said, questions, stop, running })
    }

    /// Where it hears of lines, whoever says what at once and however long it takes to note it.
    pub(super) fn said(&self) -> &Hearsay {
        &self.said
    }

    /// Takes a question, which whoever asks does not wait to be taken.
    pub(super) fn ask(&self, question: Question) {
        let questions = self.questions.clone();
        tokio::spawn(async move { questions.send(question).await });
    }

    /// Ends when everything is written down.
    pub(super) async fn finish(self) {
        let _ended = self.stop.send(());
        let _panicked = self.running.await;
    }
}

/// What is known.
struct Book {
    store: Arc<dyn Store>,
    circle: Circle,
    registrations: Arc<Registrations>,
    writer: Writer,
    known: HashMap<Id, Vec<Binding>>,
}

impl Book {
    async fn run(
        mut self,
        (mut inbox, mut asked): (mpsc::Receiver<News>, mpsc::Receiver<Question>),
        said: Arc<Hearsay>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let (mut tick, mut failures) = (tokio::time::interval(TICK), Seldom::default());
        loop {
            let news = tokio::select! {
                _ = &mut stopped => break,
                _ = tick.tick() => {
                    self.expire();
                    continue;
                }
                Some(question) = asked.recv() => {
                    self.locate(question);
                    continue;
                }
                Some(news) = inbox.recv() => vec![news],
                news = said.next() => news,
            };
            for news in news {
                if let Err(error) = self.take(news).await
                    && let Some(left_out) = failures.says(clock().0)
                {
                    warn!(%error, left_out, "who is registered elsewhere is not noted");
                }
            }
        }
        self.writer.finish().await;
    }

    fn remember(&mut self, noted: Vec<Binding>) {
        for binding in noted {
            if let Ok(device) = binding.device.parse() {
                self.known.entry(device).or_default().push(binding);
            }
        }
        for (device, bindings) in &self.known {
            self.registrations.set(*device, bindings.len());
        }
    }

    async fn take(&mut self, news: News) -> Result<(), StoreError> {
        match news {
            News::All(seen) => self.all(seen).await,
            News::Line(aor, seen) => {
                let found = self.store.device_by_line(&aor.user, &aor.realm).await?;
                let Some(device) = found.map(|device| device.id()) else { return Ok(()) };
                self.is_at(device, seen.into_iter().map(|seen| seen.of(device)).collect());
                Ok(())
            }
            News::Gone(lines) => {
                let lines: HashSet<Aor> = lines.into_iter().collect();
                self.let_go(|binding| lines.contains(&binding.aor));
                Ok(())
            }
        }
    }

    fn locate(&self, Question { devices, answer }: Question) {
        let of = |device: &Id| {
            let (device, known) = (*device, self.known.get(device));
            known.into_iter().flatten().map(move |binding| (device, binding.clone()))
        };
        let _gone = answer.send(devices.iter().flat_map(of).collect());
    }

    async fn all(&mut self, seen: Vec<Seen>) -> Result<(), StoreError> {
        let mut lines: HashMap<Aor, Option<Id>> = HashMap::new();
        let mut now: HashMap<Id, Vec<Binding>> = HashMap::new();
        for seen in seen {
            let device = match lines.entry(seen.aor.clone()) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => {
                    let found = self.store.device_by_line(&seen.aor.user, &seen.aor.realm).await?;
                    *unknown.insert(found.map(|device| device.id()))
                }
            };
            if let Some(device) = device {
                now.entry(device).or_default().push(seen.of(device));
            }
        }
        let gone: Vec<Id> = self.known.keys().filter(|id| !now.contains_key(id)).copied().collect();
        for id in gone {
            self.is_at(id, Vec::new());
        }
        for (id, bindings) in now {
            self.is_at(id, bindings);
        }
        Ok(())
    }

    /// Takes note of where a device's phones are now, and writes down what differs.
    fn is_at(&mut self, device: Id, mut now: Vec<Binding>) {
        now.truncate(MAX_CONTACTS);
        let before = self.known.remove(&device).unwrap_or_default();
        let same = |one: &Binding, other: &Binding| one.aor == other.aor && one.contact == other.contact;
        for gone in before.iter().filter(|old| !now.iter().any(|new| same(old, new))) {
            info!(%device, line = %gone.aor.uri(), "a registration ended, as the PBX says");
            self.writer.remove(gone);
        }
        for new in &now {
            match before.iter().find(|old| same(old, new)) {
                None => {
                    info!(%device, line = %new.aor.uri(), "a phone registered, as the PBX says");
                    self.writer.put(Box::new(new.clone()), true);
                    self.circle.arrived(device);
                }
                Some(old) if old.expires_at.abs_diff(new.expires_at) > ROUNDING => {
                    self.writer.put(Box::new(new.clone()), false);
                    self.circle.refreshed(device);
                }
                Some(_) => {}
            }
        }
        self.registrations.set(device, now.len());
        if !now.is_empty() {
            self.known.insert(device, now);
        }
    }

    /// Lets go of what has ended without anybody saying so, as while the PBX cannot be asked.
    fn expire(&mut self) {
        let (_, unix) = clock();
        self.let_go(|binding| binding.expires_at.saturating_add(GRACE) < unix);
    }

    /// Lets go of contacts, whatever else their devices have.
    fn let_go(&mut self, goes: impl Fn(&Binding) -> bool) {
        let concerned = self.known.iter().filter(|(_, bindings)| bindings.iter().any(&goes));
        let concerned: Vec<Id> = concerned.map(|(id, _)| *id).collect();
        for id in concerned {
            let left = self.known.get(&id).into_iter().flatten().filter(|binding| !goes(binding));
            let left = left.cloned().collect();
            self.is_at(id, left);
        }
    }
}

impl Seen {
    /// The binding of a device. Nobody is told anything there: that goes through the proxy. Whether that proxy is where the
    /// REGISTER came from nobody says.
    fn of(self, device: Id) -> Binding {
        let place = self.received.as_deref().unwrap_or(self.contact.as_str());
        let source = Hop::read(place).and_then(|hop| hop.peer(Transport::Udp));
        Binding {
            source: source.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into()),
            aor: self.aor,
            contact: self.contact,
            device: device.to_string(),
            credentials: None,
            path: Vec::new(),
            direct: false,
            user_agent: self.user_agent,
            instance: None,
            flow: None,
            outbound: false,
            call_id: self.call_id,
            cseq: 0,
            q: 1000,
            expires_at: self.expires_at,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::store::{Options, SledStore};

    fn seen(contact: &str) -> Seen {
        Seen {
            aor: Aor::new("front", "shop.example"),
            contact: Target::new(contact).unwrap(),
            received: None,
            user_agent: String::new(),
            call_id: String::new(),
            expires_at: 1000,
        }
    }

    #[test]
    fn a_phone_is_where_its_register_came_from_else_where_its_contact_says() {
        let device = Id::from_bytes([1; 16]);
        let source = |seen: Seen| seen.of(device).source.to_string();
        assert_eq!(source(seen("sip:front@10.0.0.1:5062")), "udp:10.0.0.1:5062");
        let received = Some("sip:203.0.113.9:40000;transport=tcp".to_owned());
        assert_eq!(source(Seen { received, ..seen("sip:front@10.0.0.1") }), "tcp:203.0.113.9:40000");
        assert_eq!(source(seen("sip:front@phone.example")), "udp:0.0.0.0:0");
        assert!(!seen("sip:front@10.0.0.1:5062").of(device).direct, "a proxy may be there too");
    }

    #[tokio::test]
    async fn what_was_said_of_lines_that_are_gone_is_forgotten_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { reserve_bytes: 0, ..Options::new(folder.path()) };
        let store: Arc<dyn Store> = Arc::new(SledStore::open(options).unwrap());
        let (circle, registrations) = (Circle::deaf(), Arc::<Registrations>::default());
        let writer = Writer::start(store.clone());
        let known = HashMap::new();
        let mut book = Book { store, circle, registrations: registrations.clone(), writer, known };
        let (moved, other) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let front = seen("sip:front@10.0.0.1");
        let back = Seen { aor: Aor::new("back", "shop.example"), ..seen("sip:back@10.0.0.2") };
        book.remember(vec![front.clone().of(moved), back.of(other)]);
        book.take(News::Gone(vec![front.aor])).await.unwrap();
        assert!(!registrations.contains(moved) && registrations.contains(other));
        book.writer.finish().await;
    }
}
