//! What an administrator asks of the SIP side: to ring a device's phones and connect who answers to a number, to tell
//! them something, to say or to forget where they are.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use super::{Content, Order, Station, Tell};
use crate::catalog;
use crate::id::Id;
use crate::sip::{Binding, Caller, Outcome};

/// How many devices are dismissed at a time.
const ABREAST: usize = 64;

/// How long their phones may take to answer before the next are told.
const PATIENCE: Duration = Duration::from_secs(1);

/// For how many devices at a time it is asked where they are.
const ASKED: usize = 512;

/// A call to make.
#[derive(Debug)]
pub struct Ring {
    /// Whose phones are rung.
    pub station: Station,
    /// The call's `Call-ID`, which no other has.
    pub call_id: String,
    /// The number to connect to.
    pub number: String,
    /// Who the phones show as calling.
    pub caller: Caller,
    /// Whether the phones are asked to answer by themselves.
    pub auto_answer: bool,
    /// How long they may ring.
    pub patience: Duration,
    /// The entry of the device's history that says what became of it.
    pub entry: Vec<u8>,
    /// When it was asked for, in Unix seconds.
    pub at: u64,
}

/// The way to the SIP side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Switchboard(mpsc::Sender<Order>);

impl Switchboard {
    /// A way to whoever takes these orders.
    pub fn new(orders: mpsc::Sender<Order>) -> Self {
        Self(orders)
    }

    /// Sends a NOTIFY to wherever a device's phones are. Gives what came of it, when that is known; `None` when nobody
    /// knows where they are.
    pub async fn tell(&self, station: Station, event: String, content: Option<Content>) -> Option<Outcome> {
        let (outcome, told) = oneshot::channel();
        self.send(Order::Tell(Tell { station, event, content, outcome })).await;
        told.await.ok().flatten()
    }

    /// Forgets where a device's phones are, after they were told whatever they were told before.
    pub async fn forget(&self, device: Id) {
        self.send(Order::Forget(device)).await;
    }

    /// Sends a NOTIFY with this event, if there is one, to wherever a device's phones are, and forgets where that is
    /// without waiting for what comes of it: a phone that registers again because of it stays registered. Gives where
    /// the outcome will be said.
    pub async fn dismiss(
        &self,
        station: Station,
        event: Option<catalog::Event>,
    ) -> Option<oneshot::Receiver<Option<Outcome>>> {
        let id = station.device;
        let mut said = None;
        if let Some(event) = event {
            let (outcome, told) = oneshot::channel();
            self.send(Order::Tell(Tell::of(station, event, outcome))).await;
            said = Some(told);
        }
        self.forget(id).await;
        said
    }

    /// Does that for many devices, some at a time: the next are told when those before have answered, or after a second,
    /// while there is a `reason` to.
    pub async fn dismiss_all<F: Future<Output = bool>>(
        &self,
        stations: Vec<(Station, Option<catalog::Event>)>,
        reason: impl Fn() -> F,
    ) {
        let mut stations = stations.into_iter().peekable();
        while stations.peek().is_some() && !self.0.is_closed() && reason().await {
            let mut told = Vec::new();
            for (station, event) in stations.by_ref().take(ABREAST) {
                told.extend(self.dismiss(station, event).await);
            }
            if stations.peek().is_some() {
                let _some_are_silent = tokio::time::timeout(PATIENCE, join_all(told)).await;
            }
        }
    }

    /// Where the phones of these devices are just now, in the same order; `None` when the SIP side has stopped.
    pub async fn locate(&self, devices: &[Id]) -> Option<Vec<(Id, Binding)>> {
        let mut found = Vec::new();
        for some in devices.chunks(ASKED) {
            let (answer, bindings) = oneshot::channel();
            self.send(Order::Locate(some.to_vec(), answer)).await;
            found.extend(bindings.await.ok()?);
        }
        Some(found)
    }

    /// Asks for a call, and does not wait for what becomes of it.
    pub async fn ring(&self, ring: Ring) {
        self.send(Order::Call(ring)).await;
    }

    async fn send(&self, order: Order) {
        if self.0.send(order).await.is_err() {
            debug!("the SIP side has stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::document::{Body, Document};

    /// Devices that are dismissed while nobody answers, and the most of them that are told at the same time.
    async fn dismissed(many: u16, stops_after: usize) -> (usize, usize) {
        let (orders, mut taken) = mpsc::channel(8);
        let device = |number: u16| {
            let id = Id::from_bytes([number.to_be_bytes(); 8].concat().try_into().unwrap());
            Device { document: Document::new(id, id, Body::new(), 0) }
        };
        let event = || Some(catalog::Event::named("check-sync"));
        let devices = (0..many).map(|number| (Station::from(&device(number)), event())).collect();
        let saying = tokio::spawn(async move {
            Switchboard::new(orders).dismiss_all(devices, || std::future::ready(true)).await;
        });
        let (mut waiting, mut forgotten, mut most) = (Vec::new(), 0, 0);
        while let Some(order) = taken.recv().await {
            match order {
                Order::Tell(tell) => waiting.push(tell.outcome),
                Order::Forget(_) => forgotten += 1,
                other => panic!("{other:?}"),
            }
            most = most.max(waiting.len());
            if waiting.len() == ABREAST && forgotten % ABREAST == 0 {
                waiting.clear();
            }
            if forgotten == stops_after {
                taken.close();
            }
        }
        saying.await.unwrap();
        (forgotten, most)
    }

    #[tokio::test]
    async fn many_are_dismissed_some_at_a_time_and_nobody_is_left_out() {
        assert_eq!(dismissed(200, usize::MAX).await, (200, ABREAST));
    }

    #[tokio::test]
    async fn nobody_waits_for_phones_when_the_sip_side_has_stopped() {
        let (forgotten, _) = dismissed(2_000, 64).await;
        assert!(forgotten < 200, "{forgotten}");
    }
}
