//! Static files over HTTP: which one a path means, whole or in part (RFC 9110 §13 and §14).

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt as _;

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, ByteRangeSpec, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, EntityTag, Header,
    IF_RANGE, IfNoneMatch, IfRange, RANGE, Range, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::StreamExt as _;
use mime_guess::Mime;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::Decision;
use super::places::{Place, Places, network};
use crate::catalog::Catalog;
use crate::device::Make;
use crate::statics::{Name, StaticFile};

/// How much of a file is read at a time for each phone that fetches it, in bytes. What is no longer is no stream.
const PIECE: usize = 1 << 16;

/// The most streams at a time; so many each network may have, and beyond them whatever nobody else wants of the first half.
const MOST: usize = 256;
const MOST_OF_ONE: usize = 16;

/// Who is being sent a static file just now, by network. Whoever reads slowly holds connection, file and memory.
#[derive(Debug, Default)]
pub(super) struct Streams(Places<Option<IpAddr>>);

/// A place among them, until it is dropped.
type Turn = Place<Option<IpAddr>>;

impl Streams {
    fn enter(&self, from: Option<IpAddr>) -> Option<Turn> {
        let network = from.map(network);
        self.0.enter(network, |under_way| {
            let of_one = under_way.get(&network).copied().unwrap_or_default();
            let of_all = under_way.values().sum::<usize>();
            of_all < MOST && (of_one < MOST_OF_ONE || of_all < MOST / 2)
        })
    }
}

/// The names that one may mean, the most particular first: below the folder of the family that the phone says it is of,
/// below that of its brand, and as it stands. `base` is the path below which phones reach us; whoever stands between may or
/// may not take it away.
pub(super) fn names(name: &Name, base: &str, catalog: &Catalog, user_agent: &str) -> Vec<Name> {
    let folders = folders(catalog, user_agent);
    let bare = name.without(base);
    let of = |name: &Name| {
        let below = folders.iter().filter_map(|folder| name.below(folder));
        below.chain([name.clone()]).collect::<Vec<_>>()
    };
    bare.iter().chain([name]).flat_map(of).collect()
}

/// The folders of what the phone says it is.
fn folders(catalog: &Catalog, user_agent: &str) -> Vec<String> {
    let agent = catalog.agent(user_agent);
    let Some(brand) = agent.brand else { return Vec::new() };
    let model = agent.model.unwrap_or_default();
    let entry = catalog.find(&Make { brand: brand.clone(), family: String::new(), model });
    let family = entry.map(|entry| format!("{brand}/{}", entry.family_id));
    family.into_iter().chain([brand]).collect()
}

/// What of a file is sent.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Unchanged,
    Whole,
    /// From this byte to that.
    Bytes(u64, u64),
    /// It has no such bytes.
    Beyond,
}

/// The answer to a request for a static file; an error where no more can be sent just now.
pub(super) async fn serve(
    request: &HttpRequest,
    found: StaticFile,
    streams: &Streams,
) -> Result<(HttpResponse, Decision), &'static str> {
    let tag = EntityTag::new_strong(found.sha256.clone());
    let part = wanted(request, &tag, found.bytes);
    let mut response = HttpResponse::build(status(&part));
    response.insert_header((ETAG, tag.to_string())).insert_header((CACHE_CONTROL, "no-cache"));
    response.insert_header((ACCEPT_RANGES, "bytes")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    let (first, last) = match part {
        Part::Unchanged => return Ok((response.finish(), Decision::NotModified)),
        Part::Beyond => {
            response.insert_header((CONTENT_RANGE, format!("bytes */{}", found.bytes)));
            return Ok((response.finish(), Decision::Refused("the file has no such bytes")));
        }
        Part::Whole => (0, found.bytes),
        Part::Bytes(first, last) => {
            response.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{}", found.bytes)));
            (first, last + 1)
        }
    };
    response.insert_header((CONTENT_TYPE, kind(&found.name).to_string()));
    if *request.method() == Method::HEAD {
        return Ok((nothing(response, found.bytes), Decision::Whole));
    }
    let turn = || streams.enter(request.peer_addr().map(|peer| peer.ip()));
    let sent = bytes(response, found, (first, last - first), turn).await;
    sent.map(|response| (response, Decision::Whole)).ok_or("too many static files are being sent")
}

/// What a file is, as its name says.
pub(super) fn kind(name: &Name) -> Mime {
    mime_guess::from_path(name.as_str()).first_or_octet_stream()
}

