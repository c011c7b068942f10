//! Journeys through an [`Endpoint`] from outside: phones register and are told, datagrams are lost, hours
//! pass in microseconds.

use std::time::Duration;

use super::digest::{Algorithm, Asked, Challenge};
use super::message::Response;
use super::registrar::MIN_EXPIRES;
use super::transaction::TIMER_F;
use super::world::{Phone, START, World, here, line, plain, reply};
use super::*;

#[test]
fn a_phone_registers_and_is_told() {
    let mut world = World::new([Phone::new(1)]);
    assert_eq!(world.register(1, 3600), [401, 200]);
    let contact = format!("<{}>;expires=300", world.phone(1).contact());
    assert_eq!(world.phone(1).answers[1].headers.get("Contact"), Some(&contact[..]));
    let Command::Bound { binding, fresh: true, same: false } = &world.told[0] else {
        panic!("{:?}", world.told)
    };
    assert_eq!((&binding.device[..], &binding.user_agent[..], binding.q), ("d1", "Fake/1", 500));
    assert_eq!(binding.expires_at, START + 300);

    let id = world.notify();
    assert_eq!(world.outcomes(), [(id, Outcome::Answered(200))]);
    let contact = world.phone(1).contact();
    let heard = &world.phone(1).heard[0];
    assert_eq!((&heard.uri, heard.headers.get("Event")), (&contact, Some("check-sync;reboot=false")));
}

#[test]
fn a_phone_that_asks_who_tells_it_is_answered_with_its_own_password() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut world = World::new([Phone::challenging(1, algorithm)]);
        world.register(1, 300);
        world.lines.clear();
        let id = world.notify();
        assert_eq!(world.outcomes(), [(id, Outcome::Answered(200))], "{algorithm:?}");
        assert_eq!(world.phone(1).heard.len(), 2);
    }
}

#[test]
fn a_phone_that_knows_another_password_refuses() {
    let mut world = World::new([Phone::challenging(1, Algorithm::Md5)]);
    world.register(1, 300);
    world.phone(1).password = "changed";
    let id = world.notify();
    assert_eq!(world.outcomes(), [(id, Outcome::Refused(401))]);
}

#[test]
fn a_notify_survives_the_loss_of_its_first_datagrams() {
    let mut world = World::new([Phone::new(1)]);
    world.register(1, 300);
    world.lose = 3;
    let (id, sent) = (world.notify(), world.sent);
    world.sleep(3);
    assert_eq!((world.outcomes(), world.sent - sent), (vec![], 2));
    world.sleep(1);
    assert_eq!((world.outcomes(), world.sent - sent), (vec![(id, Outcome::Answered(200))], 3));
    world.sleep(3600);
    assert_eq!((world.outcomes().len(), world.sent - sent), (1, 3));
}

#[test]
fn a_phone_is_told_over_the_connection_and_from_the_listener_it_registered_by() {
    let mut world = World::new([Phone::new(1)]);
    let local = Some(([192, 0, 2, 9], 5060).into());
    for from in [
        Peer { transport: Transport::Tcp, flow: Some(Flow(7)), local, ..world.phone(1).at.into() },
        Peer { local, ..world.phone(1).at.into() },
    ] {
        world.phone(1).answers.clear();
        let register = world.phone(1).register(300);
        world.receive(from, &register);
        assert_eq!(world.phone(1).codes(), [401, 200]);
        let binding = world.endpoint.bindings("d1").next().unwrap();
        assert_eq!((binding.source, binding.notify("x").to), (from, from));
    }
}

#[test]
fn a_silent_phone_is_unreachable_after_32_seconds() {
    let mut world = World::new([Phone::new(1)]);
    world.register(1, 300);
    world.phone(1).silent = true;
    let (id, sent) = (world.notify(), world.sent);
    world.sleep(TIMER_F.as_secs() - 1);
    assert_eq!((world.outcomes(), world.endpoint.waiting()), (vec![], 1));
    world.sleep(1);
    assert_eq!(world.outcomes(), [(id, Outcome::Unreachable(None))]);
    assert_eq!((world.sent - sent, world.endpoint.waiting()), (10, 0));
}

#[test]
fn what_the_phone_says_is_the_outcome() {
    for (code, outcome) in [(489, Outcome::NotSupported(489)), (480, Outcome::Unreachable(Some(480)))] {
        let mut world = World::new([Phone { code, ..Phone::new(1) }]);
        world.register(1, 300);
        let id = world.notify();
        assert_eq!(world.outcomes(), [(id, outcome)]);
    }
}

#[test]
fn strangers_cannot_tell_a_wrong_password_from_a_line_that_does_not_exist() {
    let seen = |user, password| {
        let mut world = World::new([Phone { user, password, ..Phone::new(1) }]);
        let codes = world.register(1, 300);
        assert!(world.told.is_empty());
        let names =
            |answer: &Response| answer.headers.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        (codes, world.phone(1).answers.iter().map(names).collect::<Vec<_>>())
    };
    assert_eq!(seen("u1", "wrong"), seen("nobody", "wrong"));
    assert_eq!(seen("u1", "wrong").0, [401, 403]);
}

