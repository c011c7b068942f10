//! Journeys of a call from outside: what phones hear, and what is told.

use super::calls::MAX_CALLS;
use super::handset::{Scene, at, call, way};
use super::invite::{TIMER_B, TIMER_D};
use super::*;
use crate::sip::command::CallId;
use crate::sip::message::Request;

fn field<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap_or_default()
}

#[test]
fn a_phone_is_rung_answered_and_connected() {
    let (mut scene, invites) = Scene::calling(&[1]);
    let invite = &invites[0];
    assert_eq!(invite.uri, "sip:u1@10.0.0.1:5062;line=\"x\"");
    assert_eq!((field(invite, "To"), field(invite, "Call-ID")), ("<sip:u1@pbx>", "c-quickcall"));
    assert!(field(invite, "From").starts_with("\"Device QuickCall\" <sip:+431@pbx>;tag="));
    assert_eq!(field(invite, "Contact"), "<sip:192.0.2.1:5060>");
    assert!(invite.body.ends_with(b"a=inactive\r\n") && field(invite, "Answer-Mode").is_empty());

    scene.answer(1, invite);
    let all = scene.all(1);
    let [ack, refer] = &all[..] else { panic!("{all:?}") };
    assert_eq!((field(ack, "CSeq"), field(refer, "CSeq")), ("1 ACK", "2 REFER"));
    assert_eq!((field(refer, "Refer-To"), field(refer, "Referred-By")), ("<sip:+431@pbx>", "<sip:u1@pbx>"));
    scene.reply(1, refer, 202);
    scene.news(1, invite, "active;expires=60", "SIP/2.0 100 Trying");
    scene.news(1, invite, "active;expires=50", "SIP/2.0 180 Ringing");
    assert_eq!((scene.fate(), scene.methods(1).len()), (None, 0));

    scene.news(1, invite, "terminated;reason=noresource", "SIP/2.0 200 OK");
    assert_eq!(scene.fate(), Some(Fate::Connected(200)));
    let bye = scene.heard(1, "BYE");
    assert_eq!((field(&bye, "CSeq"), field(&bye, "To")), ("3 BYE", "<sip:u1@pbx>;tag=phone1"));
    scene.reply(1, &bye, 200);
    scene.ends();
}

#[test]
fn a_phone_can_be_asked_to_answer_by_itself() {
    let mut scene = Scene::new();
    scene.call(Call { auto_answer: true, ..call(vec![way(1)]) });
    let invite = scene.heard(1, "INVITE");
    assert_eq!(field(&invite, "Call-Info"), "<sip:pbx>;answer-after=0");
    assert_eq!(field(&invite, "Alert-Info"), "<http://pbx>;info=alert-autoanswer");
    assert_eq!(field(&invite, "Answer-Mode"), "Auto");
}

#[test]
fn what_the_phone_says_is_the_fate() {
    for (code, fate) in
        [(486, Fate::Busy(486)), (603, Fate::Refused(603)), (480, Fate::Unreachable(Some(480)))]
    {
        let (mut scene, invites) = Scene::calling(&[1]);
        scene.reply(1, &invites[0], 180);
        scene.reply(1, &invites[0], code);
        assert_eq!(scene.fate(), Some(fate));
        scene.heard(1, "ACK");
        scene.reply(1, &invites[0], code);
        scene.heard(1, "ACK");
        scene.sleep(TIMER_D.as_secs());
        scene.reply(1, &invites[0], code);
        assert_eq!(scene.methods(1).len(), 0);
        scene.ends();
    }
}

#[test]
fn a_phone_that_does_not_react_is_called_until_timer_b_and_is_unreachable() {
    let mut scene = Scene::new();
    scene.call(Call { patience: Duration::from_mins(1), ..call(vec![way(1)]) });
    scene.sleep(TIMER_B.as_secs() - 1);
    assert_eq!((scene.methods(1).len(), scene.fate()), (6, None));
    scene.sleep(1);
    assert_eq!((scene.methods(1).len(), scene.fate()), (1, Some(Fate::Unreachable(None))));
    scene.ends();
}

