//! Who is calling, and how far that reaches.
//!
//! An administrator, who showed the account's API key or is a user with `priv_level` `admin`, reaches its own account
//! and every one below. A person, any other user, reaches what is his own: his user document, and the devices that he
//! owns. Of a device that he is only signed in to he may look, not more.

use crate::account::Account;
use crate::device::Device;
use crate::document::{Body, at};
use crate::id::Id;
use crate::user::User;

/// Who is calling.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The account that was logged in to.
    pub account: Account,
    /// The user who logged in; `None` for whoever showed the account's API key.
    pub user: Option<User>,
}

impl Caller {
    /// Whoever showed the API key of this account.
    pub fn with_key(account: Account) -> Self {
        Self { account, user: None }
    }

    /// The user, when the caller is no administrator.
    pub fn person(&self) -> Option<&User> {
        self.user.as_ref().filter(|user| user.document.text("priv_level") != Some("admin"))
    }

    /// True for an administrator.
    pub fn is_administrator(&self) -> bool {
        self.person().is_none()
    }

    /// True for an administrator of the account above all others, who runs the whole site.
    pub fn runs_the_site(&self) -> bool {
        self.is_administrator() && is_master(&self.account)
    }

    /// True for its own account, and for an administrator also for those below it.
    pub fn reaches(&self, target: &Account) -> bool {
        let own = target.id() == self.account.id();
        own || (self.is_administrator() && target.is_within(self.account.id()))
    }

    /// True when the caller may switch `target` on and off: an administrator, and not his own account.
    pub fn may_switch(&self, target: &Account) -> bool {
        self.is_administrator() && self.reaches(target) && self.account.id() != target.id()
    }

    /// True when the caller may look at a device of an account that he reaches.
    pub fn may_see(&self, device: &Device) -> bool {
        self.person().is_none_or(|user| owns(user, device) || is_signed_in(user, device))
    }

    /// True when the caller may change a device of an account that he reaches, or have its phone do something.
    pub fn may_change(&self, device: &Device) -> bool {
        self.person().is_none_or(|user| owns(user, device))
    }

    /// True when the caller may look at this user of an account that he reaches, and change him.
    pub fn is_or_administers(&self, user: Id) -> bool {
        self.person().is_none_or(|person| person.id() == user)
    }

    /// The first member of a device that a person must leave as it is and did not.
    pub fn touched_of_device(&self, before: &Body, after: &Body) -> Option<&'static str> {
        self.person().and_then(|_| changed(DEVICE_LOCKED, before, after))
    }

    /// The first member of his own user document that a person must leave as it is and did not.
    pub fn touched_of_user(&self, before: &Body, after: &Body) -> Option<&'static str> {
        self.person().and_then(|_| changed(USER_LOCKED, before, after))
    }
}

/// True for the account above all others.
pub fn is_master(account: &Account) -> bool {
    account.parent().is_none()
}

/// Whose a device is, whether it is in use, who may sign in to it, and whom it may not call; and what would show him
/// accounts of other devices, or all users, of which a profile may tell as well.
const DEVICE_LOCKED: &[&str] = &[
    "owner_id",
    "enabled",
    "hotdesk",
    "call_restriction",
    "provision.lines",
    "provision.contacts",
    "provision.fill",
    "provision.profile",
];

/// What an administrator decides about a person, and what his devices have of him that would show him all users.
const USER_LOCKED: &[&str] = &[
    "priv_level",
    "enabled",
    "username",
    "presence_id",
    "call_restriction",
    "provision.contacts",
    "provision.fill",
    "provision.profile",
];

