//! Every timer of both kinds of transactions, in virtual time.
#![allow(clippy::disallowed_methods)]

use super::*;
use crate::sip::peer::Transport;

const KEY: (&str, &str) = ("z9hG4bK1", "NOTIFY");

fn named(name: &str) -> Fingerprint {
    Fingerprint::of(&[name])
}

fn at() -> Peer {
    "10.0.0.1:5060".parse().unwrap()
}

fn started(now: Instant) -> Clients<u8> {
    let mut clients = Clients::default();
    assert!(clients.start(now, KEY, 1, (at(), Bytes::from_static(b"n"))));
    clients
}

/// Lets time pass from deadline to deadline, and notes what happened at which millisecond.
fn run(clients: &mut Clients<u8>, start: Instant) -> Vec<(u128, bool)> {
    let mut seen = Vec::new();
    while let Some(now) = clients.deadline() {
        while let Some(due) = clients.due(now) {
            seen.push(((now - start).as_millis(), matches!(due, Due::TimedOut(1))));
        }
    }
    seen
}

#[test]
fn an_unanswered_request_is_sent_eleven_times_and_given_up_after_32_seconds() {
    let start = Instant::now();
    let seen = run(&mut started(start), start);
    let (resent, ended) = seen.split_at(seen.len() - 1);
    let times: Vec<_> = resent.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(ended, [(32000, true)]);
}

#[test]
fn a_provisional_response_slows_the_retransmissions_to_t2() {
    let start = Instant::now();
    let mut clients = started(start);
    assert_eq!(clients.response(start, KEY, 100), None);
    let times: Vec<_> = run(&mut clients, start).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [500, 4500, 8500, 12500, 16500, 20500, 24500, 28500, 32000]);
}

#[test]
fn a_final_response_is_told_once_and_known_for_five_seconds() {
    let start = Instant::now();
    let mut clients = started(start);
    assert_eq!(clients.response(start, KEY, 200), Some(1));
    assert_eq!(clients.response(start, KEY, 200), None);
    assert_eq!((clients.deadline(), clients.waiting()), (Some(start + TIMER_K), 0));
    assert_eq!((clients.due(start + TIMER_K), clients.table.len()), (None, 0));
    assert_eq!(clients.deadline(), None);
}

#[test]
fn what_comes_again_does_not_put_off_timer_k() {
    let start = Instant::now();
    let late = start + Duration::from_millis(4_999);
    let mut clients = started(start);
    assert_eq!(clients.response(start, KEY, 481), Some(1));
    assert_eq!((clients.response(late, KEY, 481), clients.due(late)), (None, None));
    assert_eq!((clients.table.len(), clients.deadline()), (1, Some(start + Duration::from_secs(5))));
    assert_eq!((clients.due(start + TIMER_K), clients.table.len()), (None, 0));
}

#[test]
fn over_a_stream_nothing_is_sent_again_and_nothing_is_kept() {
    let (start, tcp) = (Instant::now(), Peer::new(Transport::Tcp, at().address));
    let begun = || {
        let mut clients = Clients::default();
        assert!(clients.start(start, KEY, 1, (tcp, Bytes::new())));
        clients
    };
    assert_eq!(run(&mut begun(), start), [(32000, true)]);
    let mut clients = begun();
    assert_eq!(clients.response(start, KEY, 180), None);
    assert_eq!(clients.response(start, KEY, 200), Some(1));
    assert_eq!((clients.deadline(), clients.table.len(), clients.waiting()), (None, 0, 0));
    let mut servers = Servers::default();
    servers.arrive(start, named("k"));
    servers.answer(named("k"), tcp, Bytes::from_static(b"ok"));
    assert_eq!(
        (servers.arrive(start, named("k")), servers.deadline()),
        (Arrival::New, Some(start + TIMER_J))
    );
}