#[test]
fn a_phone_whose_connection_is_gone_is_rung_at_the_next_place() {
    let mut scene = Scene::new();
    let [tcp, next, last] = ["tcp:10.0.0.1:5062", "10.0.0.2:5062", "10.0.0.3:5062"];
    let next = vec![next.parse().unwrap(), last.parse().unwrap()];
    scene.call(call(vec![Way { to: tcp.parse().unwrap(), next, ..way(1) }]));
    let first = scene.heard(1, "INVITE");
    assert!(field(&first, "Via").starts_with("SIP/2.0/TCP 192.0.2.1:5060;"));
    assert_eq!(field(&first, "Contact"), "<sip:192.0.2.1:5060;transport=tcp>");
    scene.undeliverable(&first);
    scene.undeliverable(&first);
    let second = scene.heard(2, "INVITE");
    assert_eq!((field(&second, "CSeq"), second.uri == first.uri), ("2 INVITE", true));
    scene.reply(2, &second, 503);
    scene.heard(2, "ACK");
    let third = scene.heard(3, "INVITE");
    scene.answer(3, &third);
    assert_eq!(scene.methods(3), ["ACK", "REFER"]);
    scene.news(3, &third, "active", "SIP/2.0 200 OK");
    assert_eq!(scene.fate(), Some(Fate::Connected(200)));
    scene.ends();
}

#[test]
fn a_phone_that_is_nowhere_is_unreachable_at_once_and_one_that_is_lost_is_let_go() {
    let (mut scene, invites) = Scene::calling(&[1]);
    scene.undeliverable(&invites[0]);
    assert_eq!(scene.fate(), Some(Fate::Unreachable(None)));
    scene.ends();

    let (mut scene, invites) = Scene::calling(&[1]);
    scene.reply(1, &invites[0], 180);
    scene.undeliverable(&invites[0]);
    assert_eq!(scene.fate(), None, "who rings may answer otherwise");
    scene.answer(1, &invites[0]);
    let refer = scene.all(1).remove(1);
    scene.undeliverable(&refer);
    assert_eq!(scene.fate(), Some(Fate::TransferFailed(None)));
    let bye = scene.heard(1, "BYE");
    scene.undeliverable(&bye);
    scene.ends();
}

#[test]
fn a_phone_that_nobody_takes_is_cancelled_to_the_second() {
    let (mut scene, invites) = Scene::calling(&[1]);
    scene.reply(1, &invites[0], 180);
    scene.sleep(29);
    assert_eq!((scene.methods(1).len(), scene.fate()), (0, None));
    scene.sleep(1);
    assert_eq!(scene.fate(), Some(Fate::NoAnswer));
    let cancel = scene.heard(1, "CANCEL");
    assert_eq!(field(&cancel, "Via"), field(&invites[0], "Via"));
    assert_eq!(field(&cancel, "Reason"), "", "a call that was missed");
    scene.reply(1, &cancel, 200);
    scene.reply(1, &invites[0], 487);
    scene.heard(1, "ACK");
    scene.ends();
}

#[test]
fn a_phone_that_has_not_reacted_is_cancelled_only_when_it_does() {
    let mut scene = Scene::new();
    scene.call(Call { patience: Duration::from_secs(3), ..call(vec![way(1)]) });
    scene.sleep(3);
    let invites = scene.all(1);
    assert_eq!((invites.len(), scene.fate()), (3, Some(Fate::Unreachable(None))));
    scene.reply(1, &invites[0], 180);
    scene.heard(1, "CANCEL");
    scene.reply(1, &invites[0], 183);
    scene.sleep(1);
    scene.heard(1, "CANCEL");
    scene.ends();
}

