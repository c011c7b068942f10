//! What a group of changes would make of the tree, before anything is written.
//!
//! The committer decides every change against this, one after the other: so each sees those before it in the
//! same group, and one that is refused leaves nothing behind.

use std::collections::BTreeMap;

use super::layout::Key;
use super::meta::Tally;
use super::query::{Part, View};
use super::{MAX_KEY, MAX_VALUE, Result, StoreError};

/// Payloads by key; `None` where the record goes away.
pub(super) type Pending = BTreeMap<Key, Option<Vec<u8>>>;

/// Pending changes over a tree.
pub(super) struct Overlay<'v> {
    below: &'v dyn View,
    group: Pending,
    change: Pending,
    /// What lay below the change at hand, where that is known without reading.
    known: Pending,
    tally: Tally,
}

impl<'v> Overlay<'v> {
    /// Nothing pending yet; `tally` is what the tree holds.
    pub(super) fn new(below: &'v dyn View, tally: Tally) -> Self {
        Self { below, group: Pending::new(), change: Pending::new(), known: Pending::new(), tally }
    }

    /// Adds a record to the change at hand, or replaces it.
    pub(super) fn put(&mut self, key: Key, payload: Vec<u8>) -> Result<()> {
        within(key.len(), MAX_KEY)?;
        within(payload.len(), MAX_VALUE)?;
        self.change.insert(key, Some(payload));
        Ok(())
    }

    /// Adds a record of which it is known that it is not there.
    pub(super) fn add(&mut self, key: Key, payload: Vec<u8>) -> Result<()> {
        self.know(&key, None);
        self.put(key, payload)
    }

    /// Replaces a record of which it is known that it is there, with the payload `old`.
    pub(super) fn replace(&mut self, key: Key, old: Vec<u8>, payload: Vec<u8>) -> Result<()> {
        self.know(&key, Some(old));
        self.put(key, payload)
    }

    /// Takes away a record of which it is known that it is there, with this payload.
    pub(super) fn take(&mut self, key: Key, payload: Vec<u8>) {
        self.know(&key, Some(payload));
        self.remove(key);
    }

    /// Takes a record away, if it is there.
    pub(super) fn remove(&mut self, key: Key) {
        self.change.insert(key, None);
    }

    /// The change at hand is right: it joins the group. When something that it replaces cannot be read, nothing of
    /// it does.
    pub(super) fn keep(&mut self) -> Result<()> {
        let (tally, same) = self.weighed()?;
        for key in same {
            self.change.remove(&key);
        }
        self.group.extend(std::mem::take(&mut self.change));
        self.tally = tally;
        self.known.clear();
        Ok(())
    }

    /// The change at hand is refused: it never was.
    pub(super) fn discard(&mut self) {
        self.known.clear();
        self.change.clear();
    }

    /// What is to be written, and what the tree holds afterwards.
    pub(super) fn finish(self) -> (Pending, Tally) {
        (self.group, self.tally)
    }

    /// What can be read now is what lies below, unless the change at hand has touched it.
    fn know(&mut self, key: &[u8], payload: Option<Vec<u8>>) {
        if !self.change.contains_key(key) {
            self.known.insert(key.to_vec(), payload);
        }
    }

    /// What the tree holds after the change at hand, and the keys that it leaves as they are.
    fn weighed(&self) -> Result<(Tally, Vec<Key>)> {
        let (mut tally, mut same) = (self.tally.clone(), Vec::new());
        for (key, new) in &self.change {
            let known = self.known.get(key).cloned();
            let old = known.map_or_else(|| self.settled(key), Ok)?;
            if old == *new {
                same.push(key.clone());
            } else {
                tally.replace(key, old.as_deref(), new.as_deref());
            }
        }
        Ok((tally, same))
    }

    fn settled(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.group.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => self.below.get(key),
        }
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.change.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => self.settled(key),
        }
    }

    fn scan(&self, part: Part<'_>) -> Result<Vec<(Key, Vec<u8>)>> {
        let Part { prefix, limit, .. } = part;
        let layers = [&self.group, &self.change];
        let pending = layers
            .iter()
            .map(|layer| layer.range(first(part)..).take_while(|(key, _)| key.starts_with(prefix)).count())
            .sum();
        let below = self.below.scan(Part { limit: limit.saturating_add(pending), ..part })?;
        let mut found: BTreeMap<Key, Option<Vec<u8>>> =
            below.into_iter().map(|(key, payload)| (key, Some(payload))).collect();
        for layer in layers {
            lay(&mut found, layer, part);
        }
        let there = found.into_iter().filter_map(|(key, payload)| Some((key, payload?)));
        Ok(if part.descending { there.rev().take(limit).collect() } else { there.take(limit).collect() })
    }

    fn damage(&self, what: &str) -> StoreError {
        self.below.damage(what)
    }
}

/// No key of the part is below this one.
fn first(part: Part<'_>) -> Key {
    let after = part.after.filter(|_| !part.descending);
    [part.prefix, after.unwrap_or_default()].concat()
}

fn lay(found: &mut Pending, layer: &Pending, part: Part<'_>) {
    for (key, payload) in layer.range(first(part)..) {
        let Some(end) = key.strip_prefix(part.prefix) else { break };
        if part.admits(end) {
            found.insert(end.to_vec(), payload.clone());
        }
    }
}

