//! A path and what its verbs do. Other verbs are answered with 405 and those that there are; OPTIONS is answered
//! everywhere, and HEAD wherever GET is.

use actix_web::guard::{Any, Get, Guard, Head};
use actix_web::http::{Method, header};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, web};

use super::error::Failure;
use super::request::Call;

/// A path under construction.
pub(super) struct Place {
    resource: Resource,
    verbs: Vec<&'static str>,
}

/// A path that has no verbs yet.
pub(super) fn at(path: &str) -> Place {
    Place { resource: web::resource(path), verbs: Vec::new() }
}

/// The same for several patterns.
pub(super) fn at_any(paths: Vec<String>) -> Place {
    Place { resource: web::resource(paths), verbs: Vec::new() }
}

impl Place {
    /// What GET does, and HEAD with it.
    pub(super) fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(&["GET", "HEAD"], reading().to(handler))
    }

    /// What PUT does.
    pub(super) fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(&["PUT"], web::put().to(handler))
    }

    /// What POST does.
    pub(super) fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(&["POST"], web::post().to(handler))
    }

    /// What PATCH does.
    pub(super) fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(&["PATCH"], web::patch().to(handler))
    }

    /// What DELETE does.
    pub(super) fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(&["DELETE"], web::delete().to(handler))
    }

    /// The path, which answers every other verb.
    pub(super) fn build(mut self) -> Resource {
        self.verbs.push("OPTIONS");
        let allowed = self.verbs.join(", ");
        let other = move |request: HttpRequest, call: Result<Call, Failure>| {
            let allowed = allowed.clone();
            async move { other_verb(&request, call, allowed) }
        };
        self.resource.default_service(web::route().to(other))
    }

    fn with(mut self, verbs: &[&'static str], route: Route) -> Self {
        self.verbs.extend(verbs);
        Self { resource: self.resource.route(route), ..self }
    }
}

/// GET or HEAD.
pub(super) fn reading() -> Route {
    web::route().guard(get_or_head())
}

fn get_or_head() -> impl Guard {
    Any(Get()).or(Head())
}

/// What a path that is not there answers.
pub(super) async fn nowhere(
    request: HttpRequest,
    call: Result<Call, Failure>,
) -> Result<HttpResponse, Failure> {
    match *request.method() {
        Method::OPTIONS => Ok(options("OPTIONS")),
        _ => call.and_then(|_| Err(Failure::not_found())),
    }
}

/// A bad token is said before a wrong verb.
fn other_verb(
    request: &HttpRequest,
    call: Result<Call, Failure>,
    allowed: String,
) -> Result<HttpResponse, Failure> {
    match *request.method() {
        Method::OPTIONS => Ok(options(&allowed)),
        _ => call.and_then(|_| Err(Failure::wrong_verb(allowed))),
    }
}

fn options(allowed: &str) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::ALLOW, allowed)).finish()
}
