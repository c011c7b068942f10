//! Static files over HTTP: which one a path means, whole or in part (RFC 9110 §13 and §14).

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, ByteRangeSpec, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, EntityTag, Header,
    IF_RANGE, IfNoneMatch, IfRange, RANGE, Range, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::Decision;
use crate::catalog::Catalog;
use crate::device::Make;
use crate::statics::{Name, StaticFile};

/// How much of a file is in memory at a time for each phone that fetches it, in bytes.
const PIECE: usize = 1 << 16;

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

pub(super) async fn serve(request: &HttpRequest, found: StaticFile) -> (HttpResponse, Decision) {
    let tag = EntityTag::new_strong(found.sha256.clone());
    let part = wanted(request, &tag, found.bytes);
    let mut response = HttpResponse::build(status(&part));
    response.insert_header((ETAG, tag.to_string())).insert_header((CACHE_CONTROL, "no-cache"));
    response.insert_header((ACCEPT_RANGES, "bytes")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    let (first, last) = match part {
        Part::Unchanged => return (response.finish(), Decision::NotModified),
        Part::Beyond => {
            response.insert_header((CONTENT_RANGE, format!("bytes */{}", found.bytes)));
            return (response.finish(), Decision::Refused("the file has no such bytes"));
        }
        Part::Whole => (0, found.bytes),
        Part::Bytes(first, last) => {
            response.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{}", found.bytes)));
            (first, last + 1)
        }
    };
    response.insert_header((CONTENT_TYPE, content_type(&found.name)));
    if *request.method() == Method::HEAD {
        return (nothing(response, found.bytes), Decision::Whole);
    }
    (stream(response, found, first, last - first).await, Decision::Whole)
}

fn content_type(name: &Name) -> String {
    mime_guess::from_path(name.as_str()).first_or_octet_stream().to_string()
}

/// An answer without a body, which says how long that would be.
fn nothing(mut response: HttpResponseBuilder, bytes: u64) -> HttpResponse {
    response.body(SizedStream::new(bytes, futures_util::stream::empty::<Result<_, std::io::Error>>()))
}

async fn stream(
    mut response: HttpResponseBuilder,
    found: StaticFile,
    first: u64,
    bytes: u64,
) -> HttpResponse {
    let mut file = tokio::fs::File::from_std(found.file);
    if let Err(error) = file.seek(std::io::SeekFrom::Start(first)).await {
        tracing::warn!(%error, name = %found.name, "a static file cannot be read");
        return HttpResponse::NotFound().finish();
    }
    response.body(SizedStream::new(bytes, ReaderStream::with_capacity(file.take(bytes), PIECE)))
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
        let (response, _) = serve(&head.to_http_request(), found).await;
        assert_eq!((response.status().as_u16(), response.body().size()), (200, BodySize::Sized(10)));
        assert!(to_bytes(response.into_body()).await.is_ok_and(|read| read.is_empty()));
    }

    #[test]
    fn whoever_holds_the_file_is_told_that_nothing_changed() {
        let given = |tags| part_of(&[("If-None-Match", tags), ("Range", "bytes=2-5")]);
        assert_eq!([given("\"tag\""), given("\"x\", W/\"tag\"")], [Part::Unchanged, Part::Unchanged]);
        assert_eq!([given("\"x\""), given("*")], [Part::Bytes(2, 5), Part::Bytes(2, 5)]);
    }
}