fn within(bytes: usize, most: usize) -> Result<()> {
    if bytes > most { Err(StoreError::TooLarge { bytes, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(BTreeMap<Key, Vec<u8>>);

    const UNREADABLE: &[u8] = b"d5";

    impl View for Fixed {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
            if key == UNREADABLE {
                Err(self.damage("it cannot be read"))
            } else {
                Ok(self.0.get(key).cloned())
            }
        }

        fn scan(&self, part: Part<'_>) -> Result<Vec<(Key, Vec<u8>)>> {
            let all = self.0.iter();
            let all = all.filter_map(|(key, v)| Some((key.strip_prefix(part.prefix)?.to_vec(), v.clone())));
            let mut all: Vec<_> = all.filter(|(end, _)| part.admits(end)).collect();
            if part.descending {
                all.reverse();
            }
            all.truncate(part.limit);
            Ok(all)
        }

        fn damage(&self, what: &str) -> StoreError {
            StoreError::Damaged(what.to_owned())
        }
    }

    fn tree() -> Fixed {
        Fixed(["d1", "d2", "d3", "u1"].map(|key| (key.into(), key.into())).into())
    }

    fn ends(view: &dyn View, after: Option<&[u8]>, limit: usize) -> String {
        read(view, Part { after, limit, ..Part::all(b"d") })
    }

    fn read(view: &dyn View, part: Part<'_>) -> String {
        let found = view.scan(part).unwrap();
        found.into_iter().map(|(end, _)| String::from_utf8(end).unwrap()).collect()
    }

    #[test]
    fn a_refused_change_leaves_the_group_as_it_was() {
        let tree = tree();
        let mut overlay = Overlay::new(&tree, Tally::default());
        overlay.put(b"d4".to_vec(), b"x".to_vec()).unwrap();
        overlay.keep().unwrap();
        overlay.remove(b"d1".to_vec());
        assert_eq!(ends(&overlay, None, 9), "234");
        overlay.discard();
        assert_eq!(ends(&overlay, None, 9), "1234");
        assert_eq!(overlay.finish().0.len(), 1);
    }

    #[test]
    fn a_change_whose_old_record_is_unreadable_leaves_the_group_as_it_was() {
        let tree = tree();
        let mut overlay = Overlay::new(&tree, Tally::default());
        overlay.put(b"d4".to_vec(), b"x".to_vec()).unwrap();
        overlay.keep().unwrap();
        overlay.put(b"d3".to_vec(), b"y".to_vec()).unwrap();
        overlay.put(UNREADABLE.to_vec(), b"y".to_vec()).unwrap();
        assert!(overlay.keep().is_err());
        overlay.discard();
        let mut alone = Tally::default();
        alone.replace(b"d4", None, Some(b"x"));
        assert_eq!(overlay.finish(), (Pending::from([(b"d4".to_vec(), Some(b"x".to_vec()))]), alone));
    }

    #[test]
    fn a_limit_counts_what_is_there_and_not_what_goes_away() {
        let tree = tree();
        let mut overlay = Overlay::new(&tree, Tally::default());
        overlay.remove(b"d1".to_vec());
        overlay.keep().unwrap();
        overlay.remove(b"d2".to_vec());
        overlay.put(b"d35".to_vec(), Vec::new()).unwrap();
        assert_eq!(ends(&overlay, None, 1), "3");
        assert_eq!(ends(&overlay, Some(b"3"), 2), "35");
        let back = |after, limit| read(&overlay, Part { after, limit, descending: true, ..Part::all(b"d") });
        assert_eq!(back(None, 1), "35");
        assert_eq!(back(Some(b"35"), 2), "3");
    }

    #[test]
    fn what_is_known_is_counted_as_if_it_had_been_read() {
        let tree = tree();
        let tally = |act: fn(&mut Overlay<'_>)| {
            let mut overlay = Overlay::new(&tree, Tally::default());
            overlay.put(b"d9".to_vec(), b"9".to_vec()).unwrap();
            overlay.keep().unwrap();
            act(&mut overlay);
            overlay.keep().unwrap();
            overlay.finish()
        };
        let known = tally(|overlay| {
            overlay.take(b"d9".to_vec(), b"9".to_vec());
            overlay.add(b"d8".to_vec(), b"8".to_vec()).unwrap();
            overlay.take(b"d8".to_vec(), b"8".to_vec());
            overlay.add(b"d7".to_vec(), b"7".to_vec()).unwrap();
        });
        let read = tally(|overlay| {
            overlay.remove(b"d9".to_vec());
            overlay.put(b"d7".to_vec(), b"7".to_vec()).unwrap();
        });
        assert_eq!(known, read);
    }

    #[test]
    fn what_is_written_as_it_was_is_not_written() {
        let tree = tree();
        let mut overlay = Overlay::new(&tree, Tally::default());
        overlay.put(b"d1".to_vec(), b"d1".to_vec()).unwrap();
        overlay.remove(b"d9".to_vec());
        overlay.keep().unwrap();
        assert!(overlay.finish().0.is_empty());
    }

    #[test]
    fn what_is_too_large_says_how_large_it_may_be() {
        let tree = tree();
        let mut overlay = Overlay::new(&tree, Tally::default());
        let refused = overlay.put(b"d1".to_vec(), vec![0; MAX_VALUE + 1]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "98305 bytes are too many: 98304 is the most that can be stored here"
        );
        assert!(overlay.put(vec![b'L'; MAX_KEY + 1], Vec::new()).is_err());
    }
}
