//! What lies at an index record that lists a document among others: the account's id, without which the document
//! cannot be read, and perhaps a summary behind it, which saves reading the document.
//!
//! The records lie beside one another and the documents anywhere: a list that is made of summaries is one scan.

use super::MAX_VALUE;
use crate::device::Device;
use crate::id::Id;

const ACCOUNT: usize = 16;

/// Stands where the owner's summary would be too long.
const NO_SUMMARY: u8 = b'-';

/// What lies at the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The account's id.
    pub(super) account: Vec<u8>,
    /// Whether it is the record of the device's owner, which has a summary if that is not too long.
    pub(super) is_owners: bool,
    /// The device as it is stored, but for what is not [`Device::SUMMARY`] of its body.
    pub(super) summary: Option<Vec<u8>>,
}

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
    match listing.len() + summary.len() {
        0..=MAX_VALUE => listing.extend(summary),
        _ => listing.push(NO_SUMMARY),
    }
    listing
}

impl Listing {
    /// Reads what [`bare`] or [`covering`] made.
    pub(super) fn read(mut listing: Vec<u8>) -> Self {
        let rest = listing.split_off(listing.len().min(ACCOUNT));
        let is_owners = !rest.is_empty();
        Self { account: listing, is_owners, summary: Some(rest).filter(|rest| rest.len() > 1) }
    }
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
        let Listing { account, is_owners, summary } = Listing::read(listing.clone());
        let slim = Device::slim(&summary.unwrap(), Device::SUMMARY).unwrap().document;
        assert_eq!((account, slim), (bare(HOME), device.document.only(Device::SUMMARY)));
        assert!(is_owners);
        assert!(!String::from_utf8_lossy(&listing).contains("hidden"));
    }

    #[test]
    fn what_stands_alone_or_is_cut_has_no_summary() {
        for listing in [bare(HOME), vec![1, 2]] {
            let read = Listing::read(listing.clone());
            assert_eq!(read, Listing { account: listing, is_owners: false, summary: None });
        }
    }

    #[test]
    fn a_summary_that_makes_a_value_too_long_is_left_out() {
        let flagged = |length: usize| device(&json!({"flags": ["x".repeat(length)]}));
        let around = covering(&flagged(0)).len();
        assert_eq!(covering(&flagged(MAX_VALUE - around)).len(), MAX_VALUE);
        let too_long = Listing::read(covering(&flagged(MAX_VALUE - around + 1)));
        assert_eq!(too_long, Listing { account: bare(HOME), is_owners: true, summary: None });
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
