//! What happens after a phone was answered: it is asked to call a number, and says how that goes.

use bytes::Bytes;
use proptest::prelude::*;
use rsip::Method::{Bye, Info, Invite, Notify, Options, Refer, Update};

use super::Fate;
use super::handset::Scene;
use super::talk::{LAST_WORD, TRANSFER};
use crate::sip::message::Request;

fn field<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap_or_default()
}

#[test]
fn refer_and_bye_answer_their_own_challenges() {
    let (mut scene, invites) = Scene::calling(&[1]);
    scene.answer(1, &invites[0]);
    let refer = scene.all(1).remove(1);
    scene.challenge(1, &refer, 407, "r");
    let again = scene.heard(1, "REFER");
    assert_eq!(field(&again, "CSeq"), "3 REFER");
    assert!(field(&again, "Proxy-Authorization").contains("nonce=\"r\""));
    scene.reply(1, &again, 202);
    scene.news(1, &invites[0], "active", "SIP/2.0 200 OK");
    let bye = scene.heard(1, "BYE");
    scene.challenge(1, &bye, 401, "b");
    let again = scene.heard(1, "BYE");
    assert!(field(&again, "Authorization").contains("nonce=\"b\""));
    scene.challenge(1, &again, 401, "c");
    assert_eq!(scene.methods(1).len(), 0);
    scene.ends();
}

#[test]
fn a_phone_that_will_not_be_transferred_is_let_go() {
    for (code, fate) in [(403, Fate::TransferFailed(Some(403))), (603, Fate::TransferFailed(Some(603)))] {
        let (mut scene, invites) = Scene::calling(&[1]);
        scene.answer(1, &invites[0]);
        let refer = scene.all(1).remove(1);
        scene.reply(1, &refer, code);
        assert_eq!(scene.fate(), Some(fate));
        scene.heard(1, "BYE");
        scene.ends();
    }
}

#[test]
fn a_refer_that_nobody_answers_is_sent_for_32_seconds() {
    let (mut scene, invites) = Scene::calling(&[1]);
    scene.answer(1, &invites[0]);
    scene.sleep(31);
    assert_eq!(scene.fate(), None);
    scene.sleep(1);
    assert_eq!(scene.fate(), Some(Fate::TransferFailed(None)));
    scene.ends();
}

#[test]
fn a_transfer_ends_with_what_the_phone_says_last() {
    for (state, line, fate) in [
        ("active", "SIP/2.0 404 Not Found", Fate::TransferFailed(Some(404))),
        ("terminated;reason=noresource", "SIP/2.0 486 Busy Here", Fate::TransferFailed(Some(486))),
        ("terminated;reason=giveup", "SIP/2.0 100 Trying", Fate::TransferFailed(None)),
    ] {
        let (mut scene, invite) = Scene::referred(&[1]);
        scene.news(1, &invite, state, line);
        assert_eq!(scene.fate(), Some(fate));
        scene.heard(1, "BYE");
        scene.news(1, &invite, "terminated", "SIP/2.0 200 OK");
        scene.ends();
    }
}

#[test]
fn a_phone_that_never_says_more_is_let_go_after_three_minutes() {
    let (mut scene, invite) = Scene::referred(&[1]);
    scene.news(1, &invite, "active", "SIP/2.0 180 Ringing");
    scene.sleep(TRANSFER.as_secs() - 1);
    assert_eq!(scene.fate(), None);
    scene.sleep(1);
    assert_eq!(scene.fate(), Some(Fate::TransferFailed(None)));
    scene.heard(1, "BYE");
    scene.ends();
}

#[test]
fn a_phone_that_hangs_up_may_still_say_that_it_got_through() {
    let (mut scene, invite) = Scene::referred(&[1]);
    assert_eq!(scene.ask(1, &invite, Bye, (&[], "")), 200);
    scene.news(1, &invite, "terminated", "SIP/2.0 200 OK");
    assert_eq!((scene.fate(), scene.methods(1).len()), (Some(Fate::Connected(200)), 0));

    let (mut scene, invites) = Scene::calling(&[1]);
    scene.answer(1, &invites[0]);
    scene.ask(1, &invites[0], Bye, (&[], ""));
    scene.sleep(LAST_WORD.as_secs() - 1);
    assert_eq!(scene.fate(), None);
    scene.sleep(1);
    assert_eq!(scene.fate(), Some(Fate::HungUp));
    scene.ends();

    let (mut scene, invites) = Scene::calling(&[1]);
    scene.answer(1, &invites[0]);
    scene.sleep(1);
    scene.ask(1, &invites[0], Bye, (&[], ""));
    scene.news(1, &invites[0], "terminated", "");
    assert_eq!(scene.fate(), Some(Fate::HungUp));
    scene.ends();
}

