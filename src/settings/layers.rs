//! Site, accounts, owner and device, laid over each other.

use serde_json::Value;

use super::Parts;
use crate::document::{Body, at};
use crate::user::User;

/// Bodies from the most particular (the device) to the most general (the site).
pub(super) struct Layers<'a> {
    nearest: &'a Body,
    others: Vec<&'a Body>,
}

impl Parts<'_> {
    /// Whether a change of these documents is told without anybody asking (`provision.auto_sync`).
    pub fn auto_sync(self) -> bool {
        Layers::of(self, self.device.owner().and_then(|id| self.users.get(&id))).auto_sync()
    }
}

impl<'a> Layers<'a> {
    pub(super) fn of(parts: Parts<'a>, owner: Option<&'a User>) -> Self {
        let owner = owner.map(|user| &user.document.body);
        let others = owner.into_iter().chain(above(parts)).collect();
        Self { nearest: &parts.device.document.body, others }
    }

    /// What shapes a SIP account that is not the device's own: `body` describes it, in the form of a device document.
    pub(super) fn of_line(parts: Parts<'a>, body: &'a Body) -> Self {
        Self { nearest: body, others: above(parts).collect() }
    }

    /// The most particular of them.
    pub(super) fn nearest(&self) -> &'a Body {
        self.nearest
    }

    fn all(&self) -> impl Iterator<Item = &'a Body> {
        [self.nearest].into_iter().chain(self.others.iter().copied())
    }

    /// The values at a path, the most particular first.
    pub(super) fn every(&self, path: &str) -> impl Iterator<Item = &'a Value> {
        self.all().filter_map(move |body| at(body, path))
    }

    /// Whether one of them is `true`.
    pub(super) fn any(&self, path: &str) -> bool {
        self.every(path).any(|value| value.as_bool() == Some(true))
    }

    /// The value at a path in the first layer that has one.
    pub(super) fn at(&self, path: &str) -> Option<&'a Value> {
        self.every(path).next()
    }

    /// The text at a path in the first layer that has one. An empty text and `inherit` leave it to the next.
    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        let texts = self.every(path).filter_map(Value::as_str);
        texts.map(str::trim).find(|text| !text.is_empty() && *text != "inherit")
    }

    /// The text at a path, or an empty one.
    pub(super) fn owned(&self, path: &str) -> String {
        self.text(path).unwrap_or_default().to_owned()
    }

    /// The number at a path in the first layer that has one, when it fits.
    pub(super) fn number<N: TryFrom<u64>>(&self, path: &str) -> Option<N> {
        self.every(path).filter_map(Value::as_u64).find_map(|number| N::try_from(number).ok())
    }

    /// The boolean at a path in the first layer that has one.
    pub(super) fn flag(&self, path: &str) -> Option<bool> {
        self.every(path).find_map(Value::as_bool)
    }

    /// Whether a change is told without anybody asking.
    pub(super) fn auto_sync(&self) -> bool {
        self.flag("provision.auto_sync").unwrap_or(true)
    }
}

fn above(parts: Parts<'_>) -> impl Iterator<Item = &Body> {
    parts.accounts.iter().map(|account| &account.document.body).chain([&parts.site.body])
}
