//! The document, made from the table of routes.

use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    AllOfBuilder, ArrayBuilder, ComponentsBuilder, ContentBuilder, InfoBuilder, ObjectBuilder,
    OpenApiBuilder, Paths, Ref, RefOr, Required, Response, ResponseBuilder, Schema, Server, Type,
};

use super::op::{Gives, Op, Tag, Takes};
use super::{parameters, schemas};
use crate::api::place::Described;

const SAYS: &str = include_str!("about.md");

/// What statuses that are no success mean, and the names of their answers in the document.
const FAILURES: [(u16, &str, &str); 10] = [
    (400, "invalid", "The body is no JSON, or what it asks for is not as it must be"),
    (401, "no_token", "There is no token, or it is not good any more"),
    (403, "forbidden", "It is not within the token's reach"),
    (404, "not_found", "There is no such document or page"),
    (
        405,
        "wrong_verb",
        "The verb that the body or a header puts in the place of POST is not one of this path",
    ),
    (409, "conflict", "The document was changed since it was read"),
    (412, "stale", "The document is no longer at the revision that If-Match names"),
    (415, "unsupported", "The body is of a type that is not read"),
    (
        429,
        "too_many",
        "Too many logins from this address have failed: Retry-After says how many seconds to wait",
    ),
    (503, "unavailable", "The disk is full, or the database does not answer; nothing was changed"),
];

/// The document for these places, with the schemas that it refers to.
pub(super) fn document(places: &[Described]) -> Value {
    let document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new().title("checksync").version(env!("CARGO_PKG_VERSION")).description(Some(SAYS)),
        )
        .servers(Some([Server::new("/")]))
        .tags(Some(
            Tag::ALL.map(|tag| TagBuilder::new().name(tag.name()).description(Some(tag.says())).build()),
        ))
        .paths(paths(places))
        .components(Some(components()));
    let mut document = json!(document.build());
    document["components"]["schemas"] = Value::Object(schemas::all());
    document
}

fn components() -> utoipa::openapi::Components {
    let header = ApiKeyValue::with_description("X-Auth-Token", "What PUT /v2/api_auth gave as auth_token");
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(header)))
        .security_scheme("bearer", SecurityScheme::Http(bearer));
    let components =
        parameters::all().fold(components, |components, (name, one)| components.parameter(name, one));
    let components = FAILURES.iter().fold(components, |components, (status, name, says)| {
        components.response(*name, failure(*status, says))
    });
    components.build()
}

fn failure(status: u16, says: &str) -> Response {
    let response = ResponseBuilder::new().description(says);
    let schema = match status {
        400 => enveloped("error", any(&["problems", "refusal", "import_report"])),
        415 => return response.build(),
        _ => to("error"),
    };
    response.content("application/json", ContentBuilder::new().schema(Some(schema)).build()).build()
}

fn paths(places: &[Described]) -> Paths {
    let paths = places.iter().fold(PathsBuilder::new(), |paths, place| {
        place.operations.iter().fold(paths, |paths, (verb, op)| {
            paths.path(&place.path, PathItem::new(verb.clone(), operation(&place.path, verb, op)))
        })
    });
    paths.build()
}

fn operation(path: &str, verb: &HttpMethod, op: &Op) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(op.id))
        .summary(Some(op.summary))
        .tags(Some([op.tag.name()]))
        .request_body(body(op));
    for name in names(path).map(str::to_owned).chain(asked(verb, op).map(str::to_owned)) {
        operation = operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
    }
    if op.needs_token {
        for scheme in ["token", "bearer"] {
            operation = operation.security(SecurityRequirement::new::<_, [&str; 0], _>(scheme, []));
        }
    }
    answers(operation, op).build()
}

/// The names in braces of a path.
pub(super) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// The parameters beside those of the path.
fn asked(verb: &HttpMethod, op: &Op) -> impl Iterator<Item = &'static str> + use<> {
    let own = op.parameters.iter().copied().flatten().copied();
    let plain = matches!(op.gives, Gives::Plain(_) | Gives::Nothing);
    let more = [
        ("accept", matches!(op.gives, Gives::Rows(_))),
        ("dry_run", op.can_be_tried),
        ("If-None-Match", op.reads && !op.fails.is_empty() && !plain),
        ("If-Match", op.fails.contains(&412) && *verb != HttpMethod::Put),
    ];
    own.chain(more.into_iter().filter(|(_, there)| *there).map(|(name, _)| name))
}

fn body(op: &Op) -> Option<utoipa::openapi::request_body::RequestBody> {
    let data = |data: RefOr<Schema>| ObjectBuilder::new().property("data", data).required("data").into();
    let body: RefOr<Schema> = match op.takes {
        Takes::Nothing => return None,
        Takes::Data(schema) => data(to(schema)),
        Takes::Rows(schema) => data(ArrayBuilder::new().items(to(schema)).into()),
        Takes::Whole(schema) => to(schema),
    };
    let json = ContentBuilder::new().schema(Some(body)).build();
    let body = RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", json);
    Some(match op.takes {
        Takes::Rows(_) => body.content("application/x-ndjson", text()).content("text/csv", text()).build(),
        _ => body.build(),
    })
}

fn answers(operation: OperationBuilder, op: &Op) -> OperationBuilder {
    let mut operation = match success(op) {
        Some(success) => operation.response(op.status.to_string(), success),
        None => operation,
    };
    for (status, says, schema) in op.also {
        operation = operation.response(status.to_string(), enveloped_answer(says, to(schema)).build());
    }
    if op.reads && !matches!(op.gives, Gives::Nothing) {
        operation = operation.response("304", Response::new("It is still what If-None-Match names"));
    }
    let failures = FAILURES.iter().filter(|(status, ..)| op.fails.contains(status));
    failures.fold(operation, |operation, (status, name, _)| {
        operation.response(status.to_string(), Ref::from_response_name(*name))
    })
}

fn success(op: &Op) -> Option<Response> {
    let data: RefOr<Schema> = match op.gives {
        Gives::Nothing => return None,
        Gives::Plain(kinds) => {
            let plain = ResponseBuilder::new().description(op.summary);
            let all = kinds.iter().fold(plain, |plain, kind| plain.content(*kind, ContentBuilder::new()));
            return Some(all.build());
        }
        Gives::Data(schema) if op.can_be_tried && op.status == 200 => any(&[schema, "plan"]),
        Gives::Data(schema) => to(schema),
        Gives::Rows(schema) => ArrayBuilder::new().items(to(schema)).into(),
    };
    let response = enveloped_answer(op.summary, data);
    Some(match op.gives {
        Gives::Rows(_) => response.content("text/csv", text()).build(),
        _ => response.build(),
    })
}

fn enveloped_answer(says: &str, data: RefOr<Schema>) -> ResponseBuilder {
    let json = ContentBuilder::new().schema(Some(enveloped("envelope", data))).build();
    ResponseBuilder::new().description(says).content("application/json", json)
}

/// An envelope around some data.
fn enveloped(envelope: &str, data: RefOr<Schema>) -> RefOr<Schema> {
    AllOfBuilder::new().item(to(envelope)).item(ObjectBuilder::new().property("data", data)).into()
}

fn text() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build()
}

fn any(schemas: &[&str]) -> RefOr<Schema> {
    schemas.iter().fold(AnyOfBuilder::new(), |any, schema| any.item(to(schema))).into()
}

fn to(schema: &str) -> RefOr<Schema> {
    Ref::from_schema_name(schema).into()
}
