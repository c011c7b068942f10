//! Campaigns from outside: real phones over UDP, and an administrator who holds them back.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "phones and people live in real time")]

mod house;
#[path = "journeys_campaign/hours.rs"]
mod hours;

use std::time::Duration;

use house::{Administrator, Daemon, Phone, Shop, id};
use serde_json::{Value, json};

fn mac(number: usize) -> String {
    format!("805ec01234{number:02x}")
}

/// A shop with so many registered phones that hold their files; gives their paths too.
fn phones(daemon: &Daemon, many: usize) -> (Shop, Vec<(String, Phone)>) {
    let shop = daemon.shop();
    let phones = (0..many).map(|number| {
        let device = shop.device(&mac(number), "yealink/t46s", &format!("line{number}"));
        let mut phone = daemon.phone(&mac(number), &format!("line{number}"));
        phone.register();
        phone.boot();
        shop.wait_for(&device, "the phone's fetches are noted", in_step);
        (device, phone)
    });
    let phones = phones.collect();
    (shop, phones)
}

fn in_step(provisioning: &Value) -> bool {
    provisioning["in_step"] == true && provisioning["pending"].is_null()
}

/// The newest campaign, once it is as wanted.
fn campaign(administrator: &Administrator, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..200 {
        last = administrator.get("/resync")[0].clone();
        if !last.is_null() && wanted(&last) {
            return last;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{what}: {last:#}");
}

fn control(administrator: &Administrator, campaign: &Value, action: &str) -> (u16, Value) {
    administrator.call("POST", &format!("/resync/{}", id(campaign)), &json!({"action": action}))
}

#[test]
fn a_change_of_an_account_is_a_campaign_that_ends_when_all_phones_are_back() {
    let daemon = Daemon::start();
    let (shop, phones) = phones(&daemon, 5);
    shop.administrator.patch(&shop.path(""), &json!({"timezone": "America/New_York"}));
    for (_, phone) in &phones {
        assert!(phone.notified().is_some());
    }
    let told = campaign(&shop.administrator, "all are told", |campaign| {
        campaign["phones"]["told"] == 5 && campaign["phones"]["expected"] == 5
    });
    assert_eq!((&told["state"], &told["cause"]["what"]), (&json!("running"), &json!("account")));
    assert_eq!((&told["account_id"], &told["phones"]["concerned"]), (&json!(shop.account), &json!(5)));
    for (_, phone) in &phones[..4] {
        phone.boot();
    }
    campaign(&shop.administrator, "four are back", |campaign| campaign["phones"]["came_back"] == 4);
    phones[4].1.boot();
    let done = campaign(&shop.administrator, "all are back", |campaign| campaign["state"] == "done");
    assert_eq!((&done["phones"]["came_back"], &done["phones"]["waiting"]), (&json!(5), &json!(0)));
    let provisioning = shop.provisioning(&phones[0].0);
    let last = &provisioning["last_notify"];
    assert_eq!(
        (&last["class"], &last["code"], &last["ask"]),
        (&json!("answered"), &json!(200), &json!("reread"))
    );
    assert!(last["came_back"].is_u64(), "{last}");
    assert_eq!(control(&shop.administrator, &done, "pause").0, 400, "it is over");
}

#[test]
fn a_paused_campaign_tells_nobody_over_a_restart_until_it_is_resumed() {
    let mut daemon = Daemon::start();
    let (mut shop, mut phones) = phones(&daemon, 2);
    for (_, phone) in &mut phones {
        phone.unregister();
    }
    shop.administrator.patch(&shop.path(""), &json!({"timezone": "America/New_York"}));
    let running =
        campaign(&shop.administrator, "nobody is there", |campaign| campaign["phones"]["unreachable"] == 2);
    assert_eq!(running["state"], "done", "whoever registers is told, and that may be never");
    // A second change finds the phones again; it is held back before they register.
    shop.administrator.call("POST", &shop.path("/devices/sync?reboot=false"), &json!({}));
    let sync = campaign(&shop.administrator, "nobody is there", |campaign| {
        campaign["cause"]["what"] == "sync" && campaign["phones"]["unreachable"] == 2
    });
    assert_eq!(sync["cause"]["ask"], "reread");
    daemon.restart();
    shop.administrator = daemon.administrator();
    for (number, (_, phone)) in phones.iter_mut().enumerate() {
        *phone = daemon.phone(&mac(number), &format!("line{number}"));
        phone.register();
        assert!(phone.notified().is_some(), "who was nowhere is told when he registers");
    }
    let told = campaign(&shop.administrator, "both are told", |campaign| campaign["phones"]["expected"] == 2);
    assert_eq!(told["id"], sync["id"], "a restart forgets no campaign");
    let (status, answer) = control(&shop.administrator, &told, "pause");
    assert_eq!((status, &answer["data"]["state"]), (200, &json!("paused")), "{answer}");
    daemon.restart();
    shop.administrator = daemon.administrator();
    let paused = campaign(&shop.administrator, "still paused", |campaign| campaign["state"] == "paused");
    let (_, answer) = control(&shop.administrator, &paused, "resume");
    assert_eq!(answer["data"]["state"], "running", "{answer}");
    let (_, answer) = control(&shop.administrator, &paused, "cancel");
    assert_eq!(
        (&answer["data"]["state"], &answer["data"]["phones"]["left"]),
        (&json!("cancelled"), &json!(2))
    );
    for (device, phone) in &phones {
        let pending = &shop.provisioning(device)["pending"];
        assert!(!pending.is_null(), "it holds something old, whoever asked for it or not");
        phone.left_in_peace();
    }
    let trail = shop.administrator.get(&format!("/accounts/{}/audit?filter_type=campaign", master(&daemon)));
    let deeds: Vec<&Value> = trail.as_array().unwrap().iter().map(|deed| &deed["what"]).collect();
    assert_eq!(deeds, ["campaign cancelled", "campaign resumed", "campaign paused"]);
}

fn master(daemon: &Daemon) -> String {
    let administrator = daemon.administrator();
    administrator.get("/token_auth")["account_id"].as_str().unwrap().to_owned()
}

#[test]
fn an_administrator_sees_the_campaigns_of_his_own_phones_and_decides_about_those_of_his_own() {
    let daemon = Daemon::start();
    let (shop, _phones) = phones(&daemon, 1);
    let other = shop.administrator.create("/accounts", &json!({"name": "Other", "realm": "other.example"}));
    let of_shop = daemon.administrator_of(&shop.administrator, &shop.account);
    let of_other = daemon.administrator_of(&shop.administrator, &id(&other));
    shop.administrator.call("POST", &shop.path("/devices/sync"), &json!({}));
    let seen = campaign(&shop.administrator, "it begins", |campaign| campaign["cause"]["what"] == "sync");
    assert_eq!(of_other.get("/resync"), json!([]));
    assert_eq!(control(&of_other, &seen, "cancel").0, 404, "what he does not see is not there");
    assert_eq!(of_shop.get("/resync")[0]["id"], seen["id"]);
    let (status, answer) = of_shop.call("POST", "/resync", &json!({"action": "pause"}));
    assert_eq!((status, &answer["data"][0]["id"]), (200, &seen["id"]), "{answer}");
    let (status, answer) = control(&of_shop, &seen, "stop");
    assert_eq!(
        (status, &answer["data"]["action"]["enum"]["target"]),
        (400, &json!(["pause", "resume", "cancel"]))
    );
    assert_eq!(control(&of_shop, &seen, "cancel").0, 200);
}

#[test]
fn what_came_of_a_notify_is_said_by_its_class() {
    let daemon = Daemon::start();
    let (shop, phones) = phones(&daemon, 1);
    let (device, phone) = &phones[0];
    for (code, class) in [(481, "not_supported"), (489, "not_supported"), (403, "refused"), (500, "busy")] {
        shop.administrator.call("PUT", device, &json!({"action": "notify", "data": {"event": "check-sync"}}));
        phone.notified_answering(code).unwrap();
        let mut entry = Value::Null;
        for _ in 0..100 {
            entry = shop.administrator.get(&format!("{device}/history"))[0].clone();
            if entry["code"] == code {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!((&entry["class"], &entry["code"]), (&json!(class), &json!(code)));
    }
}

#[test]
fn rows_that_change_phones_are_one_campaign() {
    let daemon = Daemon::start();
    let (shop, phones) = phones(&daemon, 3);
    let rows: Vec<Value> = phones
        .iter()
        .map(|(device, _)| {
            let mut row = shop.administrator.get(device);
            row["name"] = json!("Moved");
            row
        })
        .collect();
    let (status, answer) =
        shop.administrator.call("POST", &shop.path("/devices/import?mode=upsert"), &json!(rows));
    assert_eq!(status, 200, "{answer}");
    for (_, phone) in &phones {
        assert!(phone.notified().is_some());
        phone.boot();
    }
    let done = campaign(&shop.administrator, "all are back", |campaign| campaign["phones"]["came_back"] == 3);
    assert_eq!((&done["cause"]["what"], &done["cause"]["job"]), (&json!("import"), &answer["data"]["job"]));
}

#[test]
fn a_template_that_changes_is_one_campaign_for_all_its_phones() {
    let pack = tempfile::tempdir().unwrap();
    let folder = pack.path().join("templates/yealink/t4x");
    let write = |text: &str| {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(".phone.cfg.new"), text).unwrap();
        std::fs::rename(folder.join(".phone.cfg.new"), folder.join("phone.cfg")).unwrap();
    };
    write("#!version:1.0.0.1\n");
    let daemon = Daemon::with_packs(vec![pack.path().to_owned()]);
    let (shop, phones) = phones(&daemon, 3);
    write("#!version:1.0.0.1\naccount.1.auto_answer = 0\n");
    for (_, phone) in &phones {
        assert!(phone.notified().is_some());
        phone.boot();
    }
    let done = campaign(&shop.administrator, "all are back", |campaign| campaign["state"] == "done");
    assert_eq!((&done["phones"]["concerned"], &done["phones"]["came_back"]), (&json!(3), &json!(3)));
    assert_eq!((&done["cause"]["what"], &done["cause"]["brand"]), (&json!("templates"), &json!("yealink")));
    assert!(done["cause"]["models"].as_array().unwrap().contains(&json!("t46s")), "{done}");
    let of_shop = daemon.administrator_of(&shop.administrator, &shop.account);
    let seen = of_shop.get("/resync")[0].clone();
    assert_eq!((&seen["phones"]["concerned"], &seen["may_control"]), (&json!(3), &json!(false)));
    assert_eq!(control(&of_shop, &seen, "cancel").0, 403, "the site's templates are not his to decide about");
}

#[test]
fn a_proxy_that_asks_for_a_pause_is_given_it_and_the_phone_is_told_afterwards() {
    let proxy = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    proxy.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let daemon = Daemon::behind(proxy.local_addr().unwrap());
    let shop = daemon.shop();
    let device = shop.device(&mac(0), "yealink/t46s", "front");
    daemon.phone(&mac(0), "front").boot();
    shop.wait_for(&device, "the phone's fetches are noted", in_step);
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    let answer = |status: &str| {
        let mut datagram = [0; 4096];
        let (length, from) = proxy.recv_from(&mut datagram).unwrap();
        let notify = String::from_utf8(datagram[..length].to_vec()).unwrap();
        let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let fields = notify.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
        let head: Vec<&str> = [status].into_iter().chain(fields).collect();
        let text = format!("{}\r\nContent-Length: 0\r\n\r\n", head.join("\r\n"));
        proxy.send_to(text.as_bytes(), from).unwrap();
        std::time::Instant::now()
    };
    let refused = answer("SIP/2.0 503 Too Busy\r\nRetry-After: 1");
    shop.wait_for(&device, "the refusal is noted", |p| p["last_notify"]["class"] == "busy");
    assert_eq!(shop.provisioning(&device)["pending"]["attempts"], 0, "that was no attempt");
    let told = answer("SIP/2.0 200 OK");
    assert!(told - refused >= Duration::from_secs(1), "it asked for a second");
    shop.wait_for(&device, "the answer is noted", |p| p["last_notify"]["class"] == "answered");
}

#[test]
fn a_person_has_no_say_in_campaigns() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let user = json!({"first_name": "Ann", "last_name": "Lee", "username": "ann", "password": "long enough"});
    shop.administrator.create(&shop.path("/users"), &user);
    let ann = daemon.user(&shop.account, "ann", "long enough");
    assert_eq!(ann.call("GET", "/resync", &json!({})).0, 403);
    assert_eq!(ann.call("POST", "/resync", &json!({"action": "cancel"})).0, 403);
    assert_eq!(ann.call("POST", &shop.path("/devices/sync"), &json!({})).0, 403);
}

#[test]
fn who_was_asked_for_and_is_not_there_is_asked_again_when_he_refreshes() {
    let daemon = Daemon::start();
    let (shop, mut phones) = phones(&daemon, 1);
    let (device, phone) = &mut phones[0];
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    phone.notified_answering(480).unwrap();
    shop.wait_for(device, "that nobody is there is noted", |p| p["last_notify"]["class"] == "unreachable");
    let pending = shop.provisioning(device)["pending"].clone();
    assert_eq!((&pending["stage"], &pending["asked"]), (&json!("unanswered"), &json!("reboot")));
    phone.register();
    let notify = phone.notified().expect("it is there again");
    assert_eq!(house::header(&notify, "Event"), "check-sync;reboot=true");
    shop.wait_for(device, "it was sent", |p| p["pending"].is_null());
    phone.register();
    phone.left_in_peace();
}

#[test]
fn a_change_is_told_to_a_phone_that_was_not_there_when_it_refreshes_and_to_no_other() {
    let daemon = Daemon::start();
    let (shop, mut phones) = phones(&daemon, 1);
    let (device, phone) = &mut phones[0];
    shop.administrator.patch(device, &json!({"name": "Reception"}));
    for attempt in 1..=2 {
        phone.notified_answering(480).expect("there is something new");
        let missed = |p: &Value| p["pending"]["attempts"] == attempt && p["pending"]["stage"] == "unanswered";
        shop.wait_for(device, "that nobody is there is noted", missed);
        phone.left_in_peace();
        phone.register();
    }
    assert!(phone.notified().is_some(), "it is there again");
    shop.wait_for(device, "it must come", |p| p["pending"]["stage"] == "answered");
    for _ in 0..2 {
        phone.register();
        phone.left_in_peace();
    }
}

#[test]
fn only_a_fetch_after_a_notify_says_that_the_phone_has_come_back() {
    let daemon = Daemon::start();
    let (shop, phones) = phones(&daemon, 1);
    let (device, phone) = &phones[0];
    for _ in 0..3 {
        phone.boot();
        shop.administrator.call("POST", &format!("{device}/sync?reboot=false"), &json!({}));
        assert!(phone.notified().is_some());
        let waits =
            |p: &Value| p["last_notify"]["outcome"].is_string() && p["last_notify"]["came_back"].is_null();
        shop.wait_for(device, "the answer is noted, and that it has not come", waits);
        phone.boot();
        shop.wait_for(device, "it has come", |p| p["last_notify"]["came_back"].is_u64());
    }
}

#[test]
fn a_phone_that_an_import_changes_no_byte_of_is_not_expected_in_its_campaign() {
    let daemon = Daemon::start();
    let (shop, phones) = phones(&daemon, 2);
    let mut rows: Vec<Value> = phones.iter().map(|(device, _)| shop.administrator.get(device)).collect();
    rows[0]["notes"] = json!("paid");
    rows[1]["name"] = json!("Moved");
    let path = shop.path("/devices/import?mode=upsert");
    let (status, answer) = shop.administrator.call("POST", &path, &json!(rows));
    assert_eq!((status, &answer["data"]["updated"]), (200, &json!(2)), "{answer}");
    assert!(phones[1].1.notified().is_some());
    phones[0].1.left_in_peace();
    shop.administrator.patch(&phones[0].0, &json!({"name": "Alone"}));
    assert!(phones[0].1.notified().is_some());
    let campaign_of = |number: usize| shop.provisioning(&phones[number].0)["pending"]["campaign"].clone();
    assert_eq!(campaign_of(0), Value::Null, "it was changed by itself");
    let of_import = campaign(&shop.administrator, "the import's", |campaign| campaign["phones"]["told"] == 1);
    assert_eq!((campaign_of(1), &of_import["phones"]["concerned"]), (of_import["id"].clone(), &json!(1)));
}

#[test]
fn a_phone_that_was_off_leaves_the_waiting_list_when_it_has_fetched_all() {
    let daemon = Daemon::start();
    let (shop, mut phones) = phones(&daemon, 1);
    let (device, phone) = &mut phones[0];
    phone.unregister();
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    shop.wait_for(device, "nobody knows where it is", |p| p["pending"]["stage"] == "nowhere");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(phone.fetch(&format!("/{}.boot", mac(0))).status, 200);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(shop.provisioning(device)["pending"]["stage"], "nowhere", "that was not all");
    phone.boot();
    shop.wait_for(device, "it has started", in_step);
    phone.register();
    phone.left_in_peace();
}

#[test]
fn a_phone_that_was_off_is_not_waited_for_because_of_a_file_that_it_fetches_when_it_likes() {
    let daemon = Daemon::start();
    let (shop, mut phones) = phones(&daemon, 1);
    let (device, phone) = &mut phones[0];
    shop.administrator.patch(device, &json!({"provision": {"contacts": [{"name": "Ann", "number": "101"}]}}));
    phone.notified().expect("a phonebook for the first time");
    phone.boot();
    assert_eq!(phone.fetch(&format!("/{}-phonebook.xml", mac(0))).status, 200);
    shop.wait_for(device, "it is in step", in_step);
    phone.unregister();
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    shop.wait_for(device, "nobody knows where it is", |p| p["pending"]["stage"] == "nowhere");
    std::thread::sleep(Duration::from_millis(1100));
    phone.boot();
    shop.wait_for(device, "it has started", in_step);
    phone.register();
    phone.left_in_peace();
}
