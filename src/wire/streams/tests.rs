use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn streams() -> (Streams, mpsc::Receiver<Event>) {
    let (events, heard) = mpsc::channel(64);
    (Streams::new(Tls::new(None), events), heard)
}

/// A listener that takes connections, and reads nothing of them.
async fn listener() -> (TcpListener, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer::new(Transport::Tcp, listener.local_addr().unwrap());
    (listener, peer)
}

async fn next(heard: &mut mpsc::Receiver<Event>) -> Event {
    tokio::time::timeout(PATIENCE, heard.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn one_connection_serves_all_messages_to_an_address() {
    let ((mut streams, mut heard), (listener, peer)) = (streams(), listener().await);
    for text in ["one", "two"] {
        streams.send(&peer, Bytes::from_static(text.as_bytes()), None).unwrap();
    }
    let (stream, _) = listener.accept().await.unwrap();
    let mut text = [0; 6];
    tokio::io::AsyncReadExt::read_exact(&mut { stream }, &mut text).await.unwrap();
    assert_eq!((&text, streams.open.len()), (b"onetwo", 1));
    let Event::Closed(flow, unheard) = next(&mut heard).await else { panic!("it should be closed") };
    assert!(unheard.is_empty());
    streams.end(flow);
    assert!(streams.open.is_empty() && streams.reached.is_empty() && streams.opened.is_empty());
    let gone = streams.send(&Peer { flow: Some(flow), ..peer }, Bytes::new(), None);
    assert_eq!(gone, Err("the connection is gone"));
}

#[tokio::test]
async fn what_was_not_heard_is_told_when_nobody_takes_the_connection() {
    let ((mut streams, mut heard), (listener, peer)) = (streams(), listener().await);
    drop(listener);
    for branch in ["a", "b"] {
        streams.send(&peer, Bytes::from_static(b"x"), Some(branch.to_owned())).unwrap();
    }
    let Event::Closed(_, unheard) = next(&mut heard).await else { panic!("it should be closed") };
    assert_eq!(unheard, ["a", "b"]);
}

#[tokio::test]
async fn who_reads_nothing_is_cut_off_and_holds_nobody_up() {
    let ((mut streams, _heard), (listener, peer)) = (streams(), listener().await);
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let mut sent = 0;
    while streams.send(&peer, piece.clone(), None).is_ok() {
        sent += piece.len();
        assert!(sent <= MAX_WAITING_OUT, "it has a bound");
    }
    assert!(streams.open.is_empty() && streams.reached.is_empty());
    drop(listener);
}

/// Has somebody connect, and gives their end.
async fn connects(streams: &mut Streams, (listener, peer): &(TcpListener, Peer)) -> TcpStream {
    let theirs = TcpStream::connect(peer.address).await.unwrap();
    let (stream, from) = listener.accept().await.unwrap();
    streams.accept(stream, from, (Transport::Tcp, peer.address));
    theirs
}

/// Whether the other side has closed a connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    let read = tokio::io::AsyncReadExt::read(stream, &mut byte);
    matches!(tokio::time::timeout(Duration::from_millis(200), read).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_whom_no_registration_keeps() {
    let ((mut streams, mut heard), place) = (streams(), listener().await);
    streams.taken = Limits::new(2, 2);
    let mut kept = connects(&mut streams, &place).await;
    streams.keep(Flow(1), clock().1 + 60);
    let mut idle = connects(&mut streams, &place).await;
    streams
        .send(&Peer { flow: Some(Flow(2)), ..place.1 }, Bytes::from_static(b"x"), Some("x".into()))
        .unwrap();
    let mut newcomer = connects(&mut streams, &place).await;
    let Event::Closed(Flow(2), unheard) = next(&mut heard).await else { panic!("it should be cut off") };
    assert_eq!(unheard, ["x"], "what was under way there is known to be lost");
    tokio::io::AsyncReadExt::read(&mut idle, &mut [0; 1]).await.unwrap_or_default();
    assert!(is_closed(&mut idle).await && !is_closed(&mut kept).await && !is_closed(&mut newcomer).await);
    streams.keep(Flow(3), clock().1 + 60);
    let mut one_too_many = connects(&mut streams, &place).await;
    assert!(is_closed(&mut one_too_many).await && !is_closed(&mut kept).await);
}

#[tokio::test]
async fn strangers_do_not_take_the_connections_that_we_open() {
    let ((mut streams, _heard), place) = (streams(), listener().await);
    streams.taken = Limits::new(1, 1);
    let _theirs = connects(&mut streams, &place).await;
    streams.keep(Flow(1), u64::MAX);
    assert_eq!(streams.send(&place.1, Bytes::from_static(b"x"), None), Ok(()));
    streams.opened = Limits::new(0, 0);
    let (_listener, elsewhere) = listener().await;
    let full = streams.send(&elsewhere, Bytes::new(), None);
    assert_eq!(full, Err("there are too many connections"));
}