/// An answer without a body, which says how long that would be.
fn nothing(mut response: HttpResponseBuilder, bytes: u64) -> HttpResponse {
    response.body(SizedStream::new(bytes, futures_util::stream::empty::<Result<_, io::Error>>()))
}

/// An answer with so many bytes from this one on: a short file is read at once, a part of a longer one needs a turn.
async fn bytes(
    response: HttpResponseBuilder,
    found: StaticFile,
    (first, bytes): (u64, u64),
    turn: impl FnOnce() -> Option<Turn>,
) -> Option<HttpResponse> {
    if found.bytes <= PIECE as u64
        && let Ok(few) = usize::try_from(bytes)
    {
        return Some(few_bytes(response, found, first, few).await);
    }
    Some(stream(response, found, (first, bytes), turn()?).await)
}

/// An answer that is read at once.
async fn few_bytes(
    mut response: HttpResponseBuilder,
    found: StaticFile,
    first: u64,
    bytes: usize,
) -> HttpResponse {
    let read = tokio::task::spawn_blocking(move || {
        let mut body = vec![0; bytes];
        found.file.read_exact_at(&mut body, first).map(|()| body)
    });
    match read.await.map_err(io::Error::other).flatten() {
        Ok(body) => response.body(body),
        Err(error) => unreadable(&found.name, &error),
    }
}

/// An answer that is read as it is sent, and has its turn until then.
async fn stream(
    mut response: HttpResponseBuilder,
    found: StaticFile,
    (first, bytes): (u64, u64),
    turn: Turn,
) -> HttpResponse {
    let mut file = tokio::fs::File::from_std(found.file);
    if let Err(error) = file.seek(io::SeekFrom::Start(first)).await {
        return unreadable(&found.name, &error);
    }
    let pieces = ReaderStream::with_capacity(file.take(bytes), PIECE).inspect(move |_| {
        let _until_it_is_sent = &turn;
    });
    response.body(SizedStream::new(bytes, pieces))
}

fn unreadable(name: &Name, error: &io::Error) -> HttpResponse {
    tracing::warn!(%error, %name, "a static file cannot be read");
    HttpResponse::NotFound().finish()
}

const fn status(part: &Part) -> StatusCode {
    match part {
        Part::Unchanged => StatusCode::NOT_MODIFIED,
        Part::Whole => StatusCode::OK,
        Part::Bytes(..) => StatusCode::PARTIAL_CONTENT,
        Part::Beyond => StatusCode::RANGE_NOT_SATISFIABLE,
    }
}

fn wanted(request: &HttpRequest, tag: &EntityTag, bytes: u64) -> Part {
    if holds(request, tag) {
        return Part::Unchanged;
    }
    if !asks_for_one_range(request) || !range_counts(request, tag) {
        return Part::Whole;
    }
    match Range::parse(request) {
        Ok(Range::Bytes(ranges)) => part(&ranges, bytes),
        _ => Part::Whole,
    }
}

/// `*` says nothing of what the phone holds, so that it is given the file.
fn holds(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|held| held.weak_eq(tag)),
        _ => false,
    }
}

/// A range counts for GET only (RFC 9110 §14.2), and where some of what is asked for cannot be read, nothing is.
fn asks_for_one_range(request: &HttpRequest) -> bool {
    let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
    *request.method() == Method::GET && range.is_some_and(|range| !range.contains(','))
}

/// A part is of use only to whoever has another of the same file. A date says too little to be sure.
fn range_counts(request: &HttpRequest, tag: &EntityTag) -> bool {
    match request.headers().contains_key(IF_RANGE).then(|| IfRange::parse(request)) {
        None => true,
        Some(Ok(IfRange::EntityTag(held))) => held.strong_eq(tag),
        Some(_) => false,
    }
}

