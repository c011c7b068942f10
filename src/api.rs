//! Administrators: Kazoo's `/v2` over JSON.
//!
//! A request is read into a [`Call`](request::Call); a handler asks it for the account that the path names, which
//! checks who is calling, and gives back an answer or a failure; [`envelope`] puts either into the form that
//! Kazoo's clients know. Nobody here knows which phones a change concerns: it is stored with a mark.

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::circle::{Circle, Switchboard};
use crate::files::Files;
use crate::registrations::Registrations;
use crate::sightings::Sightings;
use crate::statics::Statics;
use crate::store::{Span, Store};
use crate::uploads::Uploads;

mod access;
mod accounts;
mod action;
mod attached;
mod audit;
mod caller;
mod change;
mod contacts;
mod cors;
mod devices;
mod difference;
mod doorman;
mod elsewhere;
mod envelope;
mod error;
mod export;
mod farewell;
mod filter;
mod firmware;
mod generate;
mod given;
mod history;
mod hotdesks;
mod import;
mod intake;
mod kazoo;
mod login;
mod manner;
mod openapi;
mod paging;
mod persist;
mod place;
mod plan;
mod provisioning;
mod quickcall;
mod registrations;
mod request;
mod resync;
mod rows;
mod schemas;
mod secrets;
mod sessions;
mod sightings;
mod table;
mod templates;
mod trash;
mod uploads;
mod users;
mod values;
mod walk;

pub use accounts::bootstrap;
pub use doorman::{Doorman, Means};
pub use import::Imports;
pub use kazoo::{Network, NoNetwork};

use openapi::{
    accounts as account, bulk, campaigns as campaign, devices as device, phones as phone,
    sessions as session, site,
};
use place::{Described, Place, at};

/// What the handlers work with.
pub struct Desk {
    /// Documents, tokens and marks.
    pub store: Arc<dyn Store>,
    /// What each phone would be given.
    pub files: Arc<Files>,
    /// Who hears of marks, and of phones that somebody asks for.
    pub circle: Circle,
    /// The way to the SIP side.
    pub switchboard: Switchboard,
    /// Who is registered.
    pub registrations: Arc<Registrations>,
    /// Phones that asked by multicast and belong to no device.
    pub sightings: Arc<Sightings>,
    /// Firmware and the like.
    pub statics: Statics,
    /// What phones send.
    pub uploads: Arc<Uploads>,
    /// Who checks what is shown at the door.
    pub doorman: Doorman,
    /// What is being imported, and what was lately.
    pub imports: Imports,
    /// From where everything that Kazoo asks of a provisioner is taken as the master account's.
    pub kazoo_from: Vec<Network>,
    /// The wall clock, in Unix milliseconds.
    pub clock: fn() -> u64,
    /// Unpredictable bytes: ids, keys, tokens and passwords are made of them.
    pub random: fn() -> [u8; 32],
}

/// Adds the routes of `/v2`, those of Kazoo's provisioner, `/healthz`, and a 404 in JSON for everything else.
pub fn configure(desk: web::Data<Desk>) -> impl Fn(&mut web::ServiceConfig) + Clone {
    move |app| {
        app.app_data(desk.clone()).default_service(web::route().to(nowhere));
        for place in outside() {
            app.service(place.plain());
        }
        app.service(scope("/v2", v2()).wrap(from_fn(envelope::around)));
        for prefix in ["/api", ""] {
            app.service(kazoo::routes(prefix).wrap(from_fn(envelope::around)));
        }
    }
}

fn scope(prefix: &str, places: Vec<Place>) -> actix_web::Scope {
    let scope = places.into_iter().fold(web::scope(prefix), |scope, place| scope.service(place.build()));
    scope.default_service(web::route().to(place::nowhere))
}