#[test]
fn a_response_to_another_branch_or_method_is_nobodys() {
    let start = Instant::now();
    let mut clients = started(start);
    assert_eq!(clients.response(start, ("z9hG4bK2", "NOTIFY"), 200), None);
    assert_eq!(clients.response(start, ("z9hG4bK1", "OPTIONS"), 200), None);
    assert_eq!(clients.waiting(), 1);
    assert_eq!([clients.undeliverable(KEY.0), clients.undeliverable(KEY.0)], [Some(1), None]);
    assert_eq!((clients.waiting(), clients.deadline()), (0, None));
}

#[test]
fn what_is_completed_does_not_fill_the_table() {
    let start = Instant::now();
    let mut clients = Clients::default();
    for n in 0..MAX_COMPLETED + 10 {
        let branch = n.to_string();
        assert!(clients.start(start, (&branch, "NOTIFY"), n, (at(), Bytes::new())));
        assert_eq!(clients.response(start, (&branch, "NOTIFY"), 200), Some(n));
    }
    assert_eq!((clients.table.len(), clients.waiting()), (MAX_COMPLETED, 0));
}

#[test]
fn a_full_table_says_so() {
    let start = Instant::now();
    let mut clients = Clients::default();
    let mut add = |n: usize| clients.start(start, (&n.to_string(), "NOTIFY"), n, (at(), Bytes::new()));
    assert!((0..MAX_WAITING).all(&mut add));
    assert!(!add(MAX_WAITING));
}

#[test]
fn a_request_that_comes_again_gets_the_same_answer_until_timer_j() {
    let start = Instant::now();
    let mut servers = Servers::default();
    assert_eq!(
        [servers.arrive(start, named("k")), servers.arrive(start, named("k"))],
        [Arrival::New, Arrival::Again]
    );
    servers.answer(named("k"), at(), Bytes::from_static(b"ok"));
    let later = start + Duration::from_secs(10);
    assert_eq!(servers.arrive(later, named("z")), Arrival::New);
    servers.wake(later);
    assert_eq!(servers.arrive(later, named("k")), Arrival::Answered(at(), Bytes::from_static(b"ok")));
    assert_eq!(servers.deadline(), Some(start + TIMER_J));
    servers.wake(start + TIMER_J);
    assert_eq!((servers.arrive(later, named("k")), servers.table.len()), (Arrival::New, 2));
}

#[test]
fn a_request_nobody_answers_is_forgotten_too() {
    let start = Instant::now();
    let mut servers = Servers::default();
    servers.arrive(start, named("k"));
    servers.wake(start + TIMER_J);
    servers.answer(named("k"), at(), Bytes::new());
    assert!(servers.table.is_empty() && servers.deadline().is_none());
}

#[test]
fn the_oldest_server_transaction_makes_room() {
    let start = Instant::now();
    let mut servers = Servers::default();
    for n in 0..=MAX_SERVERS {
        servers.arrive(start + Duration::from_nanos(n as u64), named(&n.to_string()));
    }
    assert_eq!(servers.table.len(), MAX_SERVERS);
    assert_eq!(
        [servers.arrive(start, named("1")), servers.arrive(start, named("0"))],
        [Arrival::Again, Arrival::New]
    );
}

#[test]
fn requests_are_told_apart_by_branch_or_as_rfc_2543_did() {
    let request = |via: &str, cseq: &str| {
        let mut request = Request::new(rsip::Method::Register, "sip:h");
        request.headers.push("Via", via);
        request.headers.push("CSeq", cseq);
        Servers::key(&request, at())
    };
    let (new, old) = ("SIP/2.0/UDP a:5060;branch=z9hG4bKx", "SIP/2.0/UDP a:5060;branch=1");
    assert_eq!(request(new, "1 REGISTER"), request(new, "2 REGISTER"));
    assert_ne!(request(new, "1 REGISTER"), request("SIP/2.0/UDP b:5060;branch=z9hG4bKx", "1 REGISTER"));
    assert_ne!(request(old, "1 REGISTER"), request(old, "2 REGISTER"));
    assert_eq!(request(old, "1 REGISTER"), request(old, "1 REGISTER"));
    let bare = "SIP/2.0/UDP a:5060;branch=z9hG4bK";
    assert_ne!(request(bare, "1 REGISTER"), request(bare, "2 REGISTER"), "it names no transaction");
}
