//! One page of a list: the newest id first unless `ascending=true`, and where the next one begins.
//!
//! No more of a list is read than its page needs, in either direction.

use serde_json::{Map, Value};

use super::envelope::Answer;
use super::error::Failure;
use super::request::Call;
use crate::id::Id;
use crate::store::{Listed, Span, StoreError};

/// How many rows a page has when nobody says.
const USUAL: usize = 50;

/// How many documents are asked of the store at a time, once it is known that a page's worth is not enough.
const CHUNK: usize = 1000;

/// What part of a list is asked for.
struct Wanted {
    /// `None` for all of it, which is then no page.
    size: Option<usize>,
    /// The last row of the page before.
    after: Option<Id>,
    ascending: bool,
}

impl Wanted {
    /// All of it is asked for as one page, unless that would have more rows than `most`.
    fn of(call: &Call, most: Option<usize>) -> Result<Self, Failure> {
        let ascending = call.parameter("ascending") == Some("true");
        let whole = call.parameter("paginate") == Some("false");
        if whole && most.is_none() {
            return Ok(Self { size: None, after: None, ascending });
        }
        let size = call.parameter("page_size").map_or(Ok(USUAL), str::parse);
        let size = size.ok().filter(|size| *size > 0).ok_or_else(|| Failure::bad_page("page_size"))?;
        let after = call.parameter("start_key").filter(|key| !key.is_empty()).map(str::parse).transpose();
        let after = after.map_err(|_| Failure::bad_page("start_key"))?;
        let most = most.unwrap_or(usize::MAX);
        Ok(Self { size: Some(if whole { most } else { size.min(most) }), after, ascending })
    }

    /// What is asked of the store first: all that the page needs when every document is kept.
    fn span(&self) -> Span {
        let limit = self.most().min(CHUNK);
        if self.ascending { Span::ascending(self.after, limit) } else { Span::descending(self.after, limit) }
    }

    /// One more than the page has, so that it is known whether there is another.
    fn most(&self) -> usize {
        self.size.map_or(usize::MAX, |size| size.saturating_add(1))
    }
}

/// A page of rows, and what the envelope says about it.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    about: Map<String, Value>,
}

impl<T> Page<T> {
    /// The part that `call` asks for of the list that `fetch` reads a span at a time. Only rows that `keep` keeps
    /// are counted.
    pub(super) async fn of(
        call: &Call,
        id: impl Fn(&T) -> Id,
        keep: impl Fn(&T) -> bool,
        fetch: impl AsyncFn(Span) -> Result<Listed<T>, StoreError>,
    ) -> Result<Self, Failure> {
        Self::at_most(None, call, id, keep, fetch).await
    }

    /// The same, with no more than `most` rows whatever `call` asks for.
    pub(super) async fn at_most(
        most: Option<usize>,
        call: &Call,
        id: impl Fn(&T) -> Id,
        keep: impl Fn(&T) -> bool,
        fetch: impl AsyncFn(Span) -> Result<Listed<T>, StoreError>,
    ) -> Result<Self, Failure> {
        let wanted = Wanted::of(call, most)?;
        let rows = read(&wanted, keep, fetch).await?;
        Ok(Self::cut(rows, &wanted, id))
    }

    /// The same page with other rows.
    pub(super) fn with<U>(self, rows: Vec<U>) -> Page<U> {
        Page { rows, about: self.about }
    }

    /// The page, its rows written by `row`.
    pub(super) fn answer(self, row: impl Fn(T) -> Value) -> Answer {
        let rows = self.rows.into_iter().map(row).collect();
        Answer::data(Value::Array(rows)).page(self.about)
    }

    fn cut(mut rows: Vec<T>, wanted: &Wanted, id: impl Fn(&T) -> Id) -> Self {
        let mut about = Map::new();
        if let Some(size) = wanted.size {
            let more = rows.len() > size;
            rows.truncate(size);
            about.insert("page_size".to_owned(), rows.len().into());
            about.extend(wanted.after.map(|after| ("start_key".to_owned(), after.to_string().into())));
            let next = rows.last().filter(|_| more).map(|row| id(row).to_string().into());
            about.extend(next.map(|next| ("next_start_key".to_owned(), next)));
        }
        Self { rows, about }
    }
}

async fn read<T>(
    wanted: &Wanted,
    keep: impl Fn(&T) -> bool,
    fetch: impl AsyncFn(Span) -> Result<Listed<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (mut rows, mut span) = (Vec::new(), wanted.span());
    loop {
        let Listed { rows: found, last } = fetch(span.clone()).await?;
        rows.extend(found.into_iter().filter(&keep));
        if last.is_none() || rows.len() >= wanted.most() {
            return Ok(rows);
        }
        span = Span { after: last, limit: CHUNK, ..span };
    }
}
