//! What lies at an index record that lists a document among others: the account's id, without which the document
//! cannot be read, and perhaps a summary behind it, which saves reading the document.
//!
//! The records lie beside one another and the documents anywhere: a list that is made of summaries is one scan.

use super::MAX_VALUE;
use crate::device::Device;
use crate::id::Id;

const ACCOUNT: usize = 16;

/// Where to read the document.
pub(super) fn bare(account: Id) -> Vec<u8> {
    account.as_bytes().to_vec()
}

/// The same, and the device as it is stored, but for what is not [`Device::SUMMARY`] of its body. It says no more than
/// where to read the device if the summary would make it longer than a value may be.
pub(super) fn covering(device: &Device) -> Vec<u8> {
    let mut listing = bare(device.account());
    let summary = Device { document: device.document.only(Device::SUMMARY) };
    let summary = serde_json::to_vec(&summary).unwrap_or_default();
    if listing.len() + summary.len() <= MAX_VALUE {
        listing.extend(summary);
    }
    listing
}

/// The account's id, and the summary if there is one.
pub(super) fn parts(mut listing: Vec<u8>) -> (Vec<u8>, Option<Vec<u8>>) {
    let summary = listing.split_off(listing.len().min(ACCOUNT));
    (listing, Some(summary).filter(|summary| !summary.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::document::Document;
    use crate::store::slim::Stored;

    const HOME: Id = Id::from_bytes([9; 16]);

    fn device(body: &Value) -> Device {
        let document = Document::new(Id::from_bytes([7; 16]), HOME, body.as_object().unwrap().clone(), 1);
        Device { document }
    }

    #[test]
    fn a_summary_is_read_as_the_device_is_and_holds_no_password() {
        let body =
            json!({"name": "Desk", "sip": {"username": "u", "password": "hidden"}, "provision": {"id": 1}});
        let (device, listing) = (device(&body), covering(&device(&body)));
        let (account, summary) = parts(listing.clone());
        let slim = Device::slim(&summary.unwrap(), Device::SUMMARY).unwrap().document;
        assert_eq!((account, slim), (bare(HOME), device.document.only(Device::SUMMARY)));
        assert!(!String::from_utf8_lossy(&listing).contains("hidden"));
    }

    #[test]
    fn what_stands_alone_or_is_cut_has_no_summary() {
        assert_eq!(parts(bare(HOME)), (bare(HOME), None));
        assert_eq!(parts(vec![1, 2]), (vec![1, 2], None));
    }

    #[test]
    fn a_summary_that_makes_a_value_too_long_is_left_out() {
        let flagged = |length: usize| device(&json!({"flags": ["x".repeat(length)]}));
        let around = covering(&flagged(0)).len();
        assert_eq!(covering(&flagged(MAX_VALUE - around)).len(), MAX_VALUE);
        assert_eq!(covering(&flagged(MAX_VALUE - around + 1)), bare(HOME));
    }

    #[test]
    fn a_summary_of_what_was_stored_is_the_summary_that_was_stored() {
        let body: Value =
            serde_json::from_str(r#"{"mobile": {"x": 31.245270191439438, "y": 1e300, "z": -0}}"#).unwrap();
        let made = device(&body);
        let stored: Device = serde_json::from_slice(&serde_json::to_vec(&made).unwrap()).unwrap();
        assert_eq!(covering(&stored), covering(&made));
    }
}
