//! Which campaign a mark belongs to. What concerns one device, or one person, is no campaign: its phones are told as
//! if each were alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::id::Id;
use crate::resync::{Cause, Origin, Scope};
use crate::store::Sequence;

/// Of how many devices at most it is remembered that a change of many is about to concern them.
const MAX_EXPECTED: usize = 200_000;

/// The campaign of each scope among marks that are judged together. The templates of a brand are one campaign, whatever
/// the number of its models. The last mark names it: marks that are judged again after a restart come into the same one,
/// and a change that is judged with an older one does not belong to what was made of that, such as cancelled.
pub(super) fn of(marks: &[(Sequence, Scope)]) -> HashMap<Scope, Arc<Origin>> {
    let mut brands: BTreeMap<&str, (Sequence, Vec<String>)> = BTreeMap::new();
    let mut found = HashMap::new();
    let mut marks: Vec<&(Sequence, Scope)> = marks.iter().collect();
    marks.sort_by_key(|(sequence, _)| *sequence);
    for (sequence, scope) in marks {
        let cause = match scope {
            Scope::Device(_) | Scope::User(_) | Scope::Users(_) => continue,
            Scope::Model { brand, model } => {
                let (last, models) = brands.entry(brand).or_insert((*sequence, Vec::new()));
                *last = (*last).max(*sequence);
                models.push(model.clone());
                continue;
            }
            Scope::Account(account) => Cause::Account { account: *account },
            Scope::Everything => Cause::Site,
        };
        found.insert(scope.clone(), Arc::new(Origin::of(cause, &sequence.to_be_bytes())));
    }
    for (brand, (sequence, mut models)) in brands {
        models.sort_unstable();
        models.dedup();
        let cause = Cause::Templates { brand: brand.to_owned(), models: models.clone() };
        let origin = Arc::new(Origin::of(cause, &sequence.to_be_bytes()));
        let scope = |model| Scope::Model { brand: brand.to_owned(), model };
        found.extend(models.into_iter().map(|model| (scope(model), origin.clone())));
    }
    found
}

/// Devices that a change of many is about to concern one by one. A restart forgets them: then their phones are told as
/// if each were alone.
#[derive(Debug, Default)]
pub(super) struct Expected(HashMap<Id, Arc<Origin>>);

impl Expected {
    pub(super) fn put(&mut self, origin: &Arc<Origin>, devices: Vec<Id>) {
        if self.0.len() + devices.len() > MAX_EXPECTED {
            self.0.clear();
        }
        self.0.extend(devices.into_iter().take(MAX_EXPECTED).map(|device| (device, origin.clone())));
    }

    /// These are not about to be changed after all.
    pub(super) fn drop(&mut self, devices: &[Id]) {
        for device in devices {
            self.0.remove(device);
        }
    }

    /// The campaign that this device was expected in, once.
    pub(super) fn take(&mut self, device: Id) -> Option<Arc<Origin>> {
        self.0.remove(&device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: Id = Id::from_bytes([1; 16]);

    fn model(model: &str) -> Scope {
        Scope::Model { brand: "yealink".to_owned(), model: model.to_owned() }
    }

    #[test]
    fn the_models_of_a_brand_are_one_campaign_and_a_single_device_is_none() {
        let marks =
            [(5, model("t54w")), (6, model("t46s")), (7, Scope::Account(SHOP)), (8, Scope::Device(SHOP))];
        let found = of(&marks);
        assert_eq!(found.len(), 3);
        assert_eq!(found[&model("t46s")], found[&model("t54w")]);
        let models = vec!["t46s".to_owned(), "t54w".to_owned()];
        assert_eq!(found[&model("t46s")].cause, Cause::Templates { brand: "yealink".to_owned(), models });
        assert_eq!(found[&Scope::Account(SHOP)].cause, Cause::Account { account: SHOP });
    }

    #[test]
    fn a_change_that_is_judged_with_an_older_one_is_a_campaign_of_its_own() {
        for scope in [model("t54w"), Scope::Account(SHOP), Scope::Everything] {
            let marks = [(5, scope.clone()), (6, scope.clone())];
            let [before, both, fix] =
                [&marks[..1], &marks, &marks[1..]].map(|marks| of(marks)[&scope].campaign);
            assert!(before != both && both == fix, "{scope:?}");
        }
    }

    #[test]
    fn an_expected_device_is_expected_once_and_there_are_not_too_many() {
        let origin = Arc::new(Origin::of(Cause::Site, b"1"));
        let id = |number: u64| Id::from_bytes([number.to_be_bytes(), [0; 8]].concat().try_into().unwrap());
        let mut expected = Expected::default();
        expected.put(&origin, vec![id(1)]);
        assert_eq!((expected.take(id(1)), expected.take(id(1))), (Some(origin.clone()), None));
        for page in 0..30 {
            expected.put(&origin, (0..10_000).map(|number| id(page * 10_000 + number)).collect());
        }
        assert!(expected.0.len() <= MAX_EXPECTED && expected.take(id(299_999)).is_some());
    }
}
