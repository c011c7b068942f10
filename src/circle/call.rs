//! What an administrator asks of the SIP side: to ring a device's phones and connect who answers to a number.

use std::time::Duration;

use tokio::sync::mpsc;
use tracing::debug;

use super::Order;
use crate::device::Device;
use crate::sip::Caller;

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

/// The way to have calls made. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer(mpsc::Sender<Order>);

impl Dialer {
    /// Has them made by whoever takes these orders.
    pub fn new(orders: mpsc::Sender<Order>) -> Self {
        Self(orders)
    }

    /// Asks for a call, and does not wait for what becomes of it.
    pub async fn ring(&self, ring: Ring) {
        if self.0.send(Order::Call(ring)).await.is_err() {
            debug!("the SIP side has stopped");
        }
    }
}
