//! What the circle orders, and where it goes: to the phones of a device, or to the proxy that knows them.

use super::calls::{self, Entry};
use super::clock;
use super::elsewhere::Question;
use super::lines::{Realm, realm_of};
use super::shell::Shell;
use super::streams::Event;
use super::waiting::Line;
use crate::circle::{Order, Ring, Tell};
use crate::id::Id;
use crate::sip::hop::Hop;
use crate::sip::{Aor, Binding, Command, Fate, Notify, Outcome, Peer, Way};

impl Shell {
    /// Takes an order, which waits if a name has to be looked up that it goes to, or the line of its device. Whoever
    /// does that is not waited for.
    pub(super) fn order(&mut self, order: Order, out: &mut Vec<Command>) {
        let lacking: Vec<Hop> = self.hops(&order).into_iter().filter(|hop| self.finder.lacks(hop)).collect();
        let line = self.line_of(&order);
        let unknown = line.as_ref().err().copied();
        match self.waiting.pass(order, lacking, line) {
            Ok((order, line)) => self.obey(order, line, out),
            Err(sought) => {
                for hop in sought.names {
                    self.finder.look_up(vec![hop], self.events.clone());
                }
                for (account, number) in unknown.into_iter().zip(sought.line) {
                    self.look_up_realm(account, number);
                }
            }
        }
    }

    /// The line of the device that an order is about, where it has to be known: of who is told by way of a proxy, or
    /// called. An error where its account's realm has to be looked up first.
    fn line_of(&self, order: &Order) -> Result<Option<Aor>, Id> {
        let station = match order {
            Order::Tell(tell) if self.proxy.is_some() => &tell.station,
            Order::Call(ring) => &ring.station,
            Order::Tell(_) | Order::Forget(_) | Order::Locate(..) => return Ok(None),
        };
        self.lines.of(self.store.changes(), station)
    }

    fn look_up_realm(&self, account: Id, number: u64) {
        let (store, events) = (self.store.clone(), self.events.clone());
        tokio::spawn(async move {
            let realm = realm_of(&*store, account).await.map_err(drop);
            let _stopped = events.send(Event::Realm { account, realm, number }).await;
        });
    }

    /// Takes where names lead, and goes on with what waited for that.
    pub(super) fn found(&mut self, found: Vec<(Hop, Vec<Peer>)>, out: &mut Vec<Command>) {
        for (hop, places) in found {
            let is_proxy = self.proxy.as_ref() == Some(&hop);
            if is_proxy {
                self.streams.name(&places, &hop.host);
            }
            let orders = self.waiting.found(&hop);
            self.finder.found(hop, places, is_proxy);
            self.obey_all(orders, out);
        }
    }

    /// Takes the realm of the account of an order, and goes on with it.
    pub(super) fn realm(
        &mut self,
        (account, realm): (Id, Result<Realm, ()>),
        number: u64,
        out: &mut Vec<Command>,
    ) {
        let known = realm.map(|realm| self.lines.learn_realm(account, realm));
        let Some(order) = self.waiting.order(number) else { return };
        let line = known.and_then(|()| self.line_of(order).map_err(drop));
        let orders = self.waiting.lined(number, line);
        self.obey_all(orders, out);
    }

    /// Gives up the orders that wait, for the daemon stops: calls are cancelled, and who is to be forgotten is.
    pub(super) fn give_up(&mut self, orders: Vec<Order>, out: &mut Vec<Command>) {
        for order in orders {
            match order {
                Order::Tell(_) | Order::Locate(..) => {}
                Order::Call(ring) => self.calls.write(Entry::of(&ring), Fate::Cancelled),
                Order::Forget(device) => self.endpoint.forget(&device.to_string(), out),
            }
        }
    }

    fn obey_all(&mut self, orders: Vec<(Order, Line)>, out: &mut Vec<Command>) {
        for (order, line) in orders {
            self.obey(order, line, out);
        }
    }

    fn obey(&mut self, order: Order, line: Line, out: &mut Vec<Command>) {
        match order {
            Order::Tell(tell) => self.tell(tell, line, out),
            Order::Call(ring) => self.call(ring, line, out),
            Order::Forget(device) => self.endpoint.forget(&device.to_string(), out),
            Order::Locate(devices, answer) => self.locate(Question { devices, answer }),
        }
    }

