//! A path, what its verbs do, and how that is described. Other verbs are answered with 405 and those that there are;
//! OPTIONS is answered everywhere, and HEAD wherever GET is.

use actix_web::guard::{Any, Get, Guard, Head};
use actix_web::http::{Method, header};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, web};
use utoipa::openapi::path::HttpMethod;

use super::error::Failure;
use super::openapi::Op;
use super::request::Call;

/// A path under construction.
pub(super) struct Place {
    path: String,
    resource: Resource,
    operations: Vec<(HttpMethod, Op)>,
}

/// A path, and how what its verbs do is described.
pub(super) struct Described {
    pub(super) path: String,
    pub(super) operations: Vec<(HttpMethod, Op)>,
}

/// A path that has no verbs yet.
pub(super) fn at(path: &str) -> Place {
    Place { path: path.to_owned(), resource: web::resource(path), operations: Vec::new() }
}

/// The same for several patterns, of which the first is described.
pub(super) fn at_any(paths: Vec<String>) -> Place {
    let path = paths.first().cloned().unwrap_or_default();
    Place { path, resource: web::resource(paths), operations: Vec::new() }
}

impl Place {
    /// What GET does, and HEAD with it.
    pub(super) fn get<F, Args>(self, handler: F, op: Op) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(HttpMethod::Get, op, reading().to(handler))
    }

    /// What PUT does.
    pub(super) fn put<F, Args>(self, handler: F, op: Op) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(HttpMethod::Put, op, web::put().to(handler))
    }

    /// What POST does.
    pub(super) fn post<F, Args>(self, handler: F, op: Op) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(HttpMethod::Post, op, web::post().to(handler))
    }

    /// What PATCH does.
    pub(super) fn patch<F, Args>(self, handler: F, op: Op) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(HttpMethod::Patch, op, web::patch().to(handler))
    }

    /// What DELETE does.
    pub(super) fn delete<F, Args>(self, handler: F, op: Op) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(HttpMethod::Delete, op, web::delete().to(handler))
    }

    /// What its verbs do, for a path below this prefix.
    pub(super) fn described(self, prefix: &str) -> Described {
        Described { path: format!("{prefix}{}", self.path), operations: self.operations }
    }

    /// The path, which answers every other verb.
    pub(super) fn build(self) -> Resource {
        let allowed = self.allowed();
        let other = move |request: HttpRequest, call: Result<Call, Failure>| {
            let allowed = allowed.clone();
            async move { other_verb(&request, call, allowed) }
        };
        self.resource.default_service(web::route().to(other))
    }

    /// The path, whose other verbs get no envelope.
    pub(super) fn plain(self) -> Resource {
        self.resource
    }

    fn allowed(&self) -> String {
        let verbs = self.operations.iter().map(|(verb, _)| match verb {
            HttpMethod::Get => "GET, HEAD",
            HttpMethod::Put => "PUT",
            HttpMethod::Post => "POST",
            HttpMethod::Patch => "PATCH",
            _ => "DELETE",
        });
        verbs.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }

    fn with(mut self, verb: HttpMethod, op: Op, route: Route) -> Self {
        self.operations.push((verb, op));
        Self { resource: self.resource.route(route), ..self }
    }
}

/// GET or HEAD.
fn reading() -> Route {
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