#[test]
fn a_disabled_device_is_refused() {
    let mut world = World::new([Phone::new(1)]);
    world.lines.values_mut().for_each(|line| line.enabled = false);
    assert_eq!(world.register(1, 300), [401, 403]);
}

#[test]
fn a_phone_is_let_in_by_its_address() {
    let mut world = World::new([Phone::new(1), Phone { password: "x", ..Phone::new(2) }]);
    world.lines.values_mut().for_each(|line| line.proof = Proof::Address([10, 0, 0, 1].into()));
    assert_eq!(world.register(1, 300), [200]);
    assert_eq!(world.register(2, 300), [401, 403]);
    assert_eq!(world.endpoint.bindings("d1").next().unwrap().credentials, None);
}

#[test]
fn a_refreshed_binding_lives_on_and_a_forgotten_one_ends_to_the_second() {
    let mut world = World::new([Phone::new(1)]);
    world.register(1, 100);
    world.sleep(99);
    assert_eq!(world.register(1, 100), [401, 200]);
    world.sleep(99);
    assert_eq!((world.changes(), world.endpoint.bindings("d1").count()), (vec![Some(true), Some(false)], 1));
    world.sleep(1);
    assert_eq!((world.changes().len(), world.endpoint.bindings("d1").count()), (3, 0));
    world.register(1, 100);
    assert_eq!(world.changes(), [Some(true), Some(false), None, Some(true)]);
}

#[test]
fn a_phone_that_says_goodbye_is_gone() {
    let mut world = World::new([Phone::new(1)]);
    world.register(1, 300);
    assert_eq!(world.register(1, 0), [401, 200]);
    assert_eq!((world.changes(), world.endpoint.bindings("d1").count()), (vec![Some(true), None], 0));
    assert_eq!(world.phone(1).answers[1].headers.get("Contact"), None);
}

#[test]
fn too_brief_a_registration_names_the_shortest() {
    let mut world = World::new([Phone::new(1)]);
    assert_eq!(world.register(1, 59), [401, 423]);
    let shortest = MIN_EXPIRES.to_string();
    assert_eq!(world.phone(1).answers[1].headers.get("Min-Expires"), Some(&shortest[..]));
}

#[test]
fn bindings_survive_a_restart() {
    let mut world = World::new([Phone::challenging(1, Algorithm::Md5), Phone::new(2)]);
    world.register(1, 60);
    world.register(2, 300);
    let stored: Vec<Binding> = world.endpoint.bindings("d1").cloned().collect();
    world.endpoint = Endpoint::new([10; 32], &here(), "checksync/0.1");
    world.now += Duration::from_secs(100);
    let (now, unix) = (world.now, world.unix());
    world.endpoint.restore(now, unix, stored);
    world.sleep(0);
    assert_eq!(world.changes(), [Some(true), Some(true), None]);
    let id = world.notify();
    assert_eq!(world.outcomes(), [(id, Outcome::Answered(200))]);
    assert_eq!(world.phone(2).heard.len(), 1);
    world.sleep(200);
    assert_eq!(world.endpoint.bindings("d1").count(), 0);
}

#[test]
fn the_bindings_of_a_deleted_device_are_dropped() {
    let mut world = World::new([Phone::new(1), Phone::new(2)]);
    world.register(1, 300);
    world.register(2, 300);
    let mut out = Vec::new();
    world.endpoint.forget("d1", &mut out);
    assert_eq!((out.len(), world.endpoint.bindings("d1").count()), (2, 0));
}

#[test]
fn a_register_that_comes_again_gets_the_same_answer_without_a_second_lookup() {
    let mut world = World::new([Phone::new(1)]);
    let datagram = world.phone(1).register(300);
    let from = world.phone(1).at;
    world.phone(1).password = "wrong";
    world.receive(from.into(), &datagram);
    world.receive(from.into(), &datagram);
    assert_eq!((world.lookups, world.phone(1).codes()), (2, vec![401, 403, 401]));
    let answers = &world.phone(1).answers;
    assert_eq!(answers[0], answers[2]);
    world.sleep(32);
    world.receive(from.into(), &datagram);
    assert_eq!(world.lookups, 3);
}

#[test]
fn a_lookup_that_fails_or_comes_late_harms_nobody() {
    let mut world = World::new([Phone::new(1)]);
    let (from, datagram, now) = (world.phone(1).at, world.phone(1).register(300), world.now);
    let mut out = Vec::new();
    world.endpoint.receive(now, START, from.into(), &datagram, &mut out);
    world.endpoint.receive(now, START, from.into(), &datagram, &mut out);
    let [Command::FindLine { ticket, .. }] = out[..] else { panic!("{out:?}") };
    let mut out = Vec::new();
    world.endpoint.unavailable(ticket, &mut out);
    world.endpoint.line(now, START, ticket, Some(&line("d1")), &mut out);
    assert_eq!(out.len(), 1);
    world.carry_out(out);
    assert_eq!(world.phone(1).codes(), [503]);
    world.sleep(32);
    assert_eq!(world.endpoint.deadline(), None);
}

