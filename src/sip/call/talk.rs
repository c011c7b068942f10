//! One call from its first INVITE to the last BYE: it rings, it is transferred, it is over. Its fate is told as soon
//! as it is known, and what must still be said to phones is said after that.

use std::time::{Duration, Instant};

use super::dialog::{Dialog, answerer, tag};
use super::leg::{Leg, Stop, Turn};
use super::refer::{News, news, refer_to};
use super::sender::{Errand, Sender};
use super::{Call, Fate};
use crate::sip::command::{CallId, Command};
use crate::sip::login::Login;
use crate::sip::message::{Method, Request, Response};

/// How long a phone may take to reach the number: as long as a proxy lets a phone ring (timer C, RFC 3261 §16.6).
pub const TRANSFER: Duration = Duration::from_mins(3);
/// How long a phone that has hung up may still say whether it takes the number. One that does has hung up for that:
/// it ends the dialog, not the subscription (RFC 5057 §5.2), and has as long as any.
pub const LAST_WORD: Duration = Duration::from_secs(32);
/// The most phones that may answer one call; behind a proxy there may be any number.
pub const MAX_DIALOGS: usize = 16;

/// A call under way.
#[derive(Debug)]
pub struct Talk {
    id: CallId,
    call: Call,
    tag: String,
    legs: Vec<Leg>,
    /// All phones that answered; the first has the call, unless it was over already.
    sides: Vec<Side>,
    phase: Phase,
}

/// A phone that answered.
#[derive(Debug)]
struct Side {
    leg: usize,
    dialog: Dialog,
    refer: Login,
    bye: Login,
    end: End,
    /// How many sessions were described to it.
    sessions: u32,
}

/// How far goodbyes have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nobody has said any.
    Open,
    /// Our BYE is under way.
    Leaving,
    /// Nothing more goes to this phone.
    Gone,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Ringing {
        until: Instant,
    },
    /// A phone that has `agreed` to call the number has until `limit` to say how that goes.
    Transferring {
        until: Instant,
        limit: Instant,
        agreed: bool,
    },
    Over,
}

impl Talk {
    /// Rings everywhere.
    pub fn begin(id: CallId, call: Call, sender: &mut Sender<'_>) -> Self {
        let tag = sender.chance.token();
        let ways = call.ways.iter().cloned();
        let legs = ways.map(|way| Leg::ring(way, &call, &tag, sender)).collect();
        let phase = Phase::Ringing { until: sender.now + call.patience };
        let mut talk = Self { id, call, tag, legs, sides: Vec::new(), phase };
        if talk.legs.is_empty() {
            talk.finish(Fate::NotRegistered, sender);
        }
        talk
    }

    /// Its `Call-ID`.
    pub fn call_id(&self) -> &str {
        &self.call.call_id
    }

    /// The phone that speaks in a request which names these two tags, ours first.
    pub fn side(&self, ours: &str, theirs: &str) -> Option<usize> {
        self.sides.iter().position(|side| self.tag == ours && side.dialog.tag == theirs)
    }

    /// Takes a response to an INVITE.
    pub fn response(&mut self, branch: &str, response: &Response, sender: &mut Sender<'_>) {
        let found = self.legs.iter().enumerate().find_map(|(leg, of)| Some((leg, of.find(branch)?)));
        let Some((leg, at)) = found else { return };
        match self.legs[leg].response(at, response, (&self.call, &self.tag), sender) {
            Turn::Answered => self.answered((leg, at), response, sender),
            turn => self.turned(&turn, sender),
        }
        if let Some(stop) = self.legs[leg].cancelled() {
            self.legs[leg].cancel(stop, self.id, sender);
        }
    }

    /// Takes note that an INVITE could not be sent.
    pub fn undeliverable(&mut self, branch: &str, sender: &mut Sender<'_>) {
        let found = self.legs.iter().enumerate().find_map(|(leg, of)| Some((leg, of.find(branch)?)));
        let Some((leg, at)) = found else { return };
        let turn = self.legs[leg].undeliverable(at, (&self.call, &self.tag), sender);
        self.turned(&turn, sender);
    }

    /// Whether it has sent an INVITE of this branch.
    pub fn has_sent(&self, branch: &str) -> bool {
        self.legs.iter().any(|leg| leg.find(branch).is_some())
    }