fn changed(locked: &[&'static str], before: &Body, after: &Body) -> Option<&'static str> {
    locked.iter().copied().find(|name| at(before, name) != at(after, name))
}

fn owns(user: &User, device: &Device) -> bool {
    device.owner() == Some(user.id())
}

fn is_signed_in(user: &User, device: &Device) -> bool {
    let users = device.document.at("hotdesk.users").and_then(|users| users.as_object());
    users.is_some_and(|users| users.contains_key(&user.id().to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::document::Document;
    use crate::id::Digest;

    fn id(byte: u8) -> Id {
        Id::from_bytes([byte; 16])
    }

    fn body(value: &Value) -> Body {
        value.as_object().unwrap().clone()
    }

    fn account(own: u8, tree: &[u8]) -> Account {
        let document = Document::new(id(own), id(own), Body::new(), 0);
        Account { document, tree: tree.iter().copied().map(id).collect(), api_key: Digest::of(&[own]) }
    }

    fn administrator(account: &Account) -> Caller {
        Caller::with_key(account.clone())
    }

    fn user(account: &Account, priv_level: &Value) -> Caller {
        let document = Document::new(id(7), account.id(), body(&json!({"priv_level": priv_level})), 0);
        Caller { account: account.clone(), user: Some(User { document }) }
    }

    fn device(value: &Value) -> Device {
        Device { document: Document::new(id(9), id(1), body(value), 0) }
    }

    #[test]
    fn an_administrator_may_change_its_own_account_and_those_below_but_none_beside_or_above() {
        let (master, reseller) = (account(1, &[]), account(2, &[1]));
        let (customer, other) = (account(3, &[1, 2]), account(4, &[1]));
        assert!(administrator(&master).reaches(&customer) && administrator(&reseller).reaches(&customer));
        assert!(administrator(&reseller).reaches(&reseller));
        assert!(!administrator(&reseller).reaches(&master) && !administrator(&reseller).reaches(&other));
        assert!(!administrator(&customer).reaches(&reseller));
        assert!(administrator(&master).runs_the_site() && !administrator(&reseller).runs_the_site());
    }

    #[test]
    fn an_administrator_may_switch_accounts_below_but_never_its_own() {
        let (master, reseller, customer) = (account(1, &[]), account(2, &[1]), account(3, &[1, 2]));
        assert!(
            administrator(&master).may_switch(&reseller) && administrator(&reseller).may_switch(&customer)
        );
        assert!(
            !administrator(&master).may_switch(&master) && !administrator(&customer).may_switch(&reseller)
        );
        assert!(!user(&master, &json!("user")).may_switch(&reseller));
    }

    #[test]
    fn a_user_is_an_administrator_only_when_his_document_says_so_in_that_word() {
        let master = account(1, &[]);
        assert!(user(&master, &json!("admin")).runs_the_site());
        for level in [json!("user"), json!("Admin"), json!(true), Value::Null] {
            let person = user(&master, &level);
            assert!(!person.is_administrator() && !person.runs_the_site(), "{level}");
        }
    }

    #[test]
    fn a_person_reaches_his_own_account_and_none_below() {
        let (master, reseller) = (account(1, &[]), account(2, &[1]));
        let person = user(&master, &json!("user"));
        assert!(person.reaches(&master) && !person.reaches(&reseller));
        assert!(user(&master, &json!("admin")).reaches(&reseller));
    }

    #[test]
    fn a_person_changes_what_he_owns_and_sees_what_he_is_signed_in_to() {
        let me = id(7).to_string();
        let (own, guest) = (json!({"owner_id": me}), json!({"hotdesk": {"users": {me: {}}}}));
        let others = json!({"owner_id": id(8).to_string(), "hotdesk": {"users": {}}});
        let person = user(&account(1, &[]), &json!("user"));
        let rights = |body: &Value| (person.may_see(&device(body)), person.may_change(&device(body)));
        assert_eq!(rights(&own), (true, true));
        assert_eq!(rights(&guest), (true, false));
        assert_eq!(rights(&others), (false, false));
        assert_eq!(rights(&json!({})), (false, false));
        assert!(administrator(&account(1, &[])).may_change(&device(&others)));
        assert!(person.is_or_administers(id(7)) && !person.is_or_administers(id(8)));
    }

    #[test]
    fn a_person_leaves_alone_what_an_administrator_decides_about_him() {
        let person = user(&account(1, &[]), &json!("user"));
        let before = body(&json!({"name": "a", "owner_id": "x", "priv_level": "user"}));
        let with = |name: &str, value: Value| {
            let mut after = before.clone();
            after.insert(name.to_owned(), value);
            after
        };
        assert_eq!(person.touched_of_device(&before, &with("name", json!("b"))), None);
        assert_eq!(person.touched_of_device(&before, &with("owner_id", json!("y"))), Some("owner_id"));
        assert_eq!(person.touched_of_device(&before, &with("enabled", json!(true))), Some("enabled"));
        assert_eq!(person.touched_of_device(&before, &Body::new()), Some("owner_id"), "nor given up");
        assert_eq!(person.touched_of_user(&before, &with("priv_level", json!("admin"))), Some("priv_level"));
        assert_eq!(person.touched_of_user(&before, &with("enabled", json!(true))), Some("enabled"));
        assert_eq!(person.touched_of_user(&before, &with("email", json!("a@b"))), None);
        let administrator = administrator(&account(1, &[]));
        assert_eq!(administrator.touched_of_user(&before, &Body::new()), None);
    }
}
