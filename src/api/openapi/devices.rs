//! The operations on devices.

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
pub(in crate::api) const CREATE_FOR_USER: Op =
    change(Tag::Devices, "createDeviceOfUser", "Adds a device that the user owns", WHOLE)
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
