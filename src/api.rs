//! Administrators: Kazoo's `/v2` over JSON.
//!
//! A request is read into a [`Call`](request::Call); a handler asks it for the account that the path names, which
//! checks who is calling, and gives back an answer or a failure; [`envelope`] puts either into the form that
//! Kazoo's clients know. Nobody here knows which phones a change concerns: it is stored with a mark.

use std::sync::Arc;

use actix_web::guard::{Any, Get, Guard, Head};
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, Route, web};
use serde_json::json;

use crate::circle::Circle;
use crate::files::Files;
use crate::registrations::Registrations;
use crate::store::Store;

mod accounts;
mod change;
mod devices;
mod envelope;
mod error;
mod kazoo;
mod paging;
mod provisioning;
mod request;
mod sessions;
mod templates;
mod users;

pub use accounts::bootstrap;
pub use kazoo::{Network, NoNetwork};

use envelope::Reply;
use error::Failure;
use request::Call;

/// What the handlers work with.
pub struct Desk {
    /// Documents, tokens and marks.
    pub store: Arc<dyn Store>,
    /// What each phone would be given.
    pub files: Arc<Files>,
    /// Who hears of marks, and of phones that somebody asks for.
    pub circle: Circle,
    /// Who is registered.
    pub registrations: Arc<Registrations>,
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
        .service(at("/api_auth").route(web::put().to(sessions::log_in)))
        .service(at("/templates").route(get(templates::get)))
        .service(at("/accounts").route(web::put().to(accounts::create_below_own)))
        .service(at("/accounts/{account}")
            .route(get(accounts::get))
            .route(web::put().to(accounts::create))
            .route(web::post().to(accounts::replace))
            .route(web::patch().to(accounts::patch))
            .route(web::delete().to(accounts::delete)))
        .service(at("/accounts/{account}/children").route(get(accounts::children)))
        .service(at("/accounts/{account}/descendants").route(get(accounts::descendants)))
        .service(at("/accounts/{account}/api_key").route(web::put().to(accounts::rotate_key)))
        .service(at("/accounts/{account}/provisioning").route(get(provisioning::list)))
        .service(at("/accounts/{account}/users")
            .route(get(users::list))
            .route(web::put().to(users::create)))
        .service(at("/accounts/{account}/users/{user}")
            .route(get(users::get))
            .route(web::post().to(users::replace))
            .route(web::patch().to(users::patch))
            .route(web::delete().to(users::delete)))
        .service(at("/accounts/{account}/users/{user}/devices").route(get(devices::list_of_user)))
        .service(at("/accounts/{account}/devices")
            .route(get(devices::list))
            .route(web::put().to(devices::create)))
        .service(at("/accounts/{account}/devices/status").route(get(devices::status)))
        .service(at("/accounts/{account}/devices/{device}")
            .route(get(devices::get))
            .route(web::post().to(devices::replace))
            .route(web::patch().to(devices::patch))
            .route(web::delete().to(devices::delete)))
        .service(at("/accounts/{account}/devices/{device}/sync").route(web::post().to(devices::sync)))
        .service(at("/accounts/{account}/devices/{device}/provisioning").route(get(provisioning::get)))
        .default_service(web::route().to(not_found))
}

/// A path, which answers other verbs than its own with 405.
fn at(path: &str) -> Resource {
    web::resource(path).default_service(web::route().to(wrong_verb))
}

/// GET, and HEAD with it.
fn get<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    reading().to(handler)
}

fn reading() -> Route {
    web::route().guard(get_or_head())
}

fn get_or_head() -> impl Guard {
    Any(Get()).or(Head())
}

/// Both take the [`Call`], so that a broken body or a bad token is said first.
async fn not_found(_: Call) -> Reply {
    Err(Failure::not_found())
}

async fn wrong_verb(_: Call) -> Reply {
    Err(Failure::wrong_verb())
}

async fn nowhere() -> HttpResponse {
    let data = json!({"message": "not found"});
    HttpResponse::NotFound()
        .json(json!({"data": data, "error": "404", "message": "not_found", "status": "error"}))
}

/// For whoever watches the daemon: whether the database answers.
async fn healthz(desk: web::Data<Desk>) -> HttpResponse {
    match desk.store.accounts(None, None, 1).await {
        Ok(_) => HttpResponse::Ok().json(json!({"status": "ok"})),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            HttpResponse::ServiceUnavailable().json(json!({"status": "unavailable"}))
        }
    }
}
