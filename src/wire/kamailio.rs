//! Who is registered at a Kamailio, as its `ul.dump` says: JSON-RPC over HTTP (modules jsonrpcs and xhttp), asked again
//! and again.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::clock;
use super::elsewhere::{News, Seen};
use crate::sip::{Aor, Target};

/// The longest answer that is read: some 250,000 contacts, half of that where Kamailio writes it for people.
const MAX_ANSWER: u64 = 128 << 20;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a contact is taken to last that Kamailio keeps for ever, in seconds; it is seen again before.
const FOR_EVER: u64 = 3600;

/// Asks `rpc`, an `http://` address, every so often, until nobody takes the news any more.
pub(super) async fn poll(rpc: String, every: Duration, news: mpsc::Sender<News>) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut answers = true;
    loop {
        tick.tick().await;
        let rpc_again = rpc.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&rpc_again)).await;
        match asked.unwrap_or_else(|panicked| Err(panicked.to_string())) {
            Ok(seen) => {
                if !answers {
                    info!(rpc, "Kamailio answers again");
                }
                answers = true;
                if news.send(News::All(seen)).await.is_err() {
                    return;
                }
            }
            Err(error) if answers => {
                warn!(
                    rpc,
                    error, "Kamailio does not say who is registered; what it said last holds until it ends"
                );
                answers = false;
            }
            Err(error) => debug!(rpc, error, "Kamailio still does not say who is registered"),
        }
    }
}

fn ask(rpc: &str) -> Result<Vec<Seen>, String> {
    let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
    let agent: ureq::Agent = config.max_redirects(0).build().into();
    let request = agent.post(rpc).header("Content-Type", "application/json");
    let mut answer =
        request.send(r#"{"jsonrpc":"2.0","method":"ul.dump","id":1}"#).map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let body =
        answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(|error| error.to_string())?;
    let seen = read(&body, clock().1).and_then(|seen| match status {
        200 => Ok(seen),
        _ => Err("whoever answers with this status does not say who is registered".to_owned()),
    });
    seen.map_err(|error| {
        format!("{error} (HTTP {status}); `kamailio_rpc` has to lead to Kamailio's jsonrpcs")
    })
}

/// The contacts in an answer that came at `unix`.
fn read(body: &[u8], unix: u64) -> Result<Vec<Seen>, String> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| format!("the answer is not that of jsonrpcs to ul.dump: {error}"))?;
    if let Some(error) = answer.error {
        return Err(format!("Kamailio answers {}: {}", error.code, error.message));
    }
    let Some(dump) = answer.result else {
        return Err("the answer to ul.dump has neither a result nor an error".to_owned());
    };
    let lines = dump.domains.into_iter().flat_map(|domain| domain.domain.lines);
    let (mut seen, mut without_realm) = (Vec::new(), 0_usize);
    for Line { info } in lines {
        match info.aor.rsplit_once('@') {
            Some((user, realm)) => {
                let aor = Aor::new(user, realm);
                seen.extend(info.contacts.into_iter().filter_map(|one| one.contact.seen(&aor, unix)));
            }
            None => without_realm += 1,
        }
    }
    match without_realm {
        0 => Ok(seen),
        _ => Err(format!(
            "{without_realm} lines have no realm: set `modparam(\"usrloc\", \"use_domain\", 1)` in Kamailio"
        )),
    }
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Dump>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Dump {
    #[serde(rename = "Domains")]
    domains: Vec<Domain>,
}

#[derive(Deserialize)]
struct Domain {
    #[serde(rename = "Domain")]
    domain: Location,
}

#[derive(Deserialize)]
struct Location {
    #[serde(rename = "AoRs", default)]
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Info")]
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    #[serde(rename = "AoR")]
    aor: String,
    #[serde(rename = "Contacts", default)]
    contacts: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    #[serde(rename = "Contact")]
    contact: Contact,
}

#[derive(Deserialize)]
struct Contact {
    #[serde(rename = "Address")]
    address: String,
    #[serde(rename = "Expires")]
    expires: Expires,
    #[serde(rename = "Call-ID", default)]
    call_id: String,
    #[serde(rename = "User-Agent", default)]
    user_agent: String,
    #[serde(rename = "Received", default)]
    received: String,
}

