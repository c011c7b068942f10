//! The document that describes this API (OpenAPI 3.1), and a page made of it.
//!
//! It is built from the table of routes: each verb there has its description beside its handler, so that neither
//! can be without the other.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use super::envelope::is_known;
use crate::id::Digest;

pub(super) mod accounts;
mod build;
pub(super) mod bulk;
pub(super) mod campaigns;
pub(super) mod devices;
pub(super) mod kazoo;
mod members;
mod op;
mod page;
mod parameters;
pub(super) mod phones;
mod schemas;
pub(super) mod sessions;
mod shapes;
pub(super) mod site;

pub(super) use op::Op;

/// Something that is made once and served as it is.
struct Made {
    kind: &'static str,
    digest: String,
    text: String,
}

static DOCUMENT: LazyLock<Made> =
    LazyLock::new(|| Made::of("application/json", build::document(&super::described()).to_string()));

static PAGE: LazyLock<Made> =
    LazyLock::new(|| Made::of("text/html; charset=utf-8", page::of(&build::document(&super::described()))));

impl Made {
    fn of(kind: &'static str, text: String) -> Self {
        Self { kind, digest: Digest::of(text.as_bytes()).to_string(), text }
    }

    fn answer(&'static self, request: &HttpRequest) -> HttpResponse {
        let known = is_known(request, &self.digest);
        let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer.insert_header((header::ETAG, format!("\"{}\"", self.digest)));
        answer.insert_header((header::CACHE_CONTROL, "no-cache"));
        answer.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        answer.insert_header((header::CONTENT_SECURITY_POLICY, page::policy()));
        if known { answer.finish() } else { answer.content_type(self.kind).body(self.text.as_str()) }
    }
}

/// `GET /v2/openapi.json`
pub(super) async fn document(request: HttpRequest) -> HttpResponse {
    DOCUMENT.answer(&request)
}

/// `GET /docs`: the same for people. It needs nothing that is not in it.
pub(super) async fn page(request: HttpRequest) -> HttpResponse {
    PAGE.answer(&request)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::place::Described;

    fn operations(places: &[Described]) -> impl Iterator<Item = (&str, &Op)> {
        places.iter().flat_map(|place| place.operations.iter().map(|(_, op)| (place.path.as_str(), op)))
    }

    #[test]
    fn every_name_in_a_path_and_every_parameter_is_described() {
        for (path, op) in operations(&crate::api::described()) {
            let names = build::names(path).chain(op.parameters.iter().flat_map(|some| some.iter().copied()));
            for name in names {
                assert!(parameters::is_known(name), "{path}: say in openapi/parameters.rs what {name} is");
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_a_sentence() {
        let places = crate::api::described();
        let ids: BTreeSet<_> = operations(&places).map(|(_, op)| op.id).collect();
        assert_eq!(ids.len(), operations(&places).count());
        for (path, op) in operations(&places) {
            assert!(op.summary.len() >= 8 && !op.summary.ends_with('.'), "{path}: {}", op.summary);
        }
    }

    #[test]
    fn the_same_routes_make_the_same_document() {
        let again = build::document(&crate::api::described()).to_string();
        assert_eq!(DOCUMENT.text, again);
    }
}
