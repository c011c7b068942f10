//! What has to be there before a request of the guide can be answered as it says.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::guide::{Example, Request};
use super::house::{Daemon, KEY, Phone, id};
use super::send;

/// An account of its own for one example, with what the example shows in it.
pub(crate) struct Stage {
    /// What stands for each `{PLACEHOLDER}`.
    names: BTreeMap<String, String>,
    base: String,
    token: String,
    /// Keeps its socket open while it is registered.
    phone: Option<Phone>,
}

impl Stage {
    pub(crate) fn of(daemon: &Daemon, token: &str, example: &Example) -> Self {
        let base = format!("http://{}", daemon.admin());
        let known = [
            ("AUTH_TOKEN", token),
            ("API_KEY", KEY),
            ("IP_ADDRESS", "192.0.2.7"),
            ("PHONE_NUMBER", "4155550100"),
        ];
        let names = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut stage = Self { names, base, token: token.to_owned(), phone: None };
        if example.request.url.ends_with("/devices/status") {
            stage.register(daemon);
            return stage;
        }
        let account = stage.put("/v2/accounts", &json!({ "name": format!("line {}", example.line) }));
        stage.name("ACCOUNT_ID", &account);
        for (name, first) in [("USER_ID", "Ada"), ("OWNER_ID", "Grace")] {
            let user = json!({ "first_name": first, "last_name": "User" });
            let user = stage.put(&format!("/v2/accounts/{}/users", id(&account)), &user);
            stage.name(name, &user);
        }
        stage.furnish(&id(&account), example);
        stage
    }

    /// A text with every known placeholder replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        let text = text.replace("http://{SERVER}:8000", &self.base);
        self.names.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    pub(crate) fn filled(&self, shown: &Value) -> Value {
        serde_json::from_str(&self.fill(&shown.to_string())).unwrap()
    }

    /// Makes what the example shows: the rows of a list, the device that is read or removed, or one to be changed.
    fn furnish(&mut self, account: &str, example: &Example) {
        let devices = format!("/v2/accounts/{account}/devices");
        let shown = &example.answer["data"];
        if example.request.url.contains("{CAMPAIGN_ID}") {
            return self.begin_campaign(account, &devices);
        }
        match (shown, example.request.method.as_str()) {
            _ if example.request.url.contains("/devices/sync") => self.phone_of(&devices),
            (Value::Array(rows), _) => {
                for row in rows {
                    self.show(&devices, row);
                }
            }
            (Value::Object(_), "GET" | "DELETE") if shown.get("id").is_some() => self.show(&devices, shown),
            _ if example.request.url.contains("{DEVICE_ID}") => {
                let mut device = json!({ "name": "old device", "presence_id": "old" });
                if example.request.method == "PATCH" {
                    device = changed(shown);
                }
                if example.request.url.contains("/quickcall/") {
                    device = json!({
                        "name": "rung", "owner_id": self.names["USER_ID"], "presence_id": "1001",
                        "media": {"audio": {"codecs": ["PCMU", "PCMA"]}},
                        "sip": {"username": "rung", "invite_format": "username"},
                        "caller_id": {"internal": {"name": "Rung", "number": "1001"}},
                    });
                }
                let device = self.put(&devices, &device);
                self.name("DEVICE_ID", &device);
            }
            _ => {}
        }
    }

    fn phone_of(&self, devices: &str) {
        self.put(devices, &json!({ "name": "phone", "mac_address": "805ec0fffff1" }));
    }

    /// Has a phone restarted that may not be before the day after tomorrow, and remembers the campaign.
    fn begin_campaign(&mut self, account: &str, devices: &str) {
        let days = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let day = days[usize::try_from(unix / 86_400 + 3).unwrap() % 7];
        let window = json!({ "from": "00:00", "to": "24:00", "days": [day] });
        self.ask(
            "PATCH",
            &format!("/v2/accounts/{account}"),
            &json!({"provision": {"reboot_window": window}}),
        );
        self.phone_of(devices);
        self.ask("POST", &format!("{devices}/sync"), &json!({}));
        for _ in 0..500 {
            let campaigns = self.ask("GET", "/v2/resync", &json!({}));
            let own = campaigns.as_array().unwrap().iter().find(|campaign| campaign["account_id"] == account);
            if let Some(own) = own.filter(|own| own["phones"]["waiting_for_window"] == 1) {
                return self.name("CAMPAIGN_ID", own);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("no phone waits for its hour");
    }

    fn ask(&self, method: &str, path: &str, data: &Value) -> Value {
        let body = json!({ "data": data }).to_string();
        let (status, answer) = self.send(Request::new(method, &format!("{}{path}", self.base), &body));
        assert_eq!(status, 200, "{data}: {answer}");
        answer["data"].clone()
    }

    /// Makes a device that will be shown like this, and remembers its id under the placeholder.
    fn show(&mut self, devices: &str, row: &Value) {
        let Value::Object(mut device) = self.filled(row) else { panic!("{row} is not an object") };
        let placeholder = row["id"].as_str().unwrap().trim_matches(['{', '}']).to_owned();
        device.remove("id");
        if device.remove("hotdesked") == Some(true.into()) {
            let user = Map::from_iter([(self.names["USER_ID"].clone(), json!({}))]);
            device.insert("hotdesk".to_owned(), json!({ "users": user }));
        }
        let device = self.put(devices, &Value::Object(device));
        self.name(&placeholder, &device);
    }

    fn register(&mut self, daemon: &Daemon) {
        let shop = daemon.shop();
        let device = shop.device("805ec0123456", "yealink/t46s", "front");
        let mut phone = daemon.phone("805ec0123456", "front");
        phone.register();
        self.names.insert("ACCOUNT_ID".to_owned(), shop.account);
        self.names.insert("DEVICE_ID".to_owned(), device.rsplit('/').next().unwrap().to_owned());
        self.phone = Some(phone);
    }

    fn name(&mut self, placeholder: &str, document: &Value) {
        self.names.insert(placeholder.to_owned(), id(document));
    }

    /// Removes the account with all that is in it.
    pub(crate) fn clear(self) {
        let path = format!("{}/v2/accounts/{}", self.base, self.names["ACCOUNT_ID"]);
        let (status, answer) = self.send(Request::new("DELETE", &path, ""));
        assert_eq!(status, 200, "{answer}");
    }

    fn put(&self, path: &str, data: &Value) -> Value {
        let body = json!({ "data": data }).to_string();
        let (status, answer) = self.send(Request::new("PUT", &format!("{}{path}", self.base), &body));
        assert_eq!(status, 201, "{data}: {answer}");
        answer["data"].clone()
    }

    fn send(&self, mut request: Request) -> (u16, Value) {
        request.headers.push(("X-Auth-Token".to_owned(), self.token.clone()));
        send(&request)
    }
}

/// The device that a patch makes into the one shown: it has what the patch may change or remove.
fn changed(shown: &Value) -> Value {
    let mut device = shown.clone();
    device.as_object_mut().unwrap().remove("id");
    device["presence_id"] = json!("old");
    device["ringtones"]["external"] = json!("old");
    device
}