/// Seconds that are left, or a word.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expires {
    Left(i64),
    Word(String),
}

impl Contact {
    /// `None` where it has ended, or its address is none.
    fn seen(self, aor: &Aor, unix: u64) -> Option<Seen> {
        let left = match self.expires {
            Expires::Left(left) => u64::try_from(left).ok().filter(|left| *left > 0)?,
            Expires::Word(word) if word == "permanent" => FOR_EVER,
            Expires::Word(_) => return None,
        };
        Some(Seen {
            aor: aor.clone(),
            contact: Target::new(&self.address)?,
            received: Some(self.received).filter(|received| received.contains(':')),
            user_agent: self.user_agent,
            call_id: self.call_id,
            expires_at: unix.saturating_add(left),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use serde_json::{Value, json};

    use super::*;

    fn contact(address: &str, expires: &Value) -> Value {
        json!({"Contact": {
            "Address": address, "Expires": expires, "Q": -1, "Call-ID": "c", "CSeq": 2, "User-Agent": "n/a",
            "Received": "[not set]", "Path": "[not set]", "Tcpconn-Id": -1,
        }})
    }

    fn dump(aor: &str, contacts: &[Value]) -> Vec<u8> {
        let lines = json!([{"Info": {"AoR": aor, "HashID": 1, "Contacts": contacts}}]);
        let domain = json!({"Domain": "location", "Size": 1024, "AoRs": lines, "Stats": {"Records": 1}});
        json!({"jsonrpc": "2.0", "id": 1, "result": {"Domains": [{"Domain": domain}]}}).to_string().into()
    }

    #[test]
    fn contacts_that_have_not_ended_are_seen() {
        let contacts = [
            contact("sip:front@10.0.0.1:5060", &json!(300)),
            contact("sip:front@10.0.0.2:5060", &json!("permanent")),
            contact("sip:front@10.0.0.3:5060", &json!("deleted")),
            contact("sip:front@10.0.0.4:5060", &json!("expired")),
            contact("sip:front@10.0.0.5:5060", &json!(-3)),
            contact("tel:+43123", &json!(300)),
        ];
        let seen = read(&dump("Front@Shop.example", &contacts), 1000).unwrap();
        let ends: Vec<_> = seen.iter().map(|seen| (seen.contact.as_str(), seen.expires_at)).collect();
        assert_eq!(ends, [("sip:front@10.0.0.1:5060", 1300), ("sip:front@10.0.0.2:5060", 4600)]);
        assert_eq!(seen[0].aor.realm, "shop.example");
        assert_eq!(seen[0].received, None, "[not set] is no address");
    }

    #[test]
    fn nobody_is_registered_in_an_empty_answer() {
        assert_eq!(read(&dump("front@shop.example", &[]), 0), Ok(Vec::new()));
        assert_eq!(read(br#"{"result": {"Domains": []}}"#, 0), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let said = |body: &[u8]| read(body, 0).unwrap_err();
        assert!(said(&dump("front", &[])).contains("use_domain"));
        assert!(
            said(br#"{"error": {"code": 404, "message": "Method Not Found"}}"#).contains("Method Not Found")
        );
        assert!(said(b"<html>").contains("jsonrpcs"));
        assert!(said(b"{}").contains("neither"), "nobody says that nobody is registered");
        assert!(said(br#"{"result": {}}"#).contains("Domains"));
    }

    #[test]
    fn an_answer_that_is_no_200_says_nothing_of_who_is_registered() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let rpc = format!("http://{}/RPC", listener.local_addr().unwrap());
        let proxy = std::thread::spawn(move || {
            for status in ["502 Bad Gateway", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let _request = stream.read(&mut [0; 4096]).unwrap();
                let body = r#"{"result": {"Domains": []}}"#;
                let head =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}", body.len());
                stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
            }
        });
        assert!(ask(&rpc).unwrap_err().contains("502"));
        assert_eq!(ask(&rpc), Ok(Vec::new()));
        proxy.join().unwrap();
    }
}