/// All paths, what their verbs do, and how that is described: those asked for most come first, since they are tried in
/// this order.
#[rustfmt::skip]
fn v2() -> Vec<Place> {
    let of_the_site = vec![
        at("/openapi.json").get(openapi::document, site::DOCUMENT),
        at("/api_auth").put(sessions::with_key, session::WITH_KEY),
        at("/user_auth").put(sessions::with_password, session::WITH_PASSWORD),
        at("/user_auth/{token}").get(sessions::about, session::ABOUT_IT),
        at("/token_auth").get(sessions::about, session::ABOUT).delete(sessions::log_out, session::LOG_OUT),
        at("/schemas").get(schemas::list, site::SCHEMAS),
        at("/schemas/{schema}").get(schemas::get, site::SCHEMA),
        at("/templates").get(templates::get, site::TEMPLATES),
        at("/files").get(firmware::list, site::FILES),
        at("/resync").get(resync::list, campaign::LIST).post(resync::control_all, campaign::CONTROL_ALL),
        at("/resync/{campaign}").get(resync::get, campaign::GET).post(resync::control, campaign::CONTROL),
        at("/sightings")
            .get(sightings::get, phone::SIGHTINGS)
            .put(sightings::open, phone::SIGHTINGS_OPEN)
            .delete(sightings::close, phone::SIGHTINGS_CLOSE),
    ];
    of_devices().into_iter().chain(of_users()).chain(of_accounts()).chain(of_the_site).collect()
}

#[rustfmt::skip]
fn of_accounts() -> Vec<Place> {
    vec![
        at("/accounts").put(accounts::create_below_own, account::CREATE_BELOW_OWN),
        at("/accounts/{account}")
            .get(accounts::get, account::GET)
            .put(accounts::create, account::CREATE)
            .post(accounts::replace, account::REPLACE)
            .patch(accounts::patch, account::PATCH)
            .delete(accounts::delete, account::DELETE),
        at("/accounts/{account}/children").get(accounts::children, account::CHILDREN),
        at("/accounts/{account}/descendants").get(accounts::descendants, account::DESCENDANTS),
        at("/accounts/{account}/api_key").get(accounts::no_key, account::NO_KEY).put(accounts::rotate_key, account::ROTATE_KEY),
        at("/accounts/{account}/siblings").get(accounts::siblings, account::SIBLINGS),
        at("/accounts/{account}/contact_list").get(contacts::list, account::CONTACTS),
        at("/accounts/{account}/phone_numbers").get(elsewhere::numbers, account::NUMBERS),
        at("/accounts/{account}/phone_numbers/classifiers").get(elsewhere::nothing, account::CLASSIFIERS),
        at("/accounts/{account}/limits").get(elsewhere::nothing, account::LIMITS),
        at("/accounts/{account}/configs/{name}").get(elsewhere::nothing, account::CONFIGS),
        at("/accounts/{account}/access_lists")
            .get(attached::access_lists, site::ACCOUNT_ACCESS.get)
            .post(attached::put_access_lists, site::ACCOUNT_ACCESS.put)
            .delete(attached::drop_access_lists, site::ACCOUNT_ACCESS.delete),
        at("/accounts/{account}/rate_limits")
            .get(attached::rate_limits, site::ACCOUNT_RATES.get)
            .post(attached::put_rate_limits, site::ACCOUNT_RATES.put)
            .delete(attached::drop_rate_limits, site::ACCOUNT_RATES.delete),
        at("/accounts/{account}/hotdesks").get(hotdesks::of_account, account::HOTDESKS),
        at("/accounts/{account}/registrations")
            .get(registrations::list, phone::REGISTRATIONS)
            .delete(registrations::flush, phone::FLUSH),
        at("/accounts/{account}/registrations/count").get(registrations::count, phone::REGISTRATION_COUNT),
        at("/accounts/{account}/registrations/{username}").delete(registrations::flush_one, phone::FLUSH_ONE),
        at("/accounts/{account}/audit").get(audit::list, account::AUDIT),
        at("/accounts/{account}/provisioning").get(provisioning::list, phone::STANDINGS),
    ]
}

#[rustfmt::skip]
fn of_users() -> Vec<Place> {
    vec![
        at("/accounts/{account}/users").get(users::list, account::USERS).put(users::create, account::CREATE_USER),
        at("/accounts/{account}/users/{user}")
            .get(users::get, account::USER_GET)
            .post(users::replace, account::USER_REPLACE)
            .patch(users::patch, account::USER_PATCH)
            .delete(users::delete, account::USER_DELETE),
        at("/accounts/{account}/users/{user}/devices")
            .get(devices::list_of_user, device::LIST_OF_USER)
            .put(devices::create_for_user, device::CREATE_FOR_USER),
        at("/accounts/{account}/users/{user}/hotdesks").get(hotdesks::of_user, account::HOTDESKS_OF_USER),
    ]
}

