//! The phones' door, by HTTP and TFTP: a file name, a User-Agent, and the file or nothing.
//!
//! Everything that is refused is refused alike: the same empty 404, at the same time after the request, so
//! that a stranger learns nothing of which MAC addresses are known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use tracing::info;

use crate::catalog::{Asker, Encryption, LONGEST_NAME};
use crate::circle::Circle;
use crate::files::{Files, Given, GivenFile, Refusal};
use crate::statics::{StaticFile, Statics};
use crate::store::Store;
use crate::template::Set;
use crate::uploads::Uploads;

mod agents;
mod asked;
mod noted;
mod places;
mod posted;
mod registered;
mod sent;
mod statics;
mod taking;
pub mod tftp;

pub use registered::Registered;

use agents::Agents;
use asked::Asked;
use noted::Noted;
use sent::Sent;
use statics::Streams;
use taking::Taking;

/// How long after its request a refusal is answered.
const REFUSAL: Duration = Duration::from_millis(15);

/// The longest path a phone asks for.
const LONGEST_PATH: usize = 2048;

/// What the door works with.
pub struct Means {
    /// What each phone would be given.
    pub files: Arc<Files>,
    /// Who hears of what was fetched.
    pub circle: Circle,
    /// Where it is noted what phones call themselves.
    pub store: Arc<dyn Store>,
    /// Firmware and the like.
    pub statics: Statics,
    /// What phones send.
    pub uploads: Arc<Uploads>,
    /// From where phones are registered.
    pub registered: Registered,
    /// The path of the URL at which phones reach us, below which static files are asked for.
    pub base: String,
    /// Unix milliseconds.
    pub clock: fn() -> u64,
}

/// The door.
pub struct Shelf {
    files: Arc<Files>,
    circle: Circle,
    noted: Noted,
    agents: Agents,
    statics: Statics,
    streams: Streams,
    uploads: Arc<Uploads>,
    registered: Registered,
    taking: Taking,
    base: String,
    clock: fn() -> u64,
}

impl Shelf {
    /// A door that works with these.
    pub fn new(means: Means) -> Self {
        let Means { files, circle, store, statics, uploads, registered, base, clock } = means;
        let (noted, agents) = (Noted::default(), Agents::new(store));
        let (streams, taking) = (Streams::default(), Taking::default());
        Self { files, circle, noted, agents, statics, streams, uploads, registered, taking, base, clock }
    }
}

/// Adds the phones' routes: every path is a phone's.
pub fn configure(shelf: Arc<Shelf>) -> impl Fn(&mut web::ServiceConfig) + Clone {
    let shelf = web::Data::from(shelf);
    move |config| {
        config.app_data(shelf.clone());
        config.route("/healthz", web::get().to(healthy));
        config.route("/healthz", web::head().to(healthy));
        config.default_service(web::route().to(answer));
    }
}

async fn healthy() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "ok"}))
}

/// What there is for a request.
enum Found {
    /// This file of a phone.
    Rendered(Arc<Given>, usize),
    /// A file that is the same for all.
    Static(StaticFile),
    /// What the phone itself has sent.
    Sent(Arc<Given>, Sent),
}

impl Found {
    /// Whose file it is.
    fn given(&self) -> Option<&Given> {
        match self {
            Self::Rendered(given, _) | Self::Sent(given, _) => Some(given),
            Self::Static(_) => None,
        }
    }
}

