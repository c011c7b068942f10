//! Ports for peers, which must be told where to listen: free, and kept free from all other tests.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to whoever asks for any, and above what peers take for media.
const BEGIN: u16 = 20_000;
/// So many ports lie in a block; they end before 32768.
const BLOCK: u16 = 4;
const BLOCKS: u16 = 3_000;

/// The block that is tried next in this process.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Two ports that follow each other, each free by UDP and by TCP. No other test is given them, in whatever process,
/// while this lives: who has the last port of a block has the block.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _claim: UdpSocket,
}

impl Ports {
    pub(crate) fn claimed() -> Self {
        (0..BLOCKS).find_map(|_| Self::of_block(next_block())).expect("a block of ports that is free")
    }

    fn of_block(block: u16) -> Option<Self> {
        let first = BEGIN + block * BLOCK;
        let claim = UdpSocket::bind(("127.0.0.1", first + BLOCK - 1)).ok()?;
        (is_free(first) && is_free(first + 1)).then_some(Self { first, _claim: claim })
    }

    /// The first port.
    pub(crate) fn first(&self) -> u16 {
        self.first
    }

    /// The port after it.
    pub(crate) fn second(&self) -> u16 {
        self.first + 1
    }
}

/// Every process begins somewhere else, so that several do not meet at each block.
fn next_block() -> u16 {
    let begin = std::process::id().wrapping_mul(7919) % u32::from(BLOCKS);
    let number = u32::from(NEXT.fetch_add(1, Ordering::Relaxed)) + begin;
    u16::try_from(number % u32::from(BLOCKS)).unwrap()
}

fn is_free(port: u16) -> bool {
    let place = ("127.0.0.1", port);
    UdpSocket::bind(place).is_ok() && TcpListener::bind(place).is_ok()
}

#[test]
fn a_block_is_given_to_one_at_a_time_and_only_when_its_ports_are_free() {
    let ports = Ports::claimed();
    let block = (ports.first() - BEGIN) / BLOCK;
    assert!(Ports::of_block(block).is_none(), "it is claimed");
    drop(ports);
    let taken = Ports::of_block(block).map(|ports| TcpListener::bind(("127.0.0.1", ports.second())));
    assert!(Ports::of_block(block).is_none(), "somebody listens there");
    drop(taken);
    assert!(Ports::of_block(block).is_some());
}