    /// Takes the final response to any other request of ours.
    pub fn done(&mut self, errand: Errand, response: &Response, sender: &mut Sender<'_>) {
        match errand {
            Errand::Cancel => {}
            Errand::Refer if matches!(self.phase, Phase::Over) => {}
            Errand::Refer if self.sides[0].refer.is_answered(response) => self.refer(sender),
            Errand::Refer if response.code < 300 => self.agreed(),
            Errand::Refer => self.finish(Fate::TransferFailed(Some(response.code)), sender),
            Errand::Bye(side) if self.is_asked_who(side, response) => self.say_bye(side, sender),
            Errand::Bye(side) => self.sides[side].end = End::Gone,
        }
    }

    /// Takes note that nobody answered such a request.
    pub fn unanswered(&mut self, errand: Errand, sender: &mut Sender<'_>) {
        match errand {
            Errand::Cancel => {}
            Errand::Refer if matches!(self.phase, Phase::Transferring { agreed: true, .. }) => {}
            Errand::Refer => self.finish(self.unsaid(), sender),
            Errand::Bye(side) => self.sides[side].end = End::Gone,
        }
    }

    /// Takes a request of a phone, which is answered 200.
    pub fn request(&mut self, side: usize, request: &Request, sender: &mut Sender<'_>) {
        match request.method {
            Method::Known(rsip::Method::Bye) => self.hung_up(side, sender.now),
            Method::Known(rsip::Method::Notify) if side == 0 => self.told(news(request), sender),
            _ => {}
        }
    }

    /// The number of the next session that is described to this phone (RFC 3264 §8).
    pub fn next_session(&mut self, side: usize) -> u32 {
        self.sides[side].sessions = self.sides[side].sessions.saturating_add(1);
        self.sides[side].sessions
    }

    /// Gives the call up.
    pub fn give_up(&mut self, sender: &mut Sender<'_>) {
        self.finish(Fate::Cancelled, sender);
    }

    /// Whether nothing can come any more.
    pub fn has_ended(&self) -> bool {
        let over = matches!(self.phase, Phase::Over);
        over && self.legs.iter().all(Leg::has_ended) && self.sides.iter().all(|side| side.end == End::Gone)
    }

