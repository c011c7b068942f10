//! A request as its handler sees it: the body read, the token looked up, and what the path names within reach.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::envelope::{Trace, names};
use super::error::Failure;
use super::intake::{Intake, OWN};
use super::{Desk, access, caller};
use crate::account::Account;
use crate::auth::{Caller, Shown, Source};
use crate::document::{Body, Document};
use crate::id::{Id, Revision};
use crate::schema::Problem;
use crate::store::MAX_VALUE;

/// How deep the data may be nested. A stored document lies some levels deeper than in its request, and must be read
/// again by a parser that stops at 128.
const DEEPEST: usize = 100;

/// How long the name of a member may be, in bytes.
const LONGEST_NAME: usize = 512;

/// A request whose body could be read and whose token, if it has one, is good.
pub(super) struct Call {
    pub(super) desk: web::Data<Desk>,
    request: HttpRequest,
    intake: Intake,
    caller: Option<Caller>,
}

impl FromRequest for Call {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let intake = request.extensions_mut().remove::<Intake>().unwrap_or_default();
            Self::new(request, intake).await
        })
    }
}

impl Call {
    /// A request that is taken as this account's whatever token it has.
    pub(super) fn taken_as(caller: Account, request: &HttpRequest, desk: web::Data<Desk>) -> Self {
        let intake = request.extensions_mut().remove::<Intake>().unwrap_or_default();
        Self { desk, request: request.clone(), intake, caller: Some(Caller::with_key(caller)) }
    }

    async fn new(request: HttpRequest, intake: Intake) -> Result<Self, Failure> {
        let desk = request.app_data::<web::Data<Desk>>().cloned().ok_or_else(Failure::not_found)?;
        let mut call = Self { desk, request, intake, caller: None };
        if let Some(shown) = call.shown().filter(|_| !call.signs_in()) {
            call.caller = Some(caller::recognise(&call.desk, call.source(), &shown).await?);
            if let Shown::Token(token) = &shown {
                Trace::keep_token(&call.request, token);
            }
        }
        Ok(call)
    }

    /// Who is calling.
    pub(super) fn caller(&self) -> Result<&Caller, Failure> {
        self.caller.as_ref().ok_or_else(Failure::no_token)
    }

    /// The calling administrator, for a request with a body.
    pub(super) fn writer(&self) -> Result<&Caller, Failure> {
        let caller = access::administrator(self.caller()?)?;
        self.readable().map(|()| caller)
    }

    /// The account that the path names, if the caller administers it.
    pub(super) async fn account(&self) -> Result<Account, Failure> {
        let account = self.reached_account().await?;
        access::administrator(self.caller()?).map(|_| account)
    }

    /// The account that the path names, if the caller has anything in it. What that is, is for others to check.
    pub(super) async fn reached_account(&self) -> Result<Account, Failure> {
        let account = match self.named("account") {
            OWN => self.caller()?.account.clone(),
            text => self.account_of(text).await?,
        };
        let caller = self.caller()?;
        if !caller.reaches(&account) || (self.switches(&account) && !caller.may_switch(&account)) {
            return Err(Failure::forbidden());
        }
        self.readable().map(|()| account)
    }