#[test]
fn a_phone_that_hangs_up_after_it_took_the_number_is_followed_while_that_rings() {
    let (mut scene, invite) = Scene::referred(&[1]);
    assert_eq!(scene.ask(1, &invite, Bye, (&[], "")), 200);
    scene.sleep(LAST_WORD.as_secs() + 60);
    scene.news(1, &invite, "active", "SIP/2.0 180 Ringing");
    assert_eq!(scene.fate(), None);
    scene.news(1, &invite, "terminated;reason=noresource", "SIP/2.0 200 OK");
    assert_eq!((scene.fate(), scene.methods(1).len()), (Some(Fate::Connected(200)), 0));
    scene.ends();

    let (mut scene, invite) = Scene::referred(&[1]);
    scene.ask(1, &invite, Bye, (&[], ""));
    scene.sleep(TRANSFER.as_secs() - 1);
    assert_eq!(scene.fate(), None);
    scene.sleep(1);
    assert_eq!((scene.fate(), scene.methods(1).len()), (Some(Fate::TransferFailed(None)), 0));
    scene.ends();
}

#[test]
fn a_phone_that_says_how_it_goes_has_taken_the_number_whatever_became_of_its_202() {
    let (mut scene, invites) = Scene::calling(&[1]);
    scene.answer(1, &invites[0]);
    scene.ask(1, &invites[0], Bye, (&[], ""));
    scene.news(1, &invites[0], "active", "SIP/2.0 180 Ringing");
    scene.sleep(LAST_WORD.as_secs() + 60);
    scene.news(1, &invites[0], "terminated", "SIP/2.0 200 OK");
    assert_eq!(scene.fate(), Some(Fate::Connected(200)));
    scene.ends();
}

#[test]
fn a_request_that_comes_again_gets_the_same_answer() {
    let (mut scene, invite) = Scene::referred(&[1]);
    let bye = scene.phone_request(1, &invite, Bye, (&[], ""));
    assert_eq!(scene.send_request(1, &bye), scene.send_request(1, &bye));
}

#[test]
fn a_phone_in_a_dialog_is_answered_whatever_it_asks() {
    let (mut scene, invite) = Scene::referred(&[1]);
    for (method, offer) in [(Invite, ""), (Update, "v=0\r\nm=audio 5004 RTP/AVP 0\r\n")] {
        let request = scene.phone_request(1, &invite, method, (&[], offer));
        let answer = scene.send_request(1, &request);
        assert_eq!((answer.code, answer.headers.get("Content-Type")), (200, Some("application/sdp")));
        assert!(answer.body.ends_with(b"a=inactive\r\n"));
    }
    assert_eq!(scene.ask(1, &invite, Info, (&[], "")), 200);
    assert_eq!(scene.ask(1, &invite, Refer, (&[], "")), 405);
    assert_eq!(scene.ask(1, &invite, Notify, (&[("Event", "dialog")], "SIP/2.0 200 OK")), 489);
    assert_eq!(scene.ask(1, &invite, Notify, (&[("Event", "Refer;id=2")], "")), 200);
    assert_eq!(scene.fate(), None);
}

#[test]
fn an_update_without_a_session_is_answered_without_one() {
    let (mut scene, invite) = Scene::referred(&[1]);
    let request = scene.phone_request(1, &invite, Update, (&[], ""));
    let answer = scene.send_request(1, &request);
    assert_eq!((answer.code, answer.headers.get("Content-Type"), answer.body.len()), (200, None, 0));
}

#[test]
fn each_session_has_its_number_and_all_its_streams_are_answered() {
    let (mut scene, invite) = Scene::referred(&[1]);
    let offer = "v=0\r\nm=audio 5004 RTP/AVP 8\r\nm=video 5006 RTP/AVP 96\r\n";
    for version in [2, 3] {
        let request = scene.phone_request(1, &invite, Invite, (&[], offer));
        let body = scene.send_request(1, &request).body;
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(&format!("\r\no=- 1 {version} ")), "{body}");
        let streams = "m=audio 9 RTP/AVP 8\r\na=inactive\r\nm=video 0 RTP/AVP 96\r\n";
        assert!(body.ends_with(streams), "{body}");
    }
}