#[rustfmt::skip]
fn of_devices() -> Vec<Place> {
    vec![
        at("/accounts/{account}/devices").get(devices::list, device::LIST).put(devices::create, device::CREATE),
        at("/accounts/{account}/devices/export").get(export::get, bulk::EXPORT),
        at("/accounts/{account}/devices/import").get(import::list, bulk::IMPORTS).post(import::post, bulk::IMPORT),
        at("/accounts/{account}/devices/import/{job}").get(import::get, bulk::IMPORT_GET),
        at("/accounts/{account}/devices/status").get(devices::status, device::STATUS),
        at("/accounts/{account}/devices/sync").post(devices::sync_all, campaign::SYNC_ALL),
        at("/accounts/{account}/devices/{device}")
            .get(devices::get, device::GET)
            .put(action::act, phone::NOTIFY)
            .post(devices::replace, device::REPLACE)
            .patch(devices::patch, device::PATCH)
            .delete(devices::delete, device::DELETE),
        at("/accounts/{account}/devices/{device}/sync").post(devices::sync, phone::SYNC),
        at("/accounts/{account}/devices/{device}/quickcall/{number}")
            .get(quickcall::ring, phone::RING)
            .post(quickcall::ring, phone::RING_BY_POST),
        at("/accounts/{account}/devices/{device}/history").get(history::list, phone::HISTORY),
        at("/accounts/{account}/devices/{device}/access_lists")
            .get(attached::access_lists, site::DEVICE_ACCESS.get)
            .post(attached::put_access_lists, site::DEVICE_ACCESS.put)
            .delete(attached::drop_access_lists, site::DEVICE_ACCESS.delete),
        at("/accounts/{account}/devices/{device}/rate_limits")
            .get(attached::rate_limits, site::DEVICE_RATES.get)
            .post(attached::put_rate_limits, site::DEVICE_RATES.put)
            .delete(attached::drop_rate_limits, site::DEVICE_RATES.delete),
        at("/accounts/{account}/devices/{device}/hotdesks").get(hotdesks::of_device, account::HOTDESKS_OF_DEVICE),
        at("/accounts/{account}/devices/{device}/hotdesks/{user}")
            .put(hotdesks::sign_in, account::SIGN_IN)
            .delete(hotdesks::sign_out, account::SIGN_OUT),
        at("/accounts/{account}/devices/{device}/config").get(given::list, phone::FILES),
        at("/accounts/{account}/devices/{device}/config/{file}").get(given::get, phone::FILE),
        at("/accounts/{account}/devices/{device}/config/{file}/diff").get(given::diff, phone::FILE_DIFF),
        at("/accounts/{account}/devices/{device}/uploads").get(uploads::list, phone::UPLOADS),
        at("/accounts/{account}/devices/{device}/uploads/{file}")
            .get(uploads::get, phone::UPLOAD)
            .delete(uploads::delete, phone::UPLOAD_DROP),
        at("/accounts/{account}/devices/{device}/provisioning").get(provisioning::get, phone::STANDING),
    ]
}

/// What stands beside the API.
fn outside() -> Vec<Place> {
    vec![at("/healthz").get(healthz, site::HEALTH), at("/docs").get(openapi::page, site::PAGE)]
}

/// How every path is described.
fn described() -> Vec<Described> {
    let outside = outside().into_iter().map(|place| place.described(""));
    let api = v2().into_iter().map(|place| place.described("/v2"));
    outside.chain(api).chain(kazoo::places().into_iter().map(|place| place.described("/api"))).collect()
}

async fn nowhere() -> HttpResponse {
    let data = json!({"message": "not found"});
    HttpResponse::NotFound()
        .json(json!({"data": data, "error": "404", "message": "not_found", "status": "error"}))
}

/// For whoever watches the daemon: whether the database answers.
async fn healthz(desk: web::Data<Desk>) -> HttpResponse {
    match desk.store.accounts(None, Span::ascending(None, 1)).await {
        Ok(_) => HttpResponse::Ok().json(json!({"status": "ok"})),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            HttpResponse::ServiceUnavailable().json(json!({"status": "unavailable"}))
        }
    }
}