#[test]
fn a_nonce_from_before_a_restart_is_stale() {
    let mut world = World::new([Phone::new(1)]);
    world.register(1, 300);
    let asked = Asked { method: "REGISTER", uri: "sip:pbx", body: b"" };
    let challenge = Challenge::strongest(world.phone(1).answers[0].headers.all("WWW-Authenticate")).unwrap();
    let who = Credentials { user: "u1".into(), password: Password::new("right") };
    let again = world.phone(1).ask(Some(challenge.answer(&who, asked, "c", 2)));
    world.endpoint = Endpoint::new([10; 32], &here(), "checksync/0.1");
    world.phone(1).answers.clear();
    world.receive(([10, 0, 0, 1], 5062).into(), &again);
    assert_eq!(world.phone(1).codes(), [401, 200]);
    assert!(world.phone(1).answers[0].headers.get("WWW-Authenticate").unwrap().contains("stale=true"));
}

#[test]
fn other_requests_are_told_what_we_allow() {
    let answered = |method: &str| {
        reply(&plain(method)).map(|answer| (answer.code, answer.headers.get("Allow").is_some()))
    };
    assert_eq!(answered("OPTIONS"), Some((200, true)));
    assert_eq!(answered("INVITE"), Some((405, true)));
    assert_eq!(answered("KDMQ"), Some((501, false)));
    assert_eq!(answered("CANCEL"), Some((481, false)));
    assert_eq!(answered("ACK"), None);
}

#[test]
fn a_broken_request_is_told_what_is_broken() {
    let broken = reply(&plain("OPTIONS").replace("Call-ID: c\n", "")).unwrap();
    assert_eq!((broken.code, &broken.reason[..]), (400, "No Call-ID"));
    let contact = reply(&plain("REGISTER").replace("Call-ID", "Contact: <tel:1>\nCall-ID")).unwrap();
    assert_eq!((contact.code, &contact.reason[..]), (400, "Contact is no usable SIP URI"));
    let extension = reply(&plain("OPTIONS").replace("Call-ID", "Require: path, 100rel\nCall-ID")).unwrap();
    assert_eq!((extension.code, extension.headers.get("Unsupported")), (420, Some("100rel")));
    let long = plain("REGISTER").replace("Call-ID", &format!("X: {}\nCall-ID", "y".repeat(9000)));
    assert_eq!(reply(&long).unwrap().code, 513);
    assert_eq!(reply(&plain("ACK").replace("Call-ID: c\n", "")), None);
}

#[test]
fn a_flood_of_registers_is_bounded() {
    let mut world = World::new([]);
    let mut out = Vec::new();
    for n in 0..server::MAX_PENDING + 5 {
        let from = ([10, 1, 0, 1], 5060).into();
        let text = plain("REGISTER").replace("bKq", &format!("bK{n}")).replace('\n', "\r\n");
        world.endpoint.receive(world.now, START, from, text.as_bytes(), &mut out);
    }
    let asked = out.iter().filter(|command| matches!(command, Command::FindLine { .. })).count();
    assert_eq!((asked, out.len() - asked), (server::MAX_PENDING, 5));
}

#[test]
fn a_captured_register_is_of_no_use_a_second_time() {
    let mut world = World::new([Phone::new(1)]);
    world.register(1, 300);
    let asked = Asked { method: "REGISTER", uri: "sip:pbx", body: b"" };
    let challenge = Challenge::strongest(world.phone(1).answers[0].headers.all("WWW-Authenticate")).unwrap();
    let who = Credentials { user: "u1".into(), password: Password::new("right") };
    let from = world.phone(1).at;
    for (count, expected) in [(1, 401), (2, 200), (2, 401)] {
        let again = world.phone(1).ask(Some(challenge.answer(&who, asked, "cnonce", count)));
        world.phone(1).answers.clear();
        world.phone(1).password = "wrong";
        world.receive(from.into(), &again);
        let first = &world.phone(1).answers[0];
        let stale = first.headers.get("WWW-Authenticate").is_some_and(|offer| offer.contains("stale=true"));
        assert_eq!((first.code, stale), (expected, expected == 401), "{count}");
    }
}

#[test]
fn phones_of_a_line_that_wants_it_are_told_of_each_other() {
    let mut world = World::new([Phone::new(1), Phone::new(2)]);
    world.lines.values_mut().for_each(|line| line.tells_overwrites = true);
    world.register(1, 300);
    assert_eq!(world.register(2, 300), [401, 200]);
    let [first, second] = [1, 2].map(|last| {
        let phone = world.phone(last);
        assert_eq!(phone.heard[0].headers.get("Event"), Some(overwrite::EVENT));
        (phone.contact(), String::from_utf8(phone.heard[0].body.to_vec()).unwrap())
    });
    assert_eq!(first.1, format!("Replaced-By:{}", second.0));
    assert_eq!(second.1, format!("Overwrote:{}", first.0));
    assert_eq!(
        (world.changes(), world.endpoint.bindings("d1").count()),
        (vec![Some(true), None, Some(true)], 1)
    );
    world.register(2, 300);
    assert_eq!(world.phone(2).heard.len(), 1);
}