#[test]
fn a_phone_that_reacts_after_another_was_answered_hears_that_it_was() {
    let (mut scene, invites) = Scene::calling(&[1, 2]);
    scene.answer(2, &invites[1]);
    assert_eq!(scene.methods(1).len(), 0);
    scene.give_up();
    scene.reply(1, &invites[0], 180);
    assert!(field(&scene.heard(1, "CANCEL"), "Reason").contains("cause=200"));
    scene.ends();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_ended_at_once() {
    let (mut scene, invites) = Scene::calling(&[1]);
    scene.reply(1, &invites[0], 180);
    scene.sleep(30);
    let cancel = scene.heard(1, "CANCEL");
    scene.reply(1, &invites[0], 200);
    let all = scene.all(1);
    let [ack, bye] = &all[..] else { panic!("{all:?}") };
    assert_eq!([ack.method.as_str(), bye.method.as_str()], ["ACK", "BYE"]);
    scene.reply(1, &cancel, 481);
    scene.reply(1, bye, 200);
    assert_eq!(scene.fate(), Some(Fate::NoAnswer));
    scene.ends();
}

#[test]
fn an_answer_that_comes_again_is_acknowledged_again() {
    let (mut scene, invite) = Scene::referred(&[1]);
    scene.reply(1, &invite, 200);
    let ack = scene.heard(1, "ACK");
    scene.reply(1, &invite, 200);
    assert_eq!(scene.heard(1, "ACK"), ack);
}

#[test]
fn the_first_of_several_phones_has_the_call() {
    let (mut scene, invites) = Scene::calling(&[1, 2, 3]);
    assert_eq!(field(&invites[0], "From"), field(&invites[2], "From"));
    scene.reply(1, &invites[0], 180);
    scene.reply(3, &invites[2], 180);
    scene.answer(2, &invites[1]);
    assert_eq!(scene.methods(2), ["ACK", "REFER"]);
    let cancel = scene.heard(1, "CANCEL");
    assert_eq!(field(&cancel, "Reason"), "SIP;cause=200;text=\"Call completed elsewhere\"");
    scene.reply(1, &cancel, 200);
    scene.reply(1, &invites[0], 487);
    scene.heard(3, "CANCEL");
    scene.reply(3, &invites[2], 200);
    assert_eq!(scene.methods(3), ["ACK", "BYE"]);
    scene.news(2, &invites[1], "active", "SIP/2.0 200 OK");
    assert_eq!(scene.fate(), Some(Fate::Connected(200)));
    scene.ends();
}

#[test]
fn one_phone_that_declines_speaks_for_all_and_one_that_is_busy_does_not() {
    let (mut scene, invites) = Scene::calling(&[1, 2]);
    scene.reply(2, &invites[1], 180);
    scene.reply(1, &invites[0], 486);
    assert_eq!(scene.fate(), None);
    scene.reply(2, &invites[1], 480);
    assert_eq!(scene.fate(), Some(Fate::Busy(486)));

    let (mut scene, invites) = Scene::calling(&[1, 2]);
    scene.reply(2, &invites[1], 180);
    scene.reply(1, &invites[0], 603);
    assert_eq!((scene.fate(), scene.methods(2)), (Some(Fate::Refused(603)), vec!["CANCEL".to_owned()]));
    scene.ends();
}

#[test]
fn two_phones_behind_one_proxy_may_both_answer() {
    let (mut scene, invite) = Scene::referred(&[1]);
    scene.reply_as(1, "another", &invite, 200);
    let all = scene.all(1);
    let [ack, bye] = &all[..] else { panic!("{all:?}") };
    assert_eq!([ack.method.as_str(), bye.method.as_str()], ["ACK", "BYE"]);
    assert!(field(bye, "To").ends_with("tag=another"));
    assert_eq!(scene.fate(), None);
}

#[test]
fn a_challenge_is_answered_once_and_acknowledged() {
    for code in [401, 407] {
        let (mut scene, invites) = Scene::calling(&[1]);
        scene.challenge(1, &invites[0], code, "n1");
        let all = scene.all(1);
        let [ack, second] = &all[..] else { panic!("{all:?}") };
        assert_eq!((field(ack, "CSeq"), field(second, "CSeq")), ("1 ACK", "2 INVITE"));
        let name = if code == 407 { "Proxy-Authorization" } else { "Authorization" };
        assert!(
            field(second, name).contains("username=\"u1\"") && field(second, name).contains("nonce=\"n1\"")
        );
        scene.challenge(1, &invites[0], code, "n1");
        scene.heard(1, "ACK");
        scene.challenge(1, second, code, "n2");
        assert_eq!(scene.fate(), Some(Fate::Refused(code)));
        scene.heard(1, "ACK");
        scene.ends();
    }
}

#[test]
fn a_line_that_is_nowhere_is_not_registered() {
    let mut scene = Scene::new();
    let id = scene.call(call(Vec::new()));
    assert_eq!(scene.fates, [(id, Fate::NotRegistered)]);
    scene.ends();
}

#[test]
fn calls_are_given_up_when_we_stop() {
    let (mut scene, invites) = Scene::calling(&[1, 2]);
    scene.reply(1, &invites[0], 180);
    scene.give_up();
    assert_eq!(scene.fate(), Some(Fate::Cancelled));
    scene.heard(1, "CANCEL");
    let (mut scene, _) = Scene::referred(&[1]);
    scene.give_up();
    scene.heard(1, "BYE");
    scene.give_up();
    assert_eq!((scene.fate(), scene.methods(1).len()), (Some(Fate::Cancelled), 0));
    scene.ends();
}

#[test]
fn calls_are_bounded_and_none_is_made_twice() {
    let mut scene = Scene::new();
    let one = |n: usize| Call { call_id: n.to_string(), ..call(vec![way(1)]) };
    let first = scene.call(one(0));
    let again = scene.call(one(0));
    assert_eq!(scene.fates, [(again, Fate::Overloaded)]);
    let ids: Vec<CallId> = (1..=MAX_CALLS).map(|n| scene.call(one(n))).collect();
    assert_eq!(scene.fates[1..], [(ids[MAX_CALLS - 1], Fate::Overloaded)]);
    assert!(first < again && scene.endpoint.calls() == MAX_CALLS);
    assert_eq!(scene.all(1).len(), MAX_CALLS);
}

#[test]
fn a_device_may_be_called_again_at_once_and_its_account_has_the_place_back_after_the_goodbyes() {
    let places = super::places::Places::default();
    let others: Vec<_> = (1..super::places::SHARE).map(|n| places.take("a", &n.to_string())).collect();
    let place = places.take("a", "d").ok();
    let mut scene = Scene::new();
    let caller = Caller { place, ..call(Vec::new()).caller };
    scene.call(Call { caller, ..call(vec![way(1)]) });
    assert_eq!(places.take("b", "d"), Err(super::places::Occupied::Device));
    let invite = scene.heard(1, "INVITE");
    scene.reply(1, &invite, 486);
    assert_eq!(scene.fate(), Some(Fate::Busy(486)));
    assert!(places.take("b", "d").is_ok());
    assert_eq!(places.take("a", "d"), Err(super::places::Occupied::Account));
    scene.ends();
    assert!(places.take("a", "d").is_ok());
    drop(others);
}

#[test]
fn a_proxy_takes_the_call_by_the_lines_own_uri() {
    let mut scene = Scene::new();
    let aor = Aor::new("u1", "pbx");
    scene.call(call(vec![Way::through(at(1).into(), &aor, None)]));
    let invite = scene.heard(1, "INVITE");
    assert_eq!(invite.uri, "sip:u1@pbx");
    scene.challenge(1, &invite, 407, "n");
    assert_eq!(scene.fate(), Some(Fate::Refused(407)));
}