#[test]
fn an_extension_that_nobody_knows_is_named_in_a_dialog_too() {
    let (mut scene, invite) = Scene::referred(&[1]);
    for method in [Invite, Update, Notify] {
        let request = scene.phone_request(1, &invite, method, (&[("Require", "timer, x")], ""));
        let answer = scene.send_request(1, &request);
        assert_eq!((answer.code, answer.headers.get("Unsupported")), (420, Some("timer, x")), "{method}");
    }
}

#[test]
fn what_the_invite_allows_is_what_a_refusal_names() {
    let (mut scene, invite) = Scene::referred(&[1]);
    let inside = scene.phone_request(1, &invite, Refer, (&[], ""));
    let inside = scene.send_request(1, &inside);
    let options = scene.phone_request(1, &invite, Options, (&[], ""));
    let outside = scene.send_request(1, &options);
    let allowed = Some(field(&invite, "Allow"));
    assert_eq!((inside.code, inside.headers.get("Allow")), (405, allowed));
    assert_eq!((outside.code, outside.headers.get("Allow")), (200, allowed));
}

#[test]
fn a_phone_hears_goodbye_once() {
    let (mut scene, invite) = Scene::referred(&[1]);
    scene.reply_as(1, "another", &invite, 200);
    assert_eq!(scene.methods(1), ["ACK", "BYE"]);
    scene.news(1, &invite, "terminated", "SIP/2.0 200 OK");
    let bye = scene.heard(1, "BYE");
    assert!(field(&bye, "To").ends_with("tag=phone1"), "the other one is asked no more");
}

#[test]
fn a_dialog_nobody_knows_does_not_exist() {
    let (mut scene, invite) = Scene::referred(&[1]);
    for method in [Bye, Notify, Invite, Update] {
        assert_eq!(scene.ask(2, &invite, method, (&[], "")), 481, "{method}");
    }
    let mut other = scene.phone_request(1, &invite, Bye, (&[], ""));
    other.headers = crate::sip::header::Headers::default();
    for (name, value) in [("Via", "SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKq"), ("CSeq", "1 BYE")] {
        other.headers.push(name, value);
    }
    for (name, value) in [("From", "<sip:a@b>;tag=phone1"), ("To", "<sip:a@b>"), ("Call-ID", "c-quickcall")] {
        other.headers.push(name, value);
    }
    assert_eq!(scene.send_request(1, &other).code, 481);
    assert_eq!(scene.fate(), None);
}

/// What a phone may send in a call that began with this INVITE.
fn said(scene: &mut Scene, invite: &Request) -> Vec<Bytes> {
    let here = "192.0.2.1:5060".parse().unwrap();
    let answer = |code| invite.answer(code, "phone1", here).with("Contact", "<sip:u1@10.0.0.1;line=\"x\">");
    let challenge = ("WWW-Authenticate", "Digest realm=\"pbx\", nonce=\"n\", qop=\"auth\"");
    let proxies = ("Record-Route", "<sip:far;lr>, <sip:near>");
    let mut all = vec![answer(180), answer(200).with(proxies.0, proxies.1), answer(200), answer(486)];
    all.push(answer(401).with(challenge.0, challenge.1));
    let mut all: Vec<Bytes> = all.iter().map(crate::sip::message::Response::to_bytes).collect();
    let fields = [("Event", "refer"), ("Subscription-State", "active")];
    for method in [Notify, Bye, Invite] {
        all.push(scene.phone_request(1, invite, method, (&fields, "SIP/2.0 200 OK")).to_bytes());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_phone_sends_its_call_ends_and_is_told_once(
        order in prop::collection::vec((0..8_usize, 0..900_usize, any::<u8>(), 0..3_usize), 1..8),
    ) {
        let (mut scene, invites) = Scene::calling(&[1]);
        let all = said(&mut scene, &invites[0]);
        for (which, at, byte, changes) in order {
            let mut datagram = all[which].to_vec();
            let at = at % datagram.len();
            datagram.splice(at..(at + changes).min(all[which].len()), (0..changes).map(|_| byte));
            scene.receive(1, &datagram);
        }
        scene.sleep(600);
        prop_assert_eq!((scene.endpoint.calls(), scene.fates.len()), (0, 1));
    }
}
