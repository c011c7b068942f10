//! Calls that somebody asked for: what becomes of them goes into the history of their devices.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::circle::Ring;
use crate::id::Id;
use crate::sip::{Aor, Call, CallId, Fate, Way};
use crate::store::{Store, history};

/// The calls under way, and the entries that are being written.
pub(super) struct Calls {
    store: Arc<dyn Store>,
    under_way: HashMap<CallId, Entry>,
    writing: JoinSet<()>,
}

/// What the history will say of a call.
pub(super) struct Entry {
    device: Id,
    key: Vec<u8>,
    at: u64,
    number: String,
    call_id: String,
}

impl Calls {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, under_way: HashMap::new(), writing: JoinSet::new() }
    }

    /// Remembers where to write what becomes of a call.
    pub(super) fn begun(&mut self, id: CallId, entry: Entry) {
        info!(device = %entry.device, number = entry.number, call = entry.call_id, "a phone is called");
        self.under_way.insert(id, entry);
    }

    /// Writes down what became of a call.
    pub(super) fn over(&mut self, id: CallId, fate: Fate) {
        if let Some(entry) = self.under_way.remove(&id) {
            self.write(entry, fate);
        }
    }

    /// Writes down what became of a call that was never made, or is over.
    pub(super) fn write(&mut self, entry: Entry, fate: Fate) {
        info!(device = %entry.device, number = entry.number, outcome = fate.words(), "a call is over");
        while self.writing.try_join_next().is_some() {}
        let store = self.store.clone();
        self.writing.spawn(async move {
            let said = entry.said(fate);
            if let Err(error) = history::write(&*store, entry.device, entry.key, &said).await {
                warn!(device = %entry.device, %error, "what became of a call is not noted");
            }
        });
    }

    /// Ends when everything is written.
    pub(super) async fn finish(mut self) {
        while self.writing.join_next().await.is_some() {}
    }
}

impl Entry {
    /// The entry that will say what became of what a request asks for.
    pub(super) fn of(ring: &Ring) -> Self {
        Self {
            device: ring.station.device,
            key: ring.entry.clone(),
            at: ring.at,
            number: ring.number.clone(),
            call_id: ring.call_id.clone(),
        }
    }

    fn said(&self, fate: Fate) -> Value {
        let mut said = json!({
            "at": self.at,
            "what": "quickcall",
            "number": self.number,
            "call_id": self.call_id,
            "message": fate.words(),
        });
        if let (Value::Object(said), Value::Object(fate)) = (&mut said, json!(fate)) {
            said.extend(fate);
        }
        said
    }
}

/// The call that a request asks for: from this line, by these ways.
pub(super) fn call(ring: Ring, aor: Aor, ways: Vec<Way>) -> Call {
    let Ring { call_id, number, caller, auto_answer, patience, .. } = ring;
    Call { call_id, aor, ways, caller, number, auto_answer, patience }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_what_became_of_the_call_in_words_and_in_codes() {
        let entry = Entry {
            device: Id::from_bytes([1; 16]),
            key: Vec::new(),
            at: 7,
            number: "+431".into(),
            call_id: "c".into(),
        };
        let expected = json!({
            "at": 7, "what": "quickcall", "number": "+431", "call_id": "c",
            "outcome": "busy", "status": 486, "message": "the phone is busy (486)",
        });
        assert_eq!(entry.said(Fate::Busy(486)), expected);
        assert_eq!(entry.said(Fate::NoAnswer)["outcome"], "no_answer");
    }
}
