//! A request of Kazoo's, and who is taken to have sent it.

use std::future::Future;
use std::pin::Pin;

use actix_web::guard::GuardContext;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use serde_json::Value;

use super::push::is_true;
use crate::account::Account;
use crate::api::error::Failure;
use crate::api::request::Call;
use crate::api::{Desk, access};
use crate::auth::Caller;
use crate::device::Mac;
use crate::document::Body;
use crate::id::Id;
use crate::schema::Problem;
use crate::store::{Span, Store};

/// A request whose sender is known.
pub(super) struct Pushed {
    pub(super) call: Call,
    pub(super) desk: web::Data<Desk>,
    /// The administrator that the sender is.
    pub(super) caller: Caller,
}

impl FromRequest for Pushed {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let desk = request.app_data::<web::Data<Desk>>().cloned().ok_or_else(Failure::not_found)?;
            let call = call(&desk, &request).await?;
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                call.must_be_meant()?;
            }
            let caller = access::administrator(call.caller()?)?.clone();
            Ok(Self { call, desk, caller })
        })
    }
}

/// From the networks that the operator trusts everything is the master account's: the token that comes with it is
/// Kazoo's own, and says nothing here. From elsewhere it must be one of ours. Only the connection's own address counts.
/// A browser in those networks is no server of the cluster: any page that it shows could make it push.
async fn call(desk: &web::Data<Desk>, request: &HttpRequest) -> Result<Call, Failure> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    if peer.is_some_and(|peer| desk.kazoo_from.iter().any(|network| network.contains(peer))) {
        if is_of_a_page(request) || !is_by_its_own_verb(request) {
            return Err(Failure::forbidden());
        }
        let master = master(&*desk.store).await?;
        return Ok(Call::taken_as(master, request, desk.clone()));
    }
    Call::from_request(request, &mut dev::Payload::None).await
}

/// Browsers say so themselves when a page of another site makes them ask (Fetch Metadata), or when what they send is
/// more than a look.
fn is_of_a_page(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    let own = site.is_none_or(|site| matches!(site, b"none" | b"same-origin"));
    !own || request.headers().contains_key(header::ORIGIN)
}

/// The verb that a request came with, before one that is written in it took its place.
#[derive(Clone)]
struct Verb(Method);

/// Remembers the verb of a request that has not been read yet.
pub(super) fn note_verb(context: &GuardContext<'_>) {
    context.req_data_mut().insert(Verb(context.head().method.clone()));
}

fn is_by_its_own_verb(request: &HttpRequest) -> bool {
    request.extensions().get::<Verb>().is_some_and(|Verb(verb)| verb == request.method())
}

/// Every account knows which one is above all others.
async fn master(store: &dyn Store) -> Result<Account, Failure> {
    let any =
        store.accounts(None, Span::ascending(None, 1)).await?.rows.pop().ok_or_else(Failure::no_token)?;
    match any.tree.first() {
        None => Ok(any),
        Some(master) => store.account(*master).await?.ok_or_else(Failure::no_token),
    }
}

impl Pushed {
    /// The id of the account that the path names, whether it is there or not.
    pub(super) fn account_id(&self) -> Result<Id, Failure> {
        let text = self.named("account");
        text.parse().map_err(|_| Failure::no_account_id(text))
    }

    /// The account that the path names, if it is there and the caller may change it.
    pub(super) async fn account(&self) -> Result<Option<Account>, Failure> {
        let found = self.desk.store.account(self.account_id()?).await?;
        if found.as_ref().is_some_and(|account| !self.caller.reaches(account)) {
            return Err(Failure::forbidden());
        }
        Ok(found)
    }

    /// The MAC address that the path names.
    pub(super) fn mac(&self) -> Result<Mac, Failure> {
        let text = self.named("mac");
        let wrong = |error: crate::id::Malformed| {
            Failure::problem("mac_address", "pattern", Problem::new(error.to_string()))
        };
        text.parse().map_err(wrong)
    }

    /// What the path has at this place.
    pub(super) fn named(&self, place: &str) -> &str {
        self.call.named(place)
    }

    /// The object under `data`; an account's push may have none.
    pub(super) fn data(&self) -> Result<Body, Failure> {
        match self.call.intake().envelope.get("data") {
            None | Some(Value::Null) => Ok(Body::new()),
            Some(Value::Object(data)) => Ok(data.clone()),
            Some(_) => {
                let problem = Problem::new("Value did not match type(s): object").target("object");
                Err(Failure::problem("data", "type", problem))
            }
        }
    }

    /// Whether a member beside the data is switched on.
    pub(super) fn wants(&self, name: &str) -> bool {
        is_true(self.call.intake().envelope.get(name))
    }

    /// The id in a member beside the data.
    pub(super) fn id(&self, name: &str) -> Option<Id> {
        self.call.intake().envelope.get(name)?.as_str()?.parse().ok()
    }

    /// The time, in Unix seconds.
    pub(super) fn unix(&self) -> u64 {
        (self.desk.clock)() / 1000
    }
}