/// Several parts at once are answered with the whole file, as everybody may who is asked for them.
fn part(ranges: &[ByteRangeSpec], bytes: u64) -> Part {
    let [range] = ranges else { return Part::Whole };
    range.to_satisfiable_range(bytes).map_or(Part::Beyond, |(first, last)| Part::Bytes(first, last))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn catalog() -> Catalog {
        let model = "t46s = { name = \"T46S\", lines = 1, keys = 1 }";
        let file =
            "{ name = \"{mac}.cfg\", template = \"t\", format = \"xml\", content_type = \"text/xml\" }";
        let text = format!(
            "name = \"Yealink\"\nmac_prefixes = []\nuser_agents = [\"yealink\"]\nevents = {{ reread = \"a\", reboot = \"b\" }}\n\
             [families.t4x]\nname = \"T4x\"\nfiles = [{file}]\n[families.t4x.models]\n{model}"
        );
        Catalog::parse([("yealink", text.as_str())]).unwrap()
    }

    fn named(name: &str, base: &str, user_agent: &str) -> Vec<String> {
        let name = Name::parse(name).unwrap();
        names(&name, base, &catalog(), user_agent).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_means_what_lies_nearest_to_the_phone() {
        assert_eq!(named("a b.rom", "/", ""), ["a b.rom"]);
        let agent = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:00:00:01";
        assert_eq!(named("a.rom", "/", agent), ["yealink/t4x/a.rom", "yealink/a.rom", "a.rom"]);
        assert_eq!(named("a.rom", "", "Yealink SIP-T99"), ["yealink/a.rom", "a.rom"]);
        assert_eq!(named("phones/a.rom", "/phones/", ""), ["a.rom", "phones/a.rom"]);
    }

    fn part_of(headers: &[(&'static str, &str)]) -> Part {
        let request = headers.iter().fold(TestRequest::get(), |request, (name, value)| {
            request.insert_header((*name, (*value).to_owned()))
        });
        wanted(&request.to_http_request(), &EntityTag::new_strong("tag".to_owned()), 10)
    }

    #[test]
    fn a_part_is_given_to_whoever_has_another_of_the_same_file() {
        let range = |text| part_of(&[("Range", text)]);
        assert_eq!(range("bytes=2-5"), Part::Bytes(2, 5));
        assert_eq!(range("bytes=2-"), Part::Bytes(2, 9));
        assert_eq!(range("bytes=-3"), Part::Bytes(7, 9));
        assert_eq!(range("bytes=8-99"), Part::Bytes(8, 9));
        assert_eq!((range("bytes=10-"), range("bytes=-0")), (Part::Beyond, Part::Beyond));
        assert_eq!(
            [range("bytes=0-1,4-5"), range("lines=1-2"), range("bytes=5-2"), range("")],
            [const { Part::Whole }; 4]
        );
        assert_eq!([range("bytes=x-y,2-5"), range("bytes=2-5,"), range("2-5")], [const { Part::Whole }; 3]);
        let conditional = |tag| part_of(&[("Range", "bytes=2-5"), ("If-Range", tag)]);
        assert_eq!(conditional("\"tag\""), Part::Bytes(2, 5));
        for other in ["\"other\"", "W/\"tag\"", "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense"] {
            assert_eq!(conditional(other), Part::Whole, "{other}");
        }
    }

    #[tokio::test]
    async fn whoever_asks_for_the_head_is_told_the_length_of_the_whole_and_nothing_is_read() {
        use actix_web::body::{BodySize, MessageBody as _, to_bytes};
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        let (name, sha256) = (Name::parse("a.rom").unwrap(), "tag".to_owned());
        let found = StaticFile { name, file, bytes: 10, sha256 };
        let head = TestRequest::default().method(Method::HEAD).insert_header(("Range", "bytes=2-5"));
        let (response, _) = serve(&head.to_http_request(), found, &Streams::default()).await.unwrap();
        assert_eq!((response.status().as_u16(), response.body().size()), (200, BodySize::Sized(10)));
        assert!(to_bytes(response.into_body()).await.is_ok_and(|read| read.is_empty()));
    }

    #[test]
    fn a_network_has_sixteen_streams_and_more_while_half_of_all_are_free() {
        let streams = Streams::default();
        let of = |last: u8, most: usize| -> Vec<_> {
            (0..most).map_while(|_| streams.enter(Some([10, 0, 0, last].into()))).collect()
        };
        let greedy = of(1, 999);
        assert_eq!(greedy.len(), 128);
        let others: Vec<_> = (2..99).map(|last| of(last, 99)).collect();
        assert_eq!(others.iter().map(Vec::len).collect::<Vec<_>>()[..9], [16, 16, 16, 16, 16, 16, 16, 16, 0]);
        drop(greedy);
        assert_eq!(of(99, 99).len(), 16);
        drop(others);
        assert_eq!(of(99, 999).len(), 128);
    }

    #[test]
    fn whoever_holds_the_file_is_told_that_nothing_changed() {
        let given = |tags| part_of(&[("If-None-Match", tags), ("Range", "bytes=2-5")]);
        assert_eq!([given("\"tag\""), given("\"x\", W/\"tag\"")], [Part::Unchanged, Part::Unchanged]);
        assert_eq!([given("\"x\""), given("*")], [Part::Bytes(2, 5), Part::Bytes(2, 5)]);
    }
}
