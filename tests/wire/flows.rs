//! What becomes of registrations whose connection ends.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{Daemon, Shop, header};
use crate::phone::{LINE, Phone};
use crate::{eventually, outcome, shop, tell};

/// A phone that keeps a flow of its own open (RFC 5626), and says that it listens elsewhere.
fn with_flow(daemon: &Daemon, number: u8, listens: &TcpListener) -> Phone {
    let mut phone = Phone::tcp(daemon.sip());
    phone.contact = format!("sip:{LINE}@{};transport=tcp;ob", listens.local_addr().unwrap());
    phone.params = format!(";+sip.instance=\"<urn:uuid:1>\";reg-id={number}");
    phone.register();
    phone
}

fn count(shop: &Shop) -> Value {
    shop.administrator.get(&shop.path("/registrations/count"))["count"].clone()
}

fn wait_for_count(shop: &Shop, expected: u64) {
    eventually("so many registrations", || (count(shop) == expected).then_some(()));
}

/// Nobody connects there.
fn is_left_alone(listener: &TcpListener) -> bool {
    std::thread::sleep(Duration::from_millis(300));
    listener.set_nonblocking(true).unwrap();
    listener.accept().is_err()
}

/// The phone that takes the connection which is opened to it.
fn called_back(listener: &TcpListener) -> Phone {
    listener.set_nonblocking(true).unwrap();
    let (stream, _) = eventually("a connection", || listener.accept().ok());
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    Phone::on(Box::new(stream), "TCP", listener.local_addr().unwrap())
}

#[test]
fn a_registration_ends_with_the_flow_that_it_was_made_by() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let phone = with_flow(&daemon, 1, &listens);
    wait_for_count(&shop, 1);
    drop(phone);
    wait_for_count(&shop, 0);
    assert_eq!(shop.administrator.get(&shop.path("/devices/status")), json!([]));
    let entry: Value = eventually("an entry", || {
        let history = shop.administrator.get(&format!("{device}/history"));
        history.as_array().unwrap().first().cloned()
    });
    assert_eq!((&entry["what"], &entry["reason"]), (&json!("unregistered"), &json!("disconnected")));
    tell(&shop, &device);
    assert!(is_left_alone(&listens), "nobody looks for it anywhere else");
    let mut back = with_flow(&daemon, 1, &listens);
    wait_for_count(&shop, 1);
    tell(&shop, &device);
    assert_eq!(header(&back.notified(), "Event"), "x-lamp");
}

#[test]
fn a_phone_of_two_flows_is_told_by_the_one_that_is_left() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    let listens = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let first = with_flow(&daemon, 1, &listens[0]);
    let mut second = with_flow(&daemon, 2, &listens[1]);
    wait_for_count(&shop, 2);
    drop(first);
    wait_for_count(&shop, 1);
    tell(&shop, &device);
    assert_eq!(header(&second.notified(), "Event"), "x-lamp");
}

#[test]
fn a_phone_that_has_come_back_on_a_new_connection_stays_when_the_old_one_ends() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let before = with_flow(&daemon, 1, &listens);
    let mut after = with_flow(&daemon, 1, &listens);
    drop(before);
    tell(&shop, &device);
    assert_eq!(header(&after.notified(), "Event"), "x-lamp");
    wait_for_count(&shop, 1);
}

#[test]
fn a_flow_does_not_outlive_the_daemon_and_a_contact_does() {
    let mut daemon = Daemon::start();
    let (shop, _) = shop(&daemon);
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let _with_flow = with_flow(&daemon, 1, &listens);
    let mut without = Phone::tcp(daemon.sip());
    without.register();
    wait_for_count(&shop, 2);
    daemon.restart();
    let shop = Shop { administrator: daemon.administrator(), account: shop.account };
    wait_for_count(&shop, 1);
    let rows = shop.administrator.get(&shop.path("/registrations"));
    let contacts: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["contact"]).collect();
    assert_eq!(contacts, [&json!(without.contact)]);
}

#[test]
fn a_phone_without_a_flow_stays_registered_and_is_rung_where_it_listens() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut phone = Phone::tcp(daemon.sip());
    phone.contact = format!("sip:{LINE}@{};transport=tcp", listens.local_addr().unwrap());
    phone.register();
    drop(phone);
    shop.administrator.get(&format!("{device}/quickcall/+43123"));
    let mut back = called_back(&listens);
    let invite = back.receive().expect("an INVITE");
    assert!(invite.starts_with(&format!("INVITE sip:{LINE}@{};transport=tcp SIP/2.0\r\n", back.local)));
    wait_for_count(&shop, 1);
    back.send(&crate::house::answer_to(&invite, 486));
    assert_eq!(outcome(&shop, &device), "the phone is busy (486)");
}

#[test]
fn a_phone_that_could_not_be_reached_is_told_when_it_comes_by_a_new_connection() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    daemon.phone("805ec0123456", LINE).boot();
    shop.wait_for(&device, "its fetches are noted", |p| p["in_step"] == json!(true));
    let mut phone = Phone::tcp(daemon.sip());
    phone.register();
    let contact = phone.contact.clone();
    drop(phone);
    shop.administrator.patch(&device, &json!({"name": "Nobody was there"}));
    shop.wait_for(&device, "nobody is there", |p| p["last_notify"]["class"] == json!("unreachable"));
    let mut back = Phone::tcp(daemon.sip());
    back.contact = contact;
    back.register();
    assert_eq!(header(&back.notified(), "Event"), "check-sync;reboot=false");
}