    /// Where the request comes from: the other end of its connection, whatever its headers say.
    pub(super) fn source(&self) -> Source {
        Source::of(self.peer().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)))
    }

    /// The token that was shown, and found good.
    pub(super) fn token(&self) -> Option<String> {
        match self.shown() {
            Some(Shown::Token(token)) => Some(token),
            _ => None,
        }
    }

    /// The URL at which the client has reached us, without a slash at its end.
    pub(super) fn site(&self) -> String {
        let connection = self.request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    }

    async fn account_of(&self, text: &str) -> Result<Account, Failure> {
        if text.chars().count() != 32 {
            return Err(Failure::no_account_id(text));
        }
        let id: Id = text.parse().map_err(|_| Failure::unknown(text))?;
        self.desk.store.account(id).await?.ok_or_else(|| Failure::unknown(text))
    }

    /// The id at this place of the path.
    pub(super) fn id(&self, place: &str) -> Result<Id, Failure> {
        self.named(place).parse().map_err(|_| Failure::unknown(self.named(place)))
    }

    /// What the path has at this place.
    pub(super) fn named(&self, place: &str) -> &str {
        self.request.match_info().get(place).unwrap_or_default()
    }

    /// What the path has at this place when it may be any text: `%2B`, `%2F` and `%25`, which routing leaves as they
    /// are, are read too.
    pub(super) fn decoded(&self, place: &str) -> String {
        percent_decode_str(self.named(place)).decode_utf8_lossy().into_owned()
    }

    /// The request as it came, without its body.
    pub(super) fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// The object under `data`.
    pub(super) fn data(&self) -> Result<Body, Failure> {
        let data = self.intake.envelope.get("data");
        data.map_or(Ok(()), check_shape)?;
        data.filter(|_| self.intake.length > MAX_VALUE).map_or(Ok(()), check_size)?;
        match data {
            Some(Value::Object(data)) => Ok(data.clone()),
            None | Some(Value::Null) => {
                let problem = Problem::new("Field is required but missing").value("data");
                Err(Failure::problem("data", "required", problem))
            }
            Some(_) => {
                let problem = Problem::new("Value did not match type(s): object").target("object");
                Err(Failure::problem("data", "type", problem))
            }
        }
    }

    /// What came with the request beside its headers.
    pub(super) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.intake.parameter(name)
    }

    /// A value that may stand in the data, the query or the envelope, found in this order.
    pub(super) fn option(&self, name: &str) -> Option<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let data = self.intake.envelope.get("data").and_then(|data| data.get(name)).map(text);
        let query = || self.parameter(name).map(str::to_owned);
        data.or_else(query).or_else(|| self.intake.envelope.get(name).map(text))
    }

    /// Refuses the request when it was made for another revision than the document has: 412 for `If-Match`, 409
    /// for one that stands in the body.
    pub(super) fn check_revision(&self, document: &Document) -> Result<(), Failure> {
        let current = document.revision.to_string();
        if self.if_match().is_some_and(|tags| !names(tags, &current)) {
            return Err(Failure::precondition());
        }
        match self.given_revision() {
            Some(given) if given != current => Err(Failure::conflict()),
            _ => Ok(()),
        }
    }

    /// True when the request says which revision it was made for.
    pub(super) fn names_revision(&self) -> bool {
        self.if_match().is_some() || self.given_revision().is_some()
    }

    /// The time, in Unix seconds.
    pub(super) fn unix(&self) -> u64 {
        (self.desk.clock)() / 1000
    }

    /// An id that nobody has.
    pub(super) fn fresh_id(&self) -> Id {
        fresh_id(self.desk.random)
    }

    /// Where the request came from: the connection's other end, whatever its headers say.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.request.peer_addr().map(|peer| peer.ip().to_canonical())
    }

    /// The request's name, as its answer and the log give it.
    pub(super) fn request_id(&self) -> String {
        self.request.extensions().get::<Trace>().map(Trace::request).unwrap_or_default()
    }

    /// True when the request asks what it would do, and not to do it: `dry_run=true`, in any case, in the query or in
    /// the envelope. What is neither true nor false is refused, so that nothing is done by mistake.
    pub(super) fn is_dry_run(&self) -> Result<bool, Failure> {
        let query = self.parameter("dry_run").map(|text| Value::String(text.to_owned()));
        let envelope = self.intake.envelope.get("dry_run").cloned();
        let wishes = query.into_iter().chain(envelope).map(|wish| dry(&wish));
        wishes.collect::<Result<Vec<bool>, Failure>>().map(|wishes| wishes.contains(&true))
    }

    /// Refuses a dry run of what cannot be tried.
    pub(super) fn must_be_meant(&self) -> Result<(), Failure> {
        if !self.is_dry_run()? {
            return Ok(());
        }
        let problem = Problem::new("This cannot be tried: leave dry_run out to do it").value(true);
        Err(Failure::problem("dry_run", "invalid", problem))
    }

    /// Refuses a body of a kind that is not read here.
    pub(super) fn readable(&self) -> Result<(), Failure> {
        if self.intake.supported { Ok(()) } else { Err(Failure::unsupported()) }
    }

    fn if_match(&self) -> Option<&str> {
        self.request.headers().get(header::IF_MATCH)?.to_str().ok()
    }

    /// `undefined` and `automatic` are what Kazoo writes where there is none. In the data, where any name may be
    /// the administrator's own, `revision` counts only when it reads like one.
    fn given_revision(&self) -> Option<&str> {
        let data = self.intake.envelope.get("data");
        let own = data.and_then(|data| data.get("revision")).and_then(Value::as_str);
        let own = own.filter(|text| text.parse::<Revision>().is_ok());
        let given = ["revision", "_rev"].iter().find_map(|name| self.intake.envelope.get(*name));
        let given = given.or_else(|| data?.get("_rev")).and_then(Value::as_str);
        given.or(own).filter(|text| !matches!(*text, "" | "undefined" | "automatic"))
    }

    /// True when the request is to switch the account itself on or off.
    fn switches(&self, account: &Account) -> bool {
        let changes = matches!(*self.request.method(), Method::POST | Method::PATCH);
        let wanted = self.intake.envelope.get("data").and_then(|data| data.get("enabled"));
        let wanted = wanted.is_some_and(|wanted| !wanted.is_null() && *wanted != account.enabled());
        wanted && changes && self.request.match_pattern().is_some_and(|path| path.ends_with("/{account}"))
    }

    /// What the client shows: in the path where a token has its own, else in the first place that has anything.
    fn shown(&self) -> Option<Shown> {
        let header = |name| self.request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
        let envelope = self.intake.envelope.get("auth_token").and_then(Value::as_str);
        let token = self.request.match_info().get("token").or_else(|| header("x-auth-token"));
        let token = token.or_else(|| self.parameter("auth_token")).or(envelope);
        let authorization = || Shown::authorization(header("authorization")?);
        token.and_then(Shown::token).or_else(authorization)
    }

    /// Who signs in again may still send a token that has expired.
    fn signs_in(&self) -> bool {
        let path = self.request.match_pattern();
        path.is_some_and(|path| path.ends_with("/api_auth") || path.ends_with("/user_auth"))
    }
}

