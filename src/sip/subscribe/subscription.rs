//! One subscription to where the phones of a line are (RFC 6665 §4.1, RFC 3680).

use std::time::{Duration, Instant};

use super::book::{Book, Page};
use super::reginfo::{Contact, Reginfo};
use crate::sip::address::{Aor, NameAddr, Target, list, param};
use crate::sip::chance::Chance;
use crate::sip::digest::Credentials;
use crate::sip::header::wire;
use crate::sip::listeners::Listeners;
use crate::sip::login::Login;
use crate::sip::message::{Request, Response, cseq};
use crate::sip::peer::Peer;

/// How long we ask a subscription to last, in seconds.
pub const EXPIRES: u32 = 3_600;
/// The most that a server can make us ask for, in seconds.
const LONGEST_EXPIRES: u32 = 86_400;
/// The pause after the first failure; each next one is twice as long.
pub const SHORTEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause, and the one after an answer that will hardly change.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A line that is watched, and how far that has come.
#[derive(Debug)]
pub struct Subscription {
    /// The line.
    pub aor: Aor,
    /// The `Call-ID` by which NOTIFYs are found.
    pub call_id: String,
    /// When something is to be done next; `None` while an answer is awaited.
    pub due: Option<Instant>,
    /// Counts the dialogs that were begun: an answer of one before means nothing.
    pub dialog: u32,
    credentials: Option<Credentials>,
    login: Login,
    tag: String,
    remote: Option<Remote>,
    cseq: u32,
    expires: u32,
    failures: u32,
    book: Book,
}

/// The other side of the dialog.
#[derive(Debug)]
struct Remote {
    tag: String,
    target: Option<Target>,
    route: Vec<String>,
    cseq: u32,
}

/// What a response comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask again at once.
    Again,
    /// The server watches the line for us.
    Watched,
    /// It does not, for now.
    Failed,
}

/// What a NOTIFY comes to: how it is answered, and whether the phones are elsewhere now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The code of the answer.
    pub code: u16,
    /// Whether the book was written in.
    pub news: bool,
}

impl Heard {
    const fn of(code: u16) -> Self {
        Self { code, news: false }
    }
}

impl Subscription {
    /// A line that will be watched from `due` on.
    pub fn new(aor: Aor, credentials: Option<Credentials>, due: Instant, chance: &mut Chance) -> Self {
        Self {
            aor,
            call_id: chance.token(),
            due: Some(due),
            dialog: 0,
            login: Login::new(credentials.clone()),
            credentials,
            tag: chance.token(),
            remote: None,
            cseq: 0,
            expires: EXPIRES,
            failures: 0,
            book: Book::default(),
        }
    }

