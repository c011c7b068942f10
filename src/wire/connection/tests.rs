use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use super::*;
use crate::sip::Transport;

const PATIENCE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(1);

fn peer() -> Peer {
    Peer::new(Transport::Tcp, "192.0.2.7:5060".parse().unwrap())
}

fn ends(most: usize) -> (Outbox, Line, mpsc::Receiver<Event>) {
    let (events, heard) = mpsc::channel(64);
    let (outbox, line) = line(peer(), Flow(1), most, events, true);
    (outbox, line, heard)
}

/// Reads what the other side sends, kept until a second, and bears [`IDLE`].
fn reading(keep: u64) -> (DuplexStream, JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let reading = tokio::spawn(async move {
        let (events, mut heard) = mpsc::channel(64);
        let keep = AtomicU64::new(keep);
        let reading = Reading { peer: peer(), keep: &keep, events: &events, heard: true, idle: IDLE };
        tokio::select! {
            () = reading.run(ours) => {}
            () = async { while heard.recv().await.is_some() {} } => {}
        }
    });
    (theirs, reading)
}

/// Whether the other side is still listened to after it has said this five times within twice [`IDLE`].
async fn is_borne(says: &[u8], keep: u64) -> bool {
    let (mut theirs, reading) = reading(keep);
    for _ in 0..5 {
        tokio::time::sleep(IDLE * 2 / 5).await;
        let _gone = theirs.write_all(says).await;
    }
    !reading.is_finished()
}

#[tokio::test]
async fn pings_renew_the_patience_with_whom_a_registration_keeps_only() {
    let options = b"OPTIONS sip:us SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    let kept = clock().1 + 60;
    let (message, ping, silence) =
        tokio::join!(is_borne(options, 0), is_borne(b"\r\n\r\n", kept), is_borne(b"", kept));
    assert!(message && ping && silence);
    let (ping, half, less, silence) =
        tokio::join!(is_borne(b"\r\n\r\n", 0), is_borne(b"\r\n", 0), is_borne(b"\r", 0), is_borne(b"", 0));
    assert_eq!([ping, half, less, silence], [false; 4]);
}

#[tokio::test]
async fn whoever_never_stops_pinging_is_left_too() {
    let (mut theirs, reading) = reading(0);
    let pings = async { while theirs.write_all(&b"\r\n\r\n".repeat(64)).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, pings).await.unwrap();
    assert!(reading.is_finished());
}

#[tokio::test]
async fn what_waits_counts_with_what_it_costs_to_have_it_wait() {
    let (outbox, _line, _heard) = ends(2 * (1 + ENTRY));
    let taken = [(); 3].map(|()| outbox.put(Bytes::from_static(b"x"), None));
    assert_eq!(taken, [true, true, false]);
    let (outbox, _line, _heard) = ends(1 + ENTRY);
    assert!(!outbox.pong(), "a pong costs what any message of its length does");
}

#[tokio::test]
async fn one_pong_waits_however_many_pings_come() {
    let (outbox, mut line, _heard) = ends(1 << 20);
    assert!((0..100_000).all(|_| outbox.pong()));
    assert_eq!(line.inbox.len(), 1);
    assert_eq!(outbox.shared.waiting.load(Ordering::Relaxed), 2 + ENTRY);
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let shared = line.shared.clone();
    let writing = write(ours, &mut line.inbox, &shared, &mut line.written);
    let pings = async {
        for _ in 0..2 {
            let mut pong = [0; 2];
            theirs.read_exact(&mut pong).await.unwrap();
            assert_eq!(&pong, b"\r\n");
            while shared.pong.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            assert!(outbox.pong(), "the next ping is answered again");
        }
        drop(outbox);
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(writing, pings) }).await.unwrap();
}

#[tokio::test]
async fn who_is_cut_off_is_told_of_what_it_has_not_heard() {
    let (outbox, line, mut heard) = ends(1 << 20);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (ours, _) = listener.accept().await.unwrap();
    outbox.put(Bytes::from_static(b"x"), Some("branch".to_owned()));
    outbox.cut();
    tokio::time::timeout(PATIENCE, line.accepted(ours, None)).await.unwrap();
    let Some(Event::Closed(Flow(1), unheard)) = heard.recv().await else { panic!("it should be closed") };
    assert_eq!(unheard, ["branch"]);
    drop(theirs);
}
