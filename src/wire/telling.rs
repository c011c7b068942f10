//! What the circle orders, and where it goes: to the phones of a device, or to the proxy that knows them.

use tokio::sync::oneshot;

use super::calls::{self, Entry};
use super::clock;
use super::elsewhere::News;
use super::lines::{credentials, line_of};
use super::shell::{Shell, Telling};
use crate::circle::{Order, Ring, Tell};
use crate::device::Device;
use crate::id::Id;
use crate::sip::hop::Hop;
use crate::sip::{Aor, Binding, Command, Fate, Notify, Outcome, Peer, Way};

impl Shell {
    /// Takes an order, which waits if it goes to a name that has to be looked up.
    pub(super) async fn order(&mut self, order: Order, out: &mut Vec<Command>) {
        if let Order::Locate(devices, answer) = order {
            return self.locate(devices, answer).await;
        }
        let lacking: Vec<Hop> = self.hops(&order).into_iter().filter(|hop| self.finder.lacks(hop)).collect();
        match self.waiting.pass(order, lacking) {
            Ok(order) => self.obey(order, out).await,
            Err(unsought) => {
                for hop in unsought {
                    self.finder.look_up(vec![hop], self.events.clone());
                }
            }
        }
    }

    /// Takes where names lead, and goes on with what waited for that.
    pub(super) async fn found(&mut self, found: Vec<(Hop, Vec<Peer>)>, out: &mut Vec<Command>) {
        for (hop, places) in found {
            let is_proxy = self.proxy.as_ref() == Some(&hop);
            if is_proxy {
                self.streams.name(&places, &hop.host);
            }
            let orders = self.waiting.found(&hop);
            self.finder.found(hop, places, is_proxy);
            for order in orders {
                self.obey(order, out).await;
            }
        }
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

    async fn obey(&mut self, order: Order, out: &mut Vec<Command>) {
        match order {
            Order::Tell(tell) => self.tell(tell, out).await,
            Order::Call(ring) => self.call(ring, out).await,
            Order::Forget(device) => self.endpoint.forget(&device.to_string(), out),
            Order::Locate(devices, answer) => self.locate(devices, answer).await,
        }
    }

    /// Says where the phones of devices are, or lets whoever else knows that say it.
    async fn locate(&self, devices: Vec<Id>, answer: oneshot::Sender<Vec<(Id, Binding)>>) {
        if let Some(elsewhere) = &self.elsewhere {
            return elsewhere.hear(News::Locate(devices, answer)).await;
        }
        let of = |device: &Id| {
            let device = *device;
            let bindings = self.endpoint.bindings(&device.to_string()).cloned().collect::<Vec<_>>();
            bindings.into_iter().map(move |binding| (device, binding))
        };
        let _gone = answer.send(devices.iter().flat_map(of).collect());
    }

    /// The names that an order may go to.
    fn hops(&self, order: &Order) -> Vec<Hop> {
        let device = match order {
            Order::Tell(tell) => &tell.device,
            Order::Call(ring) => &ring.device,
            Order::Forget(_) | Order::Locate(..) => return Vec::new(),
        };
        if let Some(proxy) = &self.proxy {
            return vec![proxy.clone()];
        }
        let device = device.id().to_string();
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
    async fn tell(&mut self, tell: Tell, out: &mut Vec<Command>) {
        let notifies = match self.notifies(&tell).await {
            Ok(notifies) if notifies.is_empty() => return tell.outcome.send(None).unwrap_or_default(),
            Ok(notifies) => notifies,
            Err(outcome) => return tell.outcome.send(Some(outcome)).unwrap_or_default(),
        };
        self.tickets += 1;
        let telling = Telling { left: notifies.len(), best: None, outcome: tell.outcome };
        self.told.insert(self.tickets, telling);
        for notify in notifies {
            let id = self.endpoint.notify(clock().0, notify, out);
            self.messages.insert(id, self.tickets);
        }
    }

    /// One NOTIFY to each contact, or one to the proxy; none where the device is nowhere.
    async fn notifies(&self, tell: &Tell) -> Result<Vec<Notify>, Outcome> {
        let content = tell.content.as_ref().map(|content| (content.kind.clone(), content.body.clone()));
        let Some(proxy) = &self.proxy else {
            let device = tell.device.id().to_string();
            let notify = |binding: &Binding| {
                let mut notify = Notify { content: content.clone(), ..binding.notify(&tell.event) };
                notify.next.extend(self.otherwise(binding));
                notify
            };
            return Ok(self.endpoint.bindings(&device).map(notify).collect());
        };
        let line = self.line_of(&tell.device).await.map_err(|()| Outcome::Failed(500))?;
        let Some(line) = line else { return Ok(Vec::new()) };
        let mut places = self.finder.places(proxy).into_iter();
        let to = places.next().ok_or(Outcome::Unreachable(None))?;
        let notify = Notify::through(to, line, &tell.event, credentials(&tell.device));
        Ok(vec![Notify { content, next: places.collect(), ..notify }])
    }

    /// Rings every contact of the device, or has the proxy ring it.
    async fn call(&mut self, ring: Ring, out: &mut Vec<Command>) {
        let entry = Entry::of(&ring);
        match self.ways(&ring).await {
            Ok((line, ways)) => {
                let id = self.endpoint.call(clock().0, calls::call(ring, line, ways), out);
                self.calls.begun(id, entry);
            }
            Err(fate) => self.calls.write(entry, fate),
        }
    }

    /// A device's line, and every way to it; none where the device is nowhere.
    async fn ways(&self, ring: &Ring) -> Result<(Aor, Vec<Way>), Fate> {
        let line = self.line_of(&ring.device).await.map_err(|()| Fate::Cancelled)?;
        let line = line.ok_or(Fate::NotRegistered)?;
        let Some(proxy) = &self.proxy else {
            let device = ring.device.id().to_string();
            let way = |binding: &Binding| {
                let mut way = Way::to(binding);
                way.next.extend(self.otherwise(binding));
                way
            };
            return Ok((line, self.endpoint.bindings(&device).map(way).collect()));
        };
        let mut places = self.finder.places(proxy).into_iter();
        let to = places.next().ok_or(Fate::Unreachable(None))?;
        let way = Way::through(to, &line, credentials(&ring.device));
        Ok((line, vec![Way { next: places.collect(), ..way }]))
    }

    async fn line_of(&self, device: &Device) -> Result<Option<Aor>, ()> {
        line_of(&*self.store, device).await.map_err(drop)
    }
}
