//! What a Kazoo cluster asks of its provisioner, and its web page of the catalog.

use super::op::{Gives, Op, Tag, Takes, change, read};

const fn pushed(id: &'static str, summary: &'static str, gives: Gives) -> Op {
    change(Tag::Provisioner, id, summary, gives)
}

const fn phones(id: &'static str, summary: &'static str) -> Op {
    read(Tag::Provisioner, id, summary, Gives::Data("phones")).open()
}

pub(in crate::api) const SEARCH: Op =
    read(Tag::Provisioner, "findDevice", "Whose device has this MAC address", Gives::Data("owner"));
pub(in crate::api) const PUSH_DEVICE: Op =
    pushed("pushDevice", "Stores a device as Kazoo describes it", Gives::Data("pushed"))
        .sends(Takes::Whole("push"));
pub(in crate::api) const DELETE_DEVICE: Op =
    pushed("unpushDevice", "Deletes a device, if there is one", Gives::Data("pushed"));
pub(in crate::api) const PUSH_ACCOUNT: Op =
    pushed("pushAccount", "Stores an account as Kazoo describes it", Gives::Data("pushed"))
        .sends(Takes::Whole("push"));
pub(in crate::api) const DELETE_ACCOUNT: Op = pushed(
    "unpushAccount",
    "Deletes an account that Kazoo has pushed, if there is one",
    Gives::Data("pushed"),
);
pub(in crate::api) const UNLOCK: Op =
    pushed("unlockDevice", "Lets a phone fetch its files again", Gives::Data("words"));
pub(in crate::api) const PHONES: Op = phones("listPhones", "Every phone of the catalog");
pub(in crate::api) const PHONES_OF_BRAND: Op = phones("listPhonesOfBrand", "The phones of a brand");
pub(in crate::api) const PHONES_OF_FAMILY: Op = phones("listPhonesOfFamily", "The phones of a family");
pub(in crate::api) const PHONE: Op = phones("getPhone", "One phone of the catalog");
pub(in crate::api) const UI: Op =
    read(Tag::Provisioner, "getKeys", "How many keys of each kind a phone has", Gives::Data("phone_keys"))
        .open();
