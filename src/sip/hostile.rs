//! What strangers can send: whatever it is, nothing panics, and nothing we send carries a line of theirs.

use bytes::Bytes;
use proptest::prelude::*;

use super::digest::Algorithm;
use super::message::{Request, Response};
use super::world::{Phone, World, line, plain};
use super::*;

fn datagrams() -> Vec<Bytes> {
    let mut phone = Phone::new(1);
    let register = phone.register(300);
    let mut world = World::new([Phone::challenging(1, Algorithm::Sha256)]);
    world.register(1, 300);
    world.notify();
    let phone = world.phone(1);
    let mut all =
        vec![register, phone.ask(Some("Digest realm=\"pbx\", nonce=\"é\", username=\"u1\"".into()))];
    all.extend(phone.answers.iter().map(Response::to_bytes));
    all.extend(phone.heard.iter().map(Request::to_bytes));
    all.extend(phone.heard.iter().map(|request| request.answer(401, "t", phone.at).to_bytes()));
    all
}

const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n ",
    b";",
    b"<",
    b">",
    b"\"",
    b"\\",
    b",",
    b":",
    b"@",
    b"=",
    b"\0",
    b"\xff",
    b"%",
    b"[",
    b"*",
    b"Via: ",
    b"SIP/2.0/UDP ",
    b"expires=4294967296",
    b"Expires: 0\r\n",
    b"Contact: *\r\n",
    b" ",
    b"Digest ",
    b"rport",
    b"99999999999999999999",
    b"l: 1\r\n",
    b"\xc3\xa9",
    b"Authorization: Digest realm=pbx\r\n",
];

#[derive(Debug, Clone)]
enum Edit {
    Cut(usize, usize),
    Put(usize, usize),
    Byte(usize, u8),
    Double(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..1500_usize;
    prop_oneof![
        (at(), 0..40_usize).prop_map(|(at, n)| Edit::Cut(at, n)),
        (at(), 0..PIECES.len()).prop_map(|(at, n)| Edit::Put(at, n)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        (at(), 0..80_usize).prop_map(|(at, n)| Edit::Double(at, n)),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let len = bytes.len();
        let span = |at: usize, n: usize| at % (len + 1)..(at % (len + 1) + n).min(len);
        match *edit {
            Edit::Cut(at, n) => drop(bytes.drain(span(at, n))),
            Edit::Put(at, n) => drop(bytes.splice(span(at, 0), PIECES[n].iter().copied())),
            Edit::Byte(at, byte) => drop(bytes.splice(span(at, 1), [byte])),
            Edit::Double(at, n) => bytes.extend_from_within(span(at, n)),
        }
    }
    bytes
}

fn survive(world: &mut World, datagram: &[u8]) {
    let mut out = Vec::new();
    world.endpoint.receive(world.now, world.unix(), ([10, 0, 0, 9], 9).into(), datagram, &mut out);
    for command in out {
        match command {
            Command::FindLine { ticket, .. } => {
                let open = Line { proof: Proof::Address([10, 0, 0, 9].into()), ..line("d1") };
                let mut out = Vec::new();
                world.endpoint.line(world.now, world.unix(), ticket, Some(&open), &mut out);
                world.told.extend(out);
            }
            other => world.told.push(other),
        }
    }
    for told in std::mem::take(&mut world.told) {
        if let Command::Send { datagram, .. } = told {
            let text = header::decode(&datagram.0);
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(body.is_empty() && !head.replace("\r\n", "").contains(['\r', '\n']), "{head}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_datagrams_never_panic(which in 0..100_usize, edits in prop::collection::vec(edit(), 1..12)) {
        thread_local!(static SEEDS: Vec<Bytes> = datagrams());
        let seed = SEEDS.with(|seeds| seeds[which % seeds.len()].to_vec());
        let mut world = World::new([Phone::new(1)]);
        world.register(1, 300);
        world.phone(1).silent = true;
        world.notify();
        survive(&mut world, &edited(seed, &edits));
        world.sleep(400);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut world = World::new([]);
        survive(&mut world, &bytes);
        let wrapped = [b"REGISTER sip:x SIP/2.0\r\nv: ", &bytes[..], b"\r\nCSeq: 1 REGISTER\r\n"].concat();
        survive(&mut world, &wrapped);
    }

    #[test]
    fn any_contact_comes_back_to_the_byte(contact in "sip:[!#-;=?-~\u{80}-\u{ff}]{1,60}") {
        let mut world = World::new([Phone::new(1)]);
        world.lines.values_mut().for_each(|line| line.proof = Proof::Address([10, 0, 0, 1].into()));
        let text = plain("REGISTER").replace("Call-ID", &format!("Contact: <{contact}>\nCall-ID"));
        let text = text.replace('\n', "\r\n");
        world.receive(([10, 0, 0, 1], 5062).into(), &header::encode(&text));
        let notify = world.endpoint.bindings("d1").next().unwrap().notify("check-sync");
        let mut out = Vec::new();
        world.endpoint.notify(world.now, notify, &mut out);
        let [Command::Send { datagram, .. }] = &out[..] else { panic!("{out:?}") };
        let start = header::encode(&format!("NOTIFY {contact} SIP/2.0\r\n"));
        prop_assert!(datagram.0.starts_with(&start));
    }
}
