//! All users of an account, as far as phones show people whom nobody names: in phonebooks, and on keys that a rule fills.

use crate::id::Id;
use crate::user::User;

/// What of a user's document [`Person::of`] looks at, by dotted paths.
pub const MEMBERS: &[&str] = &["enabled", "first_name", "last_name", "presence_id", "contact_list.exclude"];

/// What a phone shows of a user who is switched on and has an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub id: Id,
    /// First and last name; may be empty.
    pub name: Box<str>,
    /// What is dialled and watched.
    pub presence_id: Box<str>,
    /// False for whoever stands in no phonebook (`contact_list.exclude`).
    pub is_listed: bool,
}

impl Person {
    /// A user as others are shown him; `None` where they are not.
    pub fn of(user: &User) -> Option<Self> {
        let presence_id = user.presence_id().filter(|_| user.enabled())?.into();
        let is_listed = !user.document.flag("contact_list.exclude").unwrap_or(false);
        Some(Self { id: user.id(), name: user.full_name().into(), presence_id, is_listed })
    }

    fn order(&self) -> (String, Id) {
        (self.name.to_lowercase(), self.id)
    }
}

/// Those users of an account whom its phones may show, in the order of their names without regard to case; of one name the
/// lower id first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster(Box<[Person]>);

impl Roster {
    /// The people, in their order.
    pub fn people(&self) -> &[Person] {
        &self.0
    }

    /// How much memory it takes, in bytes, and little less.
    pub fn bytes(&self) -> u64 {
        let own = |person: &Person| size_of::<Person>() + person.name.len() + person.presence_id.len();
        self.0.iter().map(own).sum::<usize>() as u64
    }

    /// The same with this user as he is here.
    #[must_use]
    pub fn with(&self, user: &User) -> Self {
        let mut people = self.others(user.id());
        if let Some(person) = Person::of(user) {
            let order = person.order();
            people.insert(people.partition_point(|other| other.order() < order), person);
        }
        Self(people.into())
    }

    /// The same without this user.
    #[must_use]
    pub fn without(&self, user: Id) -> Self {
        Self(self.others(user).into())
    }

    fn others(&self, user: Id) -> Vec<Person> {
        self.0.iter().filter(|person| person.id != user).cloned().collect()
    }
}

impl FromIterator<Person> for Roster {
    fn from_iter<I: IntoIterator<Item = Person>>(people: I) -> Self {
        let mut people: Box<[Person]> = people.into_iter().collect();
        people.sort_by_cached_key(Person::order);
        Self(people)
    }
}

impl<'a> FromIterator<&'a User> for Roster {
    fn from_iter<I: IntoIterator<Item = &'a User>>(users: I) -> Self {
        users.into_iter().filter_map(Person::of).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::document::Document;

    fn user(number: u8, body: &Value) -> User {
        let id = Id::from_bytes([number; 16]);
        User { document: Document::new(id, id, body.as_object().unwrap().clone(), 0) }
    }

    fn named(number: u8, name: &str) -> User {
        user(number, &json!({"first_name": name, "presence_id": number.to_string()}))
    }

    fn names(roster: &Roster) -> Vec<&str> {
        roster.people().iter().map(|person| &*person.name).collect()
    }

    #[test]
    fn people_stand_in_the_order_of_their_names_whatever_their_case_and_of_one_name_by_id() {
        let users = [named(9, "bob"), named(3, "Zoe"), named(8, "Bob"), named(7, "adam"), named(2, "Émile")];
        let roster: Roster = users.iter().collect();
        assert_eq!(names(&roster), ["adam", "Bob", "bob", "Zoe", "Émile"]);
        let backwards: Roster = users.iter().rev().collect();
        assert_eq!(roster, backwards);
    }

    #[test]
    fn whoever_is_switched_off_or_has_no_extension_is_shown_to_nobody() {
        let off = user(1, &json!({"first_name": "Off", "presence_id": "1", "enabled": false}));
        let none = user(2, &json!({"first_name": "None"}));
        let hidden =
            user(3, &json!({"first_name": "Hid", "presence_id": "3", "contact_list": {"exclude": true}}));
        let roster: Roster = [&off, &none, &hidden].into_iter().collect();
        assert_eq!(names(&roster), ["Hid"]);
        assert!(!roster.people()[0].is_listed);
    }

    #[test]
    fn one_user_who_is_otherwise_makes_the_roster_that_all_of_them_would_make() {
        let mut users = vec![named(1, "Ann"), named(2, "bea"), named(3, "Cleo")];
        let before: Roster = users.iter().collect();
        for changed in
            [named(1, "Dora"), named(3, "Anna"), user(2, &json!({"first_name": "Bea"})), named(4, "Bo")]
        {
            users.retain(|user| user.id() != changed.id());
            users.push(changed.clone());
            let whole: Roster = users.iter().collect();
            let changes = users.iter().fold(before.clone(), |roster, user| roster.with(user));
            assert_eq!(changes, whole);
        }
        assert_eq!(names(&before.without(Id::from_bytes([2; 16]))), ["Ann", "Cleo"]);
    }

    #[test]
    fn what_is_looked_at_is_all_that_makes_a_person() {
        let whole = user(
            1,
            &json!({"first_name": "Ann", "last_name": "Owner", "presence_id": "101", "enabled": true, "email": "a@b",
                "contact_list": {"exclude": true}, "provision": {"profile": "desk"}}),
        );
        let slim = User { document: whole.document.only(MEMBERS) };
        assert_ne!(slim, whole);
        assert_eq!(Person::of(&slim), Person::of(&whole));
        let off = user(1, &json!({"presence_id": "101", "enabled": false}));
        assert_eq!(Person::of(&User { document: off.document.only(MEMBERS) }), None);
    }

    #[test]
    fn a_roster_weighs_what_its_texts_and_places_take() {
        let short: Roster = [&named(1, "A")].into_iter().collect();
        let long: Roster = [&named(1, &"A".repeat(1001))].into_iter().collect();
        assert_eq!(long.bytes() - short.bytes(), 1000);
        assert!(short.bytes() >= size_of::<Person>() as u64 && Roster::default().bytes() == 0);
    }
}
