//! What is said of lines at somebody else's registrar, until it is noted: of each line only what was said last, so that
//! whoever says it need not wait for whoever notes it, and there is never more than there are lines.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::elsewhere::{News, Seen};
use crate::sip::Aor;

/// The table on which it lies.
#[derive(Debug, Default)]
pub(super) struct Hearsay {
    lines: Mutex<BTreeMap<Aor, Said>>,
    news: tokio::sync::Notify,
}

/// What is said of a line, in this order.
#[derive(Debug, Default)]
struct Said {
    /// What was said before holds no longer.
    is_gone: bool,
    /// Everything that is registered now.
    seen: Option<Vec<Seen>>,
}

impl Hearsay {
    /// Everything that is registered now for a line.
    pub(super) fn line(&self, aor: Aor, seen: Vec<Seen>) {
        self.lines().entry(aor).or_default().seen = Some(seen);
        self.news.notify_one();
    }

    /// These lines are no more, or another device's: what was said of them holds no longer.
    pub(super) fn gone(&self, lines: Vec<Aor>) {
        let mut said = self.lines();
        said.extend(lines.into_iter().map(|aor| (aor, Said { is_gone: true, seen: None })));
        drop(said);
        self.news.notify_one();
    }

    /// Waits until something is said, and takes it: of one line.
    pub(super) async fn next(&self) -> Vec<News> {
        loop {
            if let Some((aor, said)) = self.take() {
                let gone = said.is_gone.then(|| News::Gone(vec![aor.clone()]));
                return gone.into_iter().chain(said.seen.map(|seen| News::Line(aor, seen))).collect();
            }
            self.news.notified().await;
        }
    }

    fn take(&self) -> Option<(Aor, Said)> {
        self.lines().pop_first()
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Aor, Said>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Target;

    fn aor(user: &str) -> Aor {
        Aor::new(user, "shop.example")
    }

    fn seen(contact: &str) -> Vec<Seen> {
        let contact = Target::new(contact).unwrap();
        let (aor, received) = (aor("front"), None);
        let (user_agent, call_id) = (String::new(), String::new());
        vec![Seen { aor, contact, received, user_agent, call_id, expires_at: 1000 }]
    }

    async fn next(hearsay: &Hearsay) -> String {
        format!("{:?}", hearsay.next().await)
    }

    #[tokio::test]
    async fn of_a_line_only_what_was_said_last_is_taken() {
        let hearsay = Hearsay::default();
        for n in 0..1000 {
            hearsay.line(aor("front"), seen(&format!("sip:front@h{n}")));
            hearsay.line(aor("back"), Vec::new());
        }
        assert_eq!(hearsay.lines().len(), 2);
        assert_eq!(next(&hearsay).await, format!("{:?}", [News::Line(aor("back"), Vec::new())]));
        let last = News::Line(aor("front"), seen("sip:front@h999"));
        assert_eq!(next(&hearsay).await, format!("{:?}", [last]));
    }

    #[tokio::test]
    async fn a_line_that_is_gone_and_another_devices_by_now_is_let_go_first() {
        let hearsay = Hearsay::default();
        hearsay.line(aor("front"), seen("sip:front@before"));
        hearsay.gone(vec![aor("front")]);
        hearsay.line(aor("front"), seen("sip:front@after"));
        let after = News::Line(aor("front"), seen("sip:front@after"));
        assert_eq!(next(&hearsay).await, format!("{:?}", [News::Gone(vec![aor("front")]), after]));
        hearsay.line(aor("front"), seen("sip:front@before"));
        hearsay.gone(vec![aor("front")]);
        assert_eq!(next(&hearsay).await, format!("{:?}", [News::Gone(vec![aor("front")])]));
    }
}