    /// Says where the phones of devices are, or lets whoever else knows that say it.
    fn locate(&self, question: Question) {
        if let Some(elsewhere) = &self.elsewhere {
            return elsewhere.ask(question);
        }
        let of = |device: &Id| {
            let device = *device;
            let bindings = self.endpoint.bindings(&device.to_string()).cloned().collect::<Vec<_>>();
            bindings.into_iter().map(move |binding| (device, binding))
        };
        let _gone = question.answer.send(question.devices.iter().flat_map(of).collect());
    }

    /// The names that an order may go to.
    fn hops(&self, order: &Order) -> Vec<Hop> {
        let device = match order {
            Order::Tell(tell) => tell.station.device,
            Order::Call(ring) => ring.station.device,
            Order::Forget(_) | Order::Locate(..) => return Vec::new(),
        };
        if let Some(proxy) = &self.proxy {
            return vec![proxy.clone()];
        }
        let device = device.to_string();
        self.endpoint.bindings(&device).filter_map(|binding| self.name(binding)).collect()
    }

    /// The name by which a phone may be reached whose connection is gone.
    fn name(&self, binding: &Binding) -> Option<Hop> {
        let stands = binding.source.flow.is_some_and(|flow| self.streams.stands(flow));
        binding.name().filter(|_| !stands)
    }

    /// Where else a phone may be: the places of that name.
    fn otherwise(&self, binding: &Binding) -> Vec<Peer> {
        self.name(binding).map(|name| self.finder.places(&name)).unwrap_or_default()
    }

    /// Sends a NOTIFY to every contact of the device, or to the proxy.
    fn tell(&mut self, tell: Tell, line: Line, out: &mut Vec<Command>) {
        let notifies = match self.notifies(&tell, line) {
            Ok(notifies) if notifies.is_empty() => return tell.outcome.send(None).unwrap_or_default(),
            Ok(notifies) => notifies,
            Err(outcome) => return tell.outcome.send(Some(outcome)).unwrap_or_default(),
        };
        let now = clock().0;
        let notifies = notifies.into_iter().map(|notify| self.endpoint.notify(now, notify, out));
        self.told.begin(tell.outcome, notifies);
    }

    /// One NOTIFY to each contact, or one to the proxy; none where the device is nowhere.
    fn notifies(&self, tell: &Tell, line: Line) -> Result<Vec<Notify>, Outcome> {
        let content = tell.content.as_ref().map(|content| (content.kind.clone(), content.body.clone()));
        let Some(proxy) = &self.proxy else {
            let device = tell.station.device.to_string();
            let notify = |binding: &Binding| {
                let mut notify = Notify { content: content.clone(), ..binding.notify(&tell.event) };
                notify.next.extend(self.otherwise(binding));
                notify
            };
            return Ok(self.endpoint.bindings(&device).map(notify).collect());
        };
        let Some(line) = line.map_err(|()| Outcome::Failed(500))? else { return Ok(Vec::new()) };
        let mut places = self.finder.places(proxy).into_iter();
        let to = places.next().ok_or(Outcome::Unreachable(None))?;
        let notify = Notify::through(to, line, &tell.event, tell.station.credentials.clone());
        Ok(vec![Notify { content, next: places.collect(), ..notify }])
    }

    /// Rings every contact of the device, or has the proxy ring it.
    fn call(&mut self, ring: Ring, line: Line, out: &mut Vec<Command>) {
        let entry = Entry::of(&ring);
        match self.ways(&ring, line) {
            Ok((line, ways)) => {
                let id = self.endpoint.call(clock().0, calls::call(ring, line, ways), out);
                self.calls.begun(id, entry);
            }
            Err(fate) => self.calls.write(entry, fate),
        }
    }

    /// A device's line, and every way to it; none where the device is nowhere.
    fn ways(&self, ring: &Ring, line: Line) -> Result<(Aor, Vec<Way>), Fate> {
        let line = line.map_err(|()| Fate::Cancelled)?.ok_or(Fate::NotRegistered)?;
        let Some(proxy) = &self.proxy else {
            let device = ring.station.device.to_string();
            let way = |binding: &Binding| {
                let mut way = Way::to(binding);
                way.next.extend(self.otherwise(binding));
                way
            };
            return Ok((line, self.endpoint.bindings(&device).map(way).collect()));
        };
        let mut places = self.finder.places(proxy).into_iter();
        let to = places.next().ok_or(Fate::Unreachable(None))?;
        let way = Way::through(to, &line, ring.station.credentials.clone());
        Ok((line, vec![Way { next: places.collect(), ..way }]))
    }
}