    /// When [`Talk::wake`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Ringing { until } | Phase::Transferring { until, .. } => Some(until),
            Phase::Over => None,
        };
        self.legs.iter().filter_map(Leg::deadline).chain(phase).min()
    }

    /// Does what is due.
    pub fn wake(&mut self, sender: &mut Sender<'_>) {
        for leg in 0..self.legs.len() {
            let turn = self.legs[leg].wake((&self.call, &self.tag), sender);
            self.turned(&turn, sender);
        }
        match self.phase {
            Phase::Ringing { until } if until <= sender.now => self.finish(self.silence(), sender),
            Phase::Transferring { until, .. } if until <= sender.now => self.finish(self.unsaid(), sender),
            _ => {}
        }
    }

    /// A phone has answered: the first is told whom to call, and all others hear goodbye.
    fn answered(&mut self, (leg, at): (usize, usize), response: &Response, sender: &mut Sender<'_>) {
        let theirs = tag(answerer(self.legs[leg].request(at), response)).to_owned();
        let known = |side: &&Side| side.leg == leg && side.dialog.tag == theirs;
        if let Some(known) = self.sides.iter().find(known) {
            return sender.send(known.dialog.to, known.dialog.ack.clone());
        }
        if self.sides.len() >= MAX_DIALOGS {
            return;
        }
        let of = &self.legs[leg];
        let way = of.way(at);
        let dialog = Dialog::begin(of.request(at), &way, response, sender);
        let login = Login::new(way.credentials);
        sender.send(dialog.to, dialog.ack.clone());
        self.sides.push(Side { leg, dialog, refer: login.clone(), bye: login, end: End::Open, sessions: 1 });
        if matches!(self.phase, Phase::Ringing { .. }) {
            let limit = sender.now + TRANSFER;
            self.phase = Phase::Transferring { until: limit, limit, agreed: false };
            self.stop_ringing(Stop::Elsewhere, sender);
            self.refer(sender);
        } else {
            self.bye(self.sides.len() - 1, sender);
        }
    }

    fn turned(&mut self, turn: &Turn, sender: &mut Sender<'_>) {
        if !matches!(self.phase, Phase::Ringing { .. }) {
            return;
        }
        match turn {
            Turn::Declined(fate) => self.finish(*fate, sender),
            Turn::Lost(_) if !self.legs.iter().any(Leg::is_open) => self.finish(self.losses(), sender),
            _ => {}
        }
    }

    fn hung_up(&mut self, side: usize, now: Instant) {
        self.sides[side].end = End::Gone;
        if let Phase::Transferring { until, agreed: false, .. } = &mut self.phase
            && side == 0
        {
            *until = (*until).min(now + LAST_WORD);
        }
    }

    /// The phone calls the number, and may hang up meanwhile.
    fn agreed(&mut self) {
        if let Phase::Transferring { limit, .. } = self.phase {
            self.phase = Phase::Transferring { until: limit, limit, agreed: true };
        }
    }

    fn told(&mut self, news: News, sender: &mut Sender<'_>) {
        match news {
            News::Progress => self.agreed(),
            News::Final(code) if code < 300 => self.finish(Fate::Connected(code), sender),
            News::Final(code) => self.finish(Fate::TransferFailed(Some(code)), sender),
            News::Ended => self.finish(self.unsaid(), sender),
        }
    }

    /// Why nobody answered in time.
    fn silence(&self) -> Fate {
        if self.legs.iter().any(|leg| leg.is_open() && leg.rang()) { Fate::NoAnswer } else { self.losses() }
    }

    fn losses(&self) -> Fate {
        self.legs.iter().filter_map(Leg::lost).fold(Fate::Unreachable(None), Fate::or)
    }

    /// What a transfer came to of which nothing more is heard: whoever hung up without a word on the number did not
    /// want it.
    fn unsaid(&self) -> Fate {
        let gone = self.sides.first().is_some_and(|side| side.end == End::Gone);
        let agreed = matches!(self.phase, Phase::Transferring { agreed: true, .. });
        if gone && !agreed { Fate::HungUp } else { Fate::TransferFailed(None) }
    }

    /// Tells the fate, once, and ends everything that goes on.
    fn finish(&mut self, fate: Fate, sender: &mut Sender<'_>) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        self.phase = Phase::Over;
        if let Some(place) = &self.call.caller.place {
            place.free_device();
        }
        sender.out.push(Command::Called { id: self.id, fate });
        self.stop_ringing(Stop::GivenUp, sender);
        for side in 0..self.sides.len() {
            self.bye(side, sender);
        }
    }

    fn stop_ringing(&mut self, stop: Stop, sender: &mut Sender<'_>) {
        for leg in &mut self.legs {
            leg.cancel(stop, self.id, sender);
        }
    }

    fn refer(&mut self, sender: &mut Sender<'_>) {
        let (branch, side) = (sender.branch(), &mut self.sides[0]);
        let mut request = side.dialog.request(rsip::Method::Refer, &branch, sender);
        refer_to(&mut request, &self.call.number, &self.call.aor);
        side.refer.authorize(&mut request, sender.chance);
        if !sender.ask((self.id, Errand::Refer), side.dialog.to, &request, &branch) {
            self.finish(Fate::Overloaded, sender);
        }
    }

    /// Whether a phone that has not hung up itself wants our BYE once more, with the line's password.
    fn is_asked_who(&mut self, side: usize, response: &Response) -> bool {
        let side = &mut self.sides[side];
        side.end == End::Leaving && side.bye.is_answered(response)
    }

    /// Says goodbye to a phone, unless somebody has.
    fn bye(&mut self, side: usize, sender: &mut Sender<'_>) {
        if self.sides[side].end == End::Open {
            self.say_bye(side, sender);
        }
    }

    fn say_bye(&mut self, side: usize, sender: &mut Sender<'_>) {
        let (branch, of) = (sender.branch(), &mut self.sides[side]);
        let mut request = of.dialog.request(rsip::Method::Bye, &branch, sender);
        of.bye.authorize(&mut request, sender.chance);
        let begun = sender.ask((self.id, Errand::Bye(side)), of.dialog.to, &request, &branch);
        of.end = if begun { End::Leaving } else { End::Gone };
    }
}
