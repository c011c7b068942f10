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
use crate::store::{Span, Store};

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
mod envelope;
mod error;
mod filter;
mod generate;
mod given;
mod history;
mod hotdesks;
mod intake;
mod kazoo;
mod login;
mod manner;
mod paging;
mod place;
mod plan;
mod provisioning;
mod quickcall;
mod registrations;
mod request;
mod rows;
mod schemas;
mod sessions;
mod table;
mod templates;
mod trash;
mod users;

pub use accounts::bootstrap;
pub use doorman::{Doorman, Means};
pub use kazoo::{Network, NoNetwork};

use place::{at, reading};

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
    /// Who checks what is shown at the door.
    pub doorman: Doorman,
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
        app.app_data(desk.clone())
            .service(web::resource("/healthz").route(reading().to(healthz)))
            .service(v2().wrap(from_fn(envelope::around)))
            .service(kazoo::routes("/api").wrap(from_fn(envelope::around)))
            .service(kazoo::routes("").wrap(from_fn(envelope::around)))
            .default_service(web::route().to(nowhere));
    }
}

#[rustfmt::skip]
fn v2() -> actix_web::Scope {
    web::scope("/v2")
        .service(at("/api_auth").put(sessions::with_key).build())
        .service(at("/user_auth").put(sessions::with_password).build())
        .service(at("/user_auth/{token}").get(sessions::about).build())
        .service(at("/token_auth").get(sessions::about).delete(sessions::log_out).build())
        .service(at("/schemas").get(schemas::list).build())
        .service(at("/schemas/{schema}").get(schemas::get).build())
        .service(at("/templates").get(templates::get).build())
        .service(at("/accounts").put(accounts::create_below_own).build())
        .service(at("/accounts/{account}")
            .get(accounts::get)
            .put(accounts::create)
            .post(accounts::replace)
            .patch(accounts::patch)
            .delete(accounts::delete)
            .build())
        .service(at("/accounts/{account}/children").get(accounts::children).build())
        .service(at("/accounts/{account}/descendants").get(accounts::descendants).build())
        .service(at("/accounts/{account}/api_key").get(accounts::no_key).put(accounts::rotate_key).build())
        .service(at("/accounts/{account}/siblings").get(accounts::siblings).build())
        .service(at("/accounts/{account}/contact_list").get(contacts::list).build())
        .service(at("/accounts/{account}/access_lists")
            .get(attached::access_lists)
            .post(attached::put_access_lists)
            .delete(attached::drop_access_lists)
            .build())
        .service(at("/accounts/{account}/rate_limits")
            .get(attached::rate_limits)
            .post(attached::put_rate_limits)
            .delete(attached::drop_rate_limits)
            .build())
        .service(at("/accounts/{account}/hotdesks").get(hotdesks::of_account).build())
        .service(at("/accounts/{account}/registrations").get(registrations::list).delete(registrations::flush).build())
        .service(at("/accounts/{account}/registrations/count").get(registrations::count).build())
        .service(at("/accounts/{account}/registrations/{username}").delete(registrations::flush_one).build())
        .service(at("/accounts/{account}/audit").get(audit::list).build())
        .service(at("/accounts/{account}/provisioning").get(provisioning::list).build())
        .service(at("/accounts/{account}/users").get(users::list).put(users::create).build())
        .service(at("/accounts/{account}/users/{user}")
            .get(users::get)
            .post(users::replace)
            .patch(users::patch)
            .delete(users::delete)
            .build())
        .service(at("/accounts/{account}/users/{user}/devices").get(devices::list_of_user).build())
        .service(at("/accounts/{account}/users/{user}/hotdesks").get(hotdesks::of_user).build())
        .service(at("/accounts/{account}/devices").get(devices::list).put(devices::create).build())
        .service(at("/accounts/{account}/devices/status").get(devices::status).build())
        .service(at("/accounts/{account}/devices/{device}")
            .get(devices::get)
            .put(action::act)
            .post(devices::replace)
            .patch(devices::patch)
            .delete(devices::delete)
            .build())
        .service(at("/accounts/{account}/devices/{device}/sync").post(devices::sync).build())
        .service(at("/accounts/{account}/devices/{device}/quickcall/{number}")
            .get(quickcall::ring)
            .post(quickcall::ring)
            .build())
        .service(at("/accounts/{account}/devices/{device}/history").get(history::list).build())
        .service(at("/accounts/{account}/devices/{device}/access_lists")
            .get(attached::access_lists)
            .post(attached::put_access_lists)
            .delete(attached::drop_access_lists)
            .build())
        .service(at("/accounts/{account}/devices/{device}/rate_limits")
            .get(attached::rate_limits)
            .post(attached::put_rate_limits)
            .delete(attached::drop_rate_limits)
            .build())
        .service(at("/accounts/{account}/devices/{device}/hotdesks").get(hotdesks::of_device).build())
        .service(at("/accounts/{account}/devices/{device}/hotdesks/{user}")
            .put(hotdesks::sign_in)
            .delete(hotdesks::sign_out)
            .build())
        .service(at("/accounts/{account}/devices/{device}/config").get(given::list).build())
        .service(at("/accounts/{account}/devices/{device}/config/{file}").get(given::get).build())
        .service(at("/accounts/{account}/devices/{device}/config/{file}/diff").get(given::diff).build())
        .service(at("/accounts/{account}/devices/{device}/provisioning").get(provisioning::get).build())
        .default_service(web::route().to(place::nowhere))
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