fn dry(wish: &Value) -> Result<bool, Failure> {
    let text = wish.as_str().map_or_else(|| wish.to_string(), str::to_lowercase);
    text.parse().map_err(|_| {
        let problem =
            Problem::new("Value did not match type(s): boolean").target("boolean").value(wish.clone());
        Failure::problem("dry_run", "type", problem)
    })
}

/// An id that nobody has.
pub(super) fn fresh_id(random: fn() -> [u8; 32]) -> Id {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&random()[..16]);
    Id::from_bytes(bytes)
}

/// Refuses what is nested too deeply to be stored, and names that are too long: they would stand in the path of every
/// member below them.
pub(super) fn check_shape(data: &Value) -> Result<(), Failure> {
    if !is_shallow(data, DEEPEST) {
        let message = format!("The data must not be more than {DEEPEST} levels deep");
        return Err(Failure::problem("data", "maxDepth", Problem::new(message).target(DEEPEST)));
    }
    if !has_short_names(data) {
        let message = format!("Names must not be more than {LONGEST_NAME} bytes");
        return Err(Failure::problem("data", "maxLength", Problem::new(message).target(LONGEST_NAME)));
    }
    Ok(())
}

/// Refuses a document that is too large to be stored, before anybody looks for all that is wrong with it.
fn check_size(data: &Value) -> Result<(), Failure> {
    let bytes = data.to_string().len();
    if bytes <= MAX_VALUE {
        return Ok(());
    }
    let message = format!("{bytes} bytes are too many: {MAX_VALUE} is the most that can be stored here");
    Err(Failure::problem("data", "maxSize", Problem::new(message).target(MAX_VALUE)))
}

fn has_short_names(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(has_short_names),
        Value::Object(members) => {
            members.iter().all(|(name, member)| name.len() <= LONGEST_NAME && has_short_names(member))
        }
        _ => true,
    }
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(members) => levels > 0 && members.values().all(|member| is_shallow(member, levels - 1)),
        _ => true,
    }
}
