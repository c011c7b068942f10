//! The UDP sockets: which one a message goes by, and what comes next of any of them.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use crate::sip::Peer;

/// How long a datagram is and where it came from, by an address of ours that its sender knows.
pub(super) type Received = io::Result<(usize, Peer)>;

/// The sockets, each with the address it is known by.
pub(super) struct Sockets {
    closed: Vec<(std::net::UdpSocket, SocketAddr)>,
    open: Vec<(UdpSocket, SocketAddr)>,
    /// Which is looked at first: the one behind that which was heard last, so that a busy one silences no other.
    next: usize,
}

impl Sockets {
    /// Sockets that are not heard yet.
    pub(super) fn new(closed: Vec<(std::net::UdpSocket, SocketAddr)>) -> Self {
        Self { closed, open: Vec::new(), next: 0 }
    }

    /// Begins to hear them, on the runtime that this is called in.
    pub(super) fn open(&mut self) -> io::Result<()> {
        for (socket, known) in self.closed.drain(..) {
            self.open.push((UdpSocket::from_std(socket)?, known));
        }
        Ok(())
    }

    /// Sends from the socket that the peer knows, or one of its family.
    pub(super) async fn send(&self, to: &Peer, bytes: &[u8]) -> io::Result<()> {
        let known = self.open.iter().find(|(_, local)| to.local == Some(*local));
        let family = || self.open.iter().find(|(_, local)| local.is_ipv4() == to.address.is_ipv4());
        let (socket, _) = known.or_else(family).ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.send_to(bytes, to.address).await.map(drop)
    }

    /// The next datagram of any socket.
    pub(super) async fn receive(&mut self, datagram: &mut [u8]) -> Received {
        std::future::poll_fn(|context| self.poll(context, datagram)).await
    }

    fn poll(&mut self, context: &mut Context<'_>, datagram: &mut [u8]) -> Poll<Received> {
        for at in (0..self.open.len()).map(|step| (self.next + step) % self.open.len()) {
            let (socket, local) = &self.open[at];
            let mut buffer = ReadBuf::new(datagram);
            if let Poll::Ready(received) = socket.poll_recv_from(context, &mut buffer) {
                self.next = at + 1;
                let peer = |from: SocketAddr| Peer { local: Some(*local), ..from.into() };
                return Poll::Ready(received.map(|from| (buffer.filled().len(), peer(from))));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    fn socket() -> (std::net::UdpSocket, SocketAddr) {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let local = socket.local_addr().unwrap();
        (socket, local)
    }

    #[tokio::test]
    async fn a_busy_socket_silences_no_other() {
        let [busy, quiet] = [socket(), socket()];
        let addresses = [busy.1, quiet.1];
        let (phone, _) = socket();
        for to in [addresses[0], addresses[0], addresses[0], addresses[1]] {
            phone.send_to(b"x", to).unwrap();
        }
        let mut sockets = Sockets::new(vec![busy, quiet]);
        sockets.open().unwrap();
        let mut heard = Vec::new();
        for _ in 0..2 {
            let (_, from) = sockets.receive(&mut [0; 8]).await.unwrap();
            heard.push(from.local.unwrap());
        }
        assert_eq!(heard, addresses);
    }

    #[tokio::test]
    async fn an_answer_leaves_by_the_socket_that_its_receiver_knows() {
        let [one, other, (phone, at)] = [socket(), socket(), socket()];
        let known = other.1;
        let mut sockets = Sockets::new(vec![one, other]);
        sockets.open().unwrap();
        let to = Peer { local: Some(known), ..Peer::new(Transport::Udp, at) };
        sockets.send(&to, b"x").await.unwrap();
        let phone = UdpSocket::from_std(phone).unwrap();
        assert_eq!(phone.recv_from(&mut [0; 8]).await.unwrap(), (1, known));
    }
}
