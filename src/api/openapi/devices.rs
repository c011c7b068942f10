//! The operations on devices and on their phones.

use super::op::{CHOSEN, FILTERED, Gives, Op, PAGED, Tag, change, read};

const WHOLE: Gives = Gives::Data("device");

pub(in crate::api) const LIST: Op =
    read(Tag::Devices, "listDevices", "The devices of an account", Gives::Rows("device_summary"))
        .asks(&[PAGED, FILTERED, CHOSEN]);
pub(in crate::api) const LIST_OF_USER: Op = read(
    Tag::Devices,
    "listDevicesOfUser",
    "The devices that a user owns, and those that he is signed in to",
    Gives::Rows("device_summary"),
)
.asks(&[PAGED, FILTERED, CHOSEN]);
pub(in crate::api) const CREATE: Op =
    change(Tag::Devices, "createDevice", "Adds a device to an account", WHOLE)
        .takes("devices.new")
        .creates()
        .can_be_tried();
pub(in crate::api) const GET: Op = read(Tag::Devices, "getDevice", "One device", WHOLE);
pub(in crate::api) const REPLACE: Op =
    change(Tag::Devices, "replaceDevice", "Puts another document in the place of a device's", WHOLE)
        .takes("devices.new")
        .can_be_tried();
pub(in crate::api) const PATCH: Op =
    change(Tag::Devices, "patchDevice", "Changes some members of a device; null removes one", WHOLE)
        .takes("devices.patch")
        .can_be_tried();
pub(in crate::api) const DELETE: Op =
    change(Tag::Devices, "deleteDevice", "Deletes a device and shows it once more", WHOLE)
        .asks(&[&["should_soft_delete"]])
        .can_be_tried();
pub(in crate::api) const STATUS: Op =
    read(Tag::Devices, "listDeviceStatus", "The devices that are registered now", Gives::Rows("status"));
pub(in crate::api) const REGISTRATIONS: Op = read(
    Tag::Devices,
    "listRegistrations",
    "Who is registered where, one row for each contact",
    Gives::Rows("registration"),
);
pub(in crate::api) const REGISTRATION_COUNT: Op = read(
    Tag::Devices,
    "countRegistrations",
    "How many contacts are registered",
    Gives::Data("registration_count"),
);

pub(in crate::api) const SYNC: Op = change(
    Tag::Phones,
    "syncDevice",
    "Tells a phone to restart, or to read its files again, whatever it holds",
    Gives::Data("sentence"),
)
.asks(&[&["reboot"]]);
pub(in crate::api) const FILES: Op =
    read(Tag::Phones, "listFiles", "The files that a device's phone would get", Gives::Rows("file"));
pub(in crate::api) const FILE: Op = read(
    Tag::Phones,
    "getFile",
    "One file as it would be served, its secrets masked unless they are asked for",
    Gives::Data("file_body"),
)
.asks(&[&["secrets"]]);
pub(in crate::api) const FILE_DIFF: Op = read(
    Tag::Phones,
    "diffFile",
    "What would change for the phone if it came for the file now",
    Gives::Data("file_diff"),
);
pub(in crate::api) const STANDING: Op = read(
    Tag::Phones,
    "getProvisioning",
    "What a phone holds, what it would be given, and what it was told",
    Gives::Data("provisioning"),
);
pub(in crate::api) const STANDINGS: Op =
    read(Tag::Phones, "listProvisioning", "How the phones of an account stand", Gives::Rows("provisioning"))
        .asks(&[PAGED, FILTERED]);