/// What a phone is answered, and why; one log line says both.
enum Decision {
    Whole,
    Taken,
    NotModified,
    Refused(&'static str),
}

async fn answer(request: HttpRequest, shelf: web::Data<Shelf>, payload: web::Payload) -> HttpResponse {
    let begun = now();
    let asked = Asked::of(&request);
    let answered = match *request.method() {
        Method::GET | Method::HEAD => shelf.give(&request, &asked).await,
        Method::PUT => shelf.take(&request, &asked, payload).await,
        Method::POST => shelf.posted(&request, &asked, payload).await,
        _ => Err("nobody asks so"),
    };
    match answered {
        Ok((response, given, decision)) => {
            log(&asked, given.as_deref(), &decision);
            response
        }
        Err(reason) => {
            log(&asked, None, &Decision::Refused(reason));
            tokio::time::sleep_until((begun + REFUSAL).into()).await;
            HttpResponse::NotFound().finish()
        }
    }
}

/// What is sent back, and what the log says of it.
type Answered = (HttpResponse, Option<Arc<Given>>, Decision);

impl Shelf {
    async fn give(&self, request: &HttpRequest, asked: &Asked<'_>) -> Result<Answered, &'static str> {
        match self.find(asked).await? {
            Found::Rendered(given, at) => {
                let (response, decision) = serve(&given.files[at], asked.if_none_match);
                if *request.method() == Method::GET {
                    self.heard(asked, &given, at);
                }
                Ok((response, Some(given), decision))
            }
            Found::Static(file) => {
                let (response, decision) = statics::serve(request, file, &self.streams).await?;
                Ok((response, None, decision))
            }
            Found::Sent(given, sent) => Ok((sent.serve(), Some(given), Decision::Whole)),
        }
    }

    /// What there is for a request, or why there is nothing: a phone's own file, else what it has sent itself, else a static
    /// file.
    async fn find(&self, asked: &Asked<'_>) -> Result<Found, &'static str> {
        if asked.name.len() > LONGEST_NAME || asked.path.len() > LONGEST_PATH {
            return Err("the name is too long");
        }
        let set = self.files.set();
        let refused = match self.rendered(asked, &set).await {
            Ok((given, at)) => return Ok(Found::Rendered(given, at)),
            Err(refused) => refused,
        };
        let refused = match self.sent(asked, &set).await {
            Ok((given, sent)) => return Ok(Found::Sent(given, sent)),
            Err(why) => why.unwrap_or(refused),
        };
        let place = asked.place.as_ref().ok_or(refused)?;
        let names = statics::names(place, &self.base, set.catalog(), asked.user_agent);
        self.statics.find(names).await.map(Found::Static).ok_or(refused)
    }

    /// The file of its own that a phone asks for. Path and User-Agent must agree.
    async fn rendered(&self, asked: &Asked<'_>, set: &Set) -> Result<(Arc<Given>, usize), &'static str> {
        let (name, asker) = set.catalog().asked_for(asked.path).ok_or("nobody asks for such a file")?;
        let given = self.admitted(asked, set, asker).await?;
        let at = given.files.iter().position(|file| file.name.eq_ignore_ascii_case(name));
        at.map(|at| (given, at)).ok_or("the device's model does not ask for this file")
    }

    /// Who asks, if it is a phone that is known, switched on, and not another than it says.
    async fn admitted(&self, asked: &Asked<'_>, set: &Set, asker: Asker) -> Result<Arc<Given>, &'static str> {
        let stated = set.catalog().mac_in_user_agent(asked.user_agent);
        let given = self.files.for_asker(asker).await.map_err(|refusal| reason(&refusal, asker))?;
        if stated.is_some_and(|stated| matches!(asker, Asker::Mac(mac) if mac != stated)) {
            return Err("path and User-Agent name different phones");
        }
        Ok(given)
    }

    /// Notes who has fetched what.
    fn heard(&self, asked: &Asked<'_>, given: &Given, at: usize) {
        self.agents.heard(given.device, asked.user_agent, (self.clock)() / 1000);
        self.note(given, &given.files[at]);
    }

    /// Tells the circle what the phone now has.
    fn note(&self, given: &Given, file: &GivenFile) {
        let at = (self.clock)();
        let unix = at / 1000;
        let digest = file.rendered.digest;
        let is_news = self.noted.is_news(given.device, &file.name, digest, unix);
        if is_news || self.circle.awaits(given.device) {
            self.circle.fetched(given.device, &file.name, digest, at);
        }
    }
}

/// What the log says of a refusal; the phone hears nothing of it.
fn reason(refusal: &Refusal, asker: Asker) -> &'static str {
    match refusal {
        Refusal::Unknown => "no device has this MAC address or id",
        Refusal::Disabled => "the device or its account is switched off",
        Refusal::NoModel(_) => "the catalog has no such model",
        Refusal::Settings(_) | Refusal::Template(_) | Refusal::Store(_) => {
            tracing::error!(?asker, %refusal, "a phone's file could not be made");
            "the file could not be made"
        }
    }
}

/// `*` says nothing of what the phone holds, so that it is given the file.
fn serve(file: &GivenFile, if_none_match: &str) -> (HttpResponse, Decision) {
    let unchanged =
        if_none_match.split(',').map(str::trim).any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == file.etag);
    let status = if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, file.etag.as_str()));
    if unchanged {
        return (response.finish(), Decision::NotModified);
    }
    response.insert_header((CONTENT_TYPE, file.rendered.content_type.as_str()));
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if let Some(coding) = file.rendered.encryption.and_then(Encryption::content_coding) {
        response.insert_header((CONTENT_ENCODING, coding));
    }
    (response.body(file.rendered.body.clone()), Decision::Whole)
}

fn log(asked: &Asked<'_>, given: Option<&Given>, decision: &Decision) {
    let (decision, reason) = match decision {
        Decision::Whole => ("served", ""),
        Decision::Taken => ("taken", ""),
        Decision::NotModified => ("not modified", "the phone has it already"),
        Decision::Refused(reason) => ("refused", *reason),
    };
    let peer = asked.peer.map(tracing::field::display);
    let device = given.map(|given| tracing::field::display(given.device));
    let rule = given.map(|given| given.model.as_str());
    let (name, agent) = (if given.is_some() { asked.name } else { asked.path }, asked.user_agent);
    info!(target: "checksync::phones", peer, name, agent, device, rule, decision, reason);
}

#[allow(clippy::disallowed_methods, reason = "a door reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Digest;
    use crate::render::Rendered;

    #[test]
    fn only_a_phone_that_names_the_digest_is_told_that_nothing_changed() {
        let digest = Digest::of(b"body");
        let rendered = Rendered {
            body: "body".into(),
            content_type: "text/plain".to_owned(),
            encryption: None,
            digest,
            warnings: Vec::new(),
        };
        let etag = format!("\"{digest}\"");
        let file = GivenFile {
            name: "a.cfg".to_owned(),
            rendered,
            etag: etag.clone(),
            secret: false,
            optional: false,
            posted: false,
        };
        let status = |if_none_match: &str| serve(&file, if_none_match).0.status().as_u16();
        assert_eq!([etag.clone(), format!("\"x\", W/{etag}")].map(|tags| status(&tags)), [304, 304]);
        assert_eq!(["", "*", "\"x\"", "\"x\", *"].map(status), [200; 4]);
    }
}
