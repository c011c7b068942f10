//! Quick call: a device is rung, and when it is answered connected to a number. The answer says what was begun; what
//! becomes of it, the device's history tells.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpMessage as _, HttpResponse};
use serde_json::{Map, Value, json};

use super::change::find;
use super::envelope::{Trace, write};
use super::error::Failure;
use super::request::Call;
use crate::account::Account;
use crate::circle::{Ring, Station};
use crate::device::Device;
use crate::document::{Document, at};
use crate::id::hex;
use crate::schema::Problem;
use crate::sip::Caller;
use crate::sip::call::places::{Occupied, Place};
use crate::store::{Entity, Noun, history, is_switched_on};

mod wish;

use wish::Wish;

/// `GET …/devices/{D}/quickcall/{NUMBER}`, and POST. A HEAD rings nobody.
pub(super) async fn ring(call: Call, method: Method) -> Result<HttpResponse, Failure> {
    let found = find(&call, Noun::Device).await?;
    call.must_be_meant()?;
    let wish = Wish::read(&call)?;
    let Entity::Device(device) = found.entity else { return Err(Failure::not_found()) };
    let line = Line::of(&call, &found.account, &device).await?;
    let call_id = format!("{}-quickcall", hex(&(call.desk.random)()[..16]));
    let body = body(&wish, &device, &line, &call_id);
    let answer = answer(&call, body, &device.document);
    if method != Method::HEAD {
        let place = call.desk.doorman.place(device.account(), device.id()).map_err(refused)?;
        call.desk.switchboard.ring(ordered(&call, wish, &device, (call_id, place))).await;
    }
    Ok(answer)
}

/// A call is no document that could be the same as before, so its answer has no `ETag`.
fn answer(call: &Call, body: Value, document: &Document) -> HttpResponse {
    let mut envelope = Map::new();
    envelope.extend(call.token().map(|token| ("auth_token".to_owned(), token.into())));
    envelope.insert("data".to_owned(), body);
    envelope.insert("revision".to_owned(), document.revision.to_string().into());
    envelope.insert("status".to_owned(), "success".into());
    let trace = call.request().extensions().get::<Trace>().cloned().unwrap_or_default();
    write(HttpResponse::Ok(), envelope, &trace)
}

fn refused(occupied: Occupied) -> Failure {
    match occupied {
        Occupied::Device => {
            Failure::busy("the device is being called already: try again when that call is over")
        }
        Occupied::Account => Failure::busy("too many calls of this account are under way: try again later"),
    }
}

/// The line that is rung.
struct Line {
    username: String,
    realm: String,
}

impl Line {
    /// The line of a device that may be called.
    async fn of(call: &Call, account: &Account, device: &Device) -> Result<Self, Failure> {
        let refusal = |path, code, message| Failure::problem(path, code, Problem::new(message));
        if !device.enabled() || !is_switched_on(&*call.desk.store, account).await? {
            return Err(refusal("enabled", "disabled", "The device is disabled: it cannot be called"));
        }
        let Some(username) = device.username().map(str::to_owned) else {
            return Err(refusal(
                "sip.username",
                "required",
                "The device has no SIP username: it cannot be called",
            ));
        };
        match device.realm().or_else(|| account.realm()) {
            Some(realm) => Ok(Self { username, realm }),
            None => {
                Err(refusal("realm", "required", "The account has no realm: its devices cannot be called"))
            }
        }
    }
}

fn ordered(call: &Call, wish: Wish, device: &Device, (call_id, place): (String, Place)) -> Ring {
    let (now, random) = ((call.desk.clock)(), (call.desk.random)());
    let entry = history::key(device.id(), now, [random[0], random[1], random[2], random[3]]);
    Ring {
        station: Station::from(device),
        call_id,
        number: wish.number,
        caller: Caller { name: wish.cid_name, number: wish.cid_number, place: Some(place) },
        auto_answer: wish.auto_answer,
        patience: Duration::from_secs(wish.timeout),
        entry,
        at: now / 1000,
    }
}

/// What Kazoo answers: the order it gives to its switch.
fn body(wish: &Wish, device: &Device, line: &Line, call_id: &str) -> Value {
    let (callee_number, callee_name) = callee(device, line);
    json!({
        "export_custom_channel_vars": ["Account-ID", "Retain-CID", "Authorizing-ID", "Authorizing-Type"],
        "custom_channel_vars": {
            "authorizing_id": device.id(),
            "authorizing_type": "device",
            "inherit_codec": "false",
            "retain_cid": "true",
            "account_id": device.account(),
        },
        "continue_on_fail": false,
        "dial_endpoint_method": "simultaneous",
        "outbound_callee_id_number": callee_number,
        "outbound_callee_id_name": callee_name,
        "outbound_caller_id_number": wish.cid_number,
        "outbound_caller_id_name": wish.cid_name,
        "media": wish.media,
        "ignore_early_media": wish.ignore_early_media,
        "timeout": wish.timeout,
        "endpoints": [endpoint(wish, device, line, call_id)],
        "application_data": {"route": wish.number},
        "application_name": "transfer",
    })
}

fn endpoint(wish: &Wish, device: &Device, Line { username, realm }: &Line, call_id: &str) -> Value {
    let document = &device.document;
    let codecs = document.at("media.audio.codecs").cloned().unwrap_or_else(|| json!(["PCMU"]));
    json!({
        "outbound_call_id": call_id,
        "custom_channel_vars": channel(wish, device, realm),
        "custom_sip_headers": {"x_kazoo_aor": format!("sip:{username}@{realm}")},
        "presence_id": presence(document.text("presence_id").unwrap_or(username), realm),
        "codecs": codecs,
        "endpoint_id": device.id(),
        "to_did": wish.number,
        "to_realm": realm,
        "to_username": username,
        "to_user": username,
        "invite_format": document.text("sip.invite_format").unwrap_or("username"),
    })
}

fn channel(wish: &Wish, device: &Device, realm: &str) -> Value {
    let enforced = device.document.flag("media.encryption.enforce_security").unwrap_or(false);
    let mut vars = Map::new();
    vars.insert("auto_answer".to_owned(), wish.auto_answer.into());
    vars.insert("authorizing_id".to_owned(), json!(device.id()));
    vars.extend(device.owner().map(|owner| ("owner_id".to_owned(), json!(owner))));
    vars.insert("account_id".to_owned(), json!(device.account()));
    vars.insert("media_encryption_enforce_security".to_owned(), enforced.into());
    vars.insert("sip_invite_domain".to_owned(), realm.into());
    Value::Object(vars)
}

/// Number and name of who is rung: the device's own caller id, else what it is known by.
fn callee(device: &Device, line: &Line) -> (String, String) {
    let body = &device.document.body;
    let own = |field: &str| {
        let paths = ["internal", "external"].map(|kind| format!("caller_id.{kind}.{field}"));
        let found = paths.iter().find_map(|path| at(body, path)?.as_str().filter(|text| !text.is_empty()));
        found.map(str::to_owned)
    };
    let name = || device.document.text("name").unwrap_or(&line.username).to_owned();
    (own("number").unwrap_or_else(|| line.username.clone()), own("name").unwrap_or_else(name))
}

fn presence(id: &str, realm: &str) -> String {
    if id.contains('@') { id.to_owned() } else { format!("{id}@{realm}") }
}
