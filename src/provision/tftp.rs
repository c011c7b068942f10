//! Phones that know nothing but TFTP: the same files by the same names. Each transfer has a socket of its own, connected to
//! its phone, so that nobody else is heard on it.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::{Asked, Decision, Found, REFUSAL, Shelf, log, now};
use crate::files::Given;
use crate::tftp::{Code, Ending, Mode, Packet, Request, Step, Terms, Transfer, data, error};

mod content;

use content::{BINARY, Content};

/// The most transfers at a time, and of one address.
const MOST: usize = 512;
const MOST_OF_ONE: usize = 32;

/// The most that all transfers may hold of what is nobody else's, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// The longest datagram of a phone that is read, in bytes.
const LONGEST: usize = 1024;

/// The longest blocks that fit a datagram of Ethernet, over IPv4 and over IPv6, in bytes.
const BLOCK: u64 = 1468;
const BLOCK_OF_V6: u64 = 1448;

/// Answers requests at a socket. What is under way ends with it.
pub async fn serve(socket: UdpSocket, shelf: Arc<Shelf>) {
    let (under_way, mut transfers) = (Arc::new(UnderWay::default()), JoinSet::new());
    let here = socket.local_addr().map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |here| here.ip());
    let mut datagram = [0; LONGEST];
    loop {
        while transfers.try_join_next().is_some() {}
        let (length, phone) = match socket.recv_from(&mut datagram).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "TFTP: a datagram could not be read");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match Packet::read(&datagram[..length]) {
            Some(Packet::Read(request)) => {
                if let Some(place) = under_way.enter(phone) {
                    transfers.spawn(transfer(shelf.clone(), request, here, place));
                }
            }
            Some(Packet::Write) => {
                let refusal = error(Code::Forbidden, "nothing is taken by TFTP");
                let _nobody_there = socket.send_to(&refusal, phone).await;
            }
            Some(_) | None => {}
        }
    }
}

/// Who is being sent something. A request that comes again from the same port is the same request.
#[derive(Debug)]
struct UnderWay {
    phones: Mutex<HashSet<SocketAddr>>,
    /// The bytes that may still be held.
    bytes: Arc<Semaphore>,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self { phones: Mutex::default(), bytes: Arc::new(Semaphore::new(MOST_BYTES)) }
    }
}

/// A place among those, until it is dropped.
struct Place {
    phone: SocketAddr,
    among: Arc<UnderWay>,
}

impl UnderWay {
    fn enter(self: &Arc<Self>, phone: SocketAddr) -> Option<Place> {
        let mut phones = self.lock();
        let of_one = phones.iter().filter(|other| other.ip() == phone.ip()).count();
        let may = phones.len() < MOST && of_one < MOST_OF_ONE && !phones.contains(&phone);
        if !may {
            return None;
        }
        phones.insert(phone);
        Some(Place { phone, among: self.clone() })
    }

    /// Room for so many bytes, until it is dropped.
    fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.bytes.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<SocketAddr>> {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.among.lock().remove(&self.phone);
    }
}

/// Answers one request.
async fn transfer(shelf: Arc<Shelf>, request: Request, here: IpAddr, place: Place) {
    let (begun, phone) = (now(), place.phone);
    let asked = Asked::by_name(&request.name, Some(phone.ip()));
    let found = content(&shelf, &asked, request.mode, &place).await;
    let Ok(socket) = open(here, phone).await.inspect_err(|error| tracing::warn!(%error, "TFTP: no socket"))
    else {
        return;
    };
    let (found, content, _held) = match found {
        Ok(found) => found,
        Err(reason) => {
            log(&asked, None, &Decision::Refused(reason));
            tokio::time::sleep_until((begun + REFUSAL).into()).await;
            let refusal = if reason == BINARY {
                error(Code::Undefined, BINARY)
            } else {
                error(Code::NotFound, "not found")
            };
            let _nobody_there = socket.send(&refusal).await;
            return;
        }
    };
    let most = if phone.is_ipv4() { BLOCK } else { BLOCK_OF_V6 };
    let terms = Terms::of(&request, content.bytes(), most);
    let ended = send(&socket, Arc::new(content), terms, begun).await;
    settle(&shelf, &asked, &found, &ended);
}

/// What there is, what is sent of it, and the room that this takes.
async fn content(
    shelf: &Shelf,
    asked: &Asked<'_>,
    mode: Mode,
    place: &Place,
) -> Result<(Found, Content, OwnedSemaphorePermit), &'static str> {
    let found = shelf.find(asked).await?;
    let held = place.among.hold(Content::weight(&found, mode)).ok_or("too much is being sent by TFTP")?;
    let content = Content::of(&found, mode).await?;
    Ok((found, content, held))
}

async fn open(here: IpAddr, phone: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((here, 0)).await?;
    socket.connect(phone).await.map(|()| socket)
}