    /// Where the phones of the line are, as was said last.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.book.contacts()
    }

    /// Whether a server watches the line for us, as far as we know.
    pub fn stands(&self) -> bool {
        self.remote.is_some()
    }

    /// Other credentials are good from now on.
    pub fn prove_with(&mut self, credentials: Option<Credentials>) {
        self.credentials = credentials;
    }

    /// Begins to ask, at first or to refresh: challenges are answered anew.
    pub fn begin(&mut self) {
        self.due = None;
        self.login = Login::new(self.credentials.clone());
    }

    /// The next SUBSCRIBE; with `expires` 0 the last.
    pub fn request(
        &mut self,
        to: &Peer,
        branch: &str,
        (listeners, agent): (&Listeners, &str),
        last: bool,
        chance: &mut Chance,
    ) -> Request {
        self.cseq += 1;
        let line = self.aor.uri();
        let remote = self.remote.as_ref();
        let target = remote.and_then(|remote| remote.target.as_ref()).map_or(line.as_str(), Target::as_str);
        let mut request = Request::new(rsip::Method::Subscribe, target);
        let mut add = |name: &str, value: String| request.headers.push(name, value);
        add("Via", listeners.via(to, branch));
        add("Max-Forwards", "70".to_owned());
        remote.iter().flat_map(|remote| &remote.route).for_each(|route| add("Route", route.clone()));
        add("From", format!("<{line}>;tag={}", self.tag));
        add("To", remote.map_or(format!("<{line}>"), |remote| format!("<{line}>;tag={}", remote.tag)));
        add("Call-ID", self.call_id.clone());
        add("CSeq", format!("{} SUBSCRIBE", self.cseq));
        add("Contact", listeners.contact(to));
        add("Event", "reg".to_owned());
        add("Accept", "application/reginfo+xml".to_owned());
        add("Expires", if last { "0".to_owned() } else { self.expires.to_string() });
        add("User-Agent", wire(agent));
        self.login.authorize(&mut request, chance);
        request
    }

    /// Takes a final response.
    pub fn response(&mut self, now: Instant, response: &Response, chance: &mut Chance) -> Next {
        match response.code {
            200..300 => self.accepted(now, response),
            401 | 407 if self.login.is_answered(response) => return Next::Again,
            423 if self.asks_longer(response) => return Next::Again,
            code => {
                let wished = seconds(response.headers.get("Retry-After"));
                return self.failed(now, Self::pause_after(code), wished, chance);
            }
        }
        Next::Watched
    }

    /// Nobody answered, or the request could not be sent.
    pub fn unanswered(&mut self, now: Instant, chance: &mut Chance) -> Next {
        self.failed(now, None, None, chance)
    }

    /// Takes a NOTIFY that has the `Call-ID` of this subscription; `None` if it is of no dialog of ours.
    pub fn notify(&mut self, now: Instant, request: &Request, chance: &mut Chance) -> Option<Heard> {
        let field = |name| request.headers.get(name).unwrap_or_default();
        let (ours, theirs) = (tag(field("To")), tag(field("From")));
        if ours != self.tag || self.remote.as_ref().is_some_and(|remote| remote.tag != theirs) {
            return None;
        }
        if event(field("Event")) != "reg" {
            return Some(Heard::of(489));
        }
        let number = cseq(&request.headers).map_or(0, |(number, _)| number);
        let remote = self.remote.get_or_insert_with(|| Remote::new(theirs));
        if number <= remote.cseq {
            return Some(Heard::of(if number == remote.cseq { 200 } else { 500 }));
        }
        remote.cseq = number;
        let heard = self.read(now, request);
        self.state(now, field("Subscription-State"), chance);
        Some(heard)
    }

    fn accepted(&mut self, now: Instant, response: &Response) {
        let theirs = tag(response.headers.get("To").unwrap_or_default());
        let remote = self.remote.get_or_insert_with(|| Remote::new(theirs));
        if remote.target.is_some() {
            // It was a refresh: what is granted also lasts.
            self.failures = 0;
        }
        let contact = response.headers.all("Contact").flat_map(list).find_map(NameAddr::read);
        remote.target = contact.and_then(|contact| Target::new(contact.uri)).or(remote.target.take());
        let mut route: Vec<_> =
            response.headers.all("Record-Route").flat_map(list).map(str::to_owned).collect();
        route.reverse();
        if remote.route.is_empty() {
            remote.route = route;
        }
        let granted = seconds(response.headers.get("Expires")).unwrap_or(self.expires);
        self.refresh_within(now, granted.min(self.expires));
    }

    /// Refreshes when three quarters of the time are over, and five minutes before its end where that is later.
    fn refresh_within(&mut self, now: Instant, seconds: u32) {
        let whole = Duration::from_secs(seconds.max(4).into());
        let margin = (whole / 4).min(Duration::from_mins(5));
        self.due = Some(now + whole.saturating_sub(margin));
    }

    /// Whether a server wants a longer time than we asked for, and is given it.
    fn asks_longer(&mut self, response: &Response) -> bool {
        let wanted = seconds(response.headers.get("Min-Expires")).unwrap_or(0);
        let is_longer = wanted > self.expires && wanted <= LONGEST_EXPIRES;
        if is_longer {
            self.expires = wanted;
        }
        is_longer
    }

    /// A pause that an answer asks for, other than the one that grows.
    fn pause_after(code: u16) -> Option<Duration> {
        match code {
            403 | 405 | 406 | 489 | 501 | 603 => Some(LONGEST_PAUSE),
            // The dialog is gone: a new one is begun soon (RFC 6665 §4.1.2.2).
            481 => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn failed(
        &mut self,
        now: Instant,
        pause: Option<Duration>,
        wished: Option<u32>,
        chance: &mut Chance,
    ) -> Next {
        self.forget(chance);
        let growing = SHORTEST_PAUSE * 2_u32.pow(self.failures.min(7));
        let pause = if self.failures == 0 { pause } else { pause.max(Some(growing)) };
        let wished = Duration::from_secs(wished.unwrap_or(0).into());
        self.failures += 1;
        self.due = Some(now + spread(pause.unwrap_or(growing).max(wished).min(LONGEST_PAUSE), chance));
        Next::Failed
    }

    /// Begins anew next time: in another dialog.
    fn forget(&mut self, chance: &mut Chance) {
        self.remote = None;
        self.dialog += 1;
        self.cseq = 0;
        self.tag = chance.token();
    }

    /// Reads what the NOTIFY says. One without a body says that nobody is registered, once the server has decided.
    fn read(&mut self, now: Instant, request: &Request) -> Heard {
        let state = request.headers.get("Subscription-State").unwrap_or_default();
        if request.body.is_empty() {
            let news = event(state) == "active";
            if news {
                self.book.clear();
            }
            return Heard { code: 200, news };
        }
        let kind = request.headers.get("Content-Type").unwrap_or_default();
        if !event(kind).eq_ignore_ascii_case("application/reginfo+xml") {
            return Heard::of(415);
        }
        let Some(Ok(mut reginfo)) = std::str::from_utf8(&request.body).ok().map(Reginfo::read) else {
            return Heard::of(400);
        };
        reginfo.registrations.retain(|of| of.aor.as_ref().is_none_or(|aor| *aor == self.aor));
        let page = self.book.take(&reginfo);
        if page == Page::Gap && self.due.is_some() {
            self.due = Some(now);
        }
        Heard { code: 200, news: page == Page::Taken }
    }

    /// Takes a `Subscription-State` (RFC 6665 §4.1.3).
    fn state(&mut self, now: Instant, value: &str, chance: &mut Chance) {
        let params = &value[value.find(';').unwrap_or(value.len())..];
        let number = |name| seconds(param(params, name));
        match event(value) {
            "terminated" => {
                let soon = Some(Duration::from_secs(1));
                let pause = match param(params, "reason").unwrap_or_default() {
                    "deactivated" | "timeout" => soon,
                    "rejected" | "noresource" | "invariant" => Some(LONGEST_PAUSE),
                    _ => None,
                };
                self.failed(now, pause, number("retry-after"), chance);
            }
            // While an answer is awaited it says how long the subscription lasts.
            _ if self.due.is_some_and(|due| due > now) => {
                if let Some(left) = number("expires") {
                    self.refresh_within(now, left.min(self.expires));
                }
            }
            _ => {}
        }
    }
}

impl Remote {
    fn new(tag: &str) -> Self {
        Self { tag: tag.to_owned(), target: None, route: Vec::new(), cseq: 0 }
    }
}

fn tag(value: &str) -> &str {
    NameAddr::read(value).and_then(|address| address.param("tag")).unwrap_or_default()
}

/// What stands before the parameters.
fn event(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// A number of seconds, before any comment or parameter.
fn seconds(value: Option<&str>) -> Option<u32> {
    let digits = value?.trim();
    digits.get(..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()))?.parse().ok()
}

/// A pause and up to a quarter more, so that many that failed together do not come again together.
fn spread(pause: Duration, chance: &mut Chance) -> Duration {
    let some = u32::from_str_radix(&chance.token()[..4], 16).unwrap_or(0);
    pause + pause / 4 * some / 0xffff
}
