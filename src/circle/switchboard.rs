//! What an administrator asks of the SIP side: to ring a device's phones and connect who answers to a number, to tell
//! them something, or to forget where they are.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use super::{Content, Order, Tell};
use crate::catalog;
use crate::device::Device;
use crate::id::Id;
use crate::sip::{Caller, Outcome};

/// A call to make.
#[derive(Debug)]
pub struct Ring {
    /// The device whose phones are rung.
    pub device: Box<Device>,
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
    pub async fn tell(&self, device: Device, event: String, content: Option<Content>) -> Option<Outcome> {
        let (outcome, told) = oneshot::channel();
        self.send(Order::Tell(Tell { device: Box::new(device), event, content, outcome })).await;
        told.await.ok().flatten()
    }

    /// Forgets where a device's phones are, after they were told whatever they were told before.
    pub async fn forget(&self, device: Id) {
        self.send(Order::Forget(device)).await;
    }

    /// Sends a NOTIFY with this event, if there is one, to wherever a device's phones are, and forgets where that is
    /// without waiting for what comes of it: a phone that registers again because of it stays registered.
    pub async fn dismiss(&self, device: Device, event: Option<catalog::Event>) {
        let id = device.id();
        if let Some(event) = event {
            let (outcome, _nobody_waits) = oneshot::channel();
            self.send(Order::Tell(Tell::of(Box::new(device), event, outcome))).await;
        }
        self.forget(id).await;
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