/// A phone holds what it has acknowledged to its last block.
fn settle(shelf: &Shelf, asked: &Asked<'_>, found: &Found, ended: &io::Result<Ending>) {
    let given: Option<&Given> = found.given();
    let decision = match ended {
        Ok(Ending::Whole) => Decision::Whole,
        Ok(Ending::Refused) => Decision::Refused("the phone does not go on"),
        Ok(Ending::Silent) | Err(_) => Decision::Refused("the phone says nothing any more"),
        Ok(Ending::TooLong) => Decision::Refused("the transfer takes too long"),
    };
    log(asked, given, &decision);
    if let (Found::Rendered(given, at), Ok(Ending::Whole)) = (found, ended) {
        shelf.note(given, &given.files[*at]);
    }
}

/// Sends all of it, and says how that ended.
async fn send(socket: &UdpSocket, content: Arc<Content>, terms: Terms, begun: Instant) -> io::Result<Ending> {
    let clock = || u64::try_from((now() - begun).as_millis()).unwrap_or(u64::MAX);
    let (mut transfer, mut step) = Transfer::begin(content.bytes(), terms, clock());
    let mut datagram = [0; LONGEST];
    loop {
        match step {
            Step::End(ending) => return Ok(ending),
            Step::Wait => {}
            Step::Greet(greeting) => drop(lost(socket.send(&greeting).await)?),
            Step::Send(blocks) => {
                for datagram in read(&transfer, &content, blocks).await? {
                    lost(socket.send(&datagram).await)?;
                }
            }
        }
        let until = begun + Duration::from_millis(transfer.deadline());
        step = match tokio::time::timeout_at(until.into(), socket.recv(&mut datagram)).await {
            Ok(received) => match lost(received)?.and_then(|length| Packet::read(&datagram[..length])) {
                Some(packet) => transfer.heard(&packet, clock()),
                None => Step::Wait,
            },
            Err(_) => transfer.waited(clock()),
        };
    }
}

/// What went wrong with a datagram is no worse than if it were lost, as where one was too long for the path: the system
/// says so once, and sends the next in pieces. Only where nobody listens there is nobody to wait for.
fn lost<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(error),
        Err(error) => {
            tracing::debug!(%error, "TFTP: a datagram is lost");
            Ok(None)
        }
    }
}

/// The datagrams of these blocks. Whatever lies on a disk is read where nobody waits for it.
async fn read(
    transfer: &Transfer,
    content: &Arc<Content>,
    blocks: RangeInclusive<u64>,
) -> io::Result<Vec<Vec<u8>>> {
    let places: Vec<_> = blocks.map(|block| (block, transfer.place(block))).collect();
    let to_read = content.clone();
    let read = move || {
        let blocks = places.into_iter().map(|(block, place)| Ok(data(block, &to_read.read(place)?)));
        blocks.collect()
    };
    match **content {
        Content::Memory(_) => read(),
        Content::File(..) => tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_are_bounded_in_number_and_each_port_has_one() {
        let under_way = Arc::new(UnderWay::default());
        let phone = |host: u8, port| SocketAddr::from(([10, 0, 0, host], port));
        let first = under_way.enter(phone(1, 1)).unwrap();
        assert!(under_way.enter(phone(1, 1)).is_none(), "the same request again");
        let of_one: Vec<_> = (2..1000).map_while(|port| under_way.enter(phone(1, port))).collect();
        assert_eq!(of_one.len() + 1, MOST_OF_ONE);
        let others = (2..=255).flat_map(|host| (0..8).map(move |port| phone(host, port)));
        let others: Vec<_> = others.filter_map(|phone| under_way.enter(phone)).collect();
        assert_eq!(others.len() + MOST_OF_ONE, MOST);
        drop((first, of_one));
        assert!(under_way.enter(phone(1, 1)).is_some());
    }
    #[test]
    fn what_transfers_hold_is_bounded() {
        let under_way = UnderWay::default();
        let held: Vec<_> = (0..1000).map_while(|_| under_way.hold(3 << 20)).collect();
        assert_eq!(held.len(), 21);
        assert!(under_way.hold(0).is_some() && under_way.hold(1 << 30).is_none());
        drop(held);
        assert!(under_way.hold(MOST_BYTES).is_some());
    }

    #[test]
    fn only_where_nobody_listens_a_datagram_is_more_than_lost() {
        const EMSGSIZE: i32 = 90;
        assert!(lost::<()>(Err(io::Error::from_raw_os_error(EMSGSIZE))).unwrap().is_none());
        assert!(lost::<()>(Err(io::ErrorKind::HostUnreachable.into())).unwrap().is_none());
        assert!(lost::<()>(Err(io::ErrorKind::ConnectionRefused.into())).is_err());
        assert_eq!(lost(Ok(3)).unwrap(), Some(3));
    }
}
