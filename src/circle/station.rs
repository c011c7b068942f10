//! Whom an order is about.

use crate::device::Device;
use crate::id::Id;
use crate::sip::{Credentials, Password};

/// What has to be known of a device to send something to its phones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Its id.
    pub device: Id,
    /// Its account.
    pub account: Id,
    /// Its SIP username.
    pub username: Option<String>,
    /// Its own realm; without one its account's holds.
    pub realm: Option<String>,
    /// What it proves itself with, if it has a username and a password.
    pub credentials: Option<Credentials>,
}

impl From<&Device> for Station {
    fn from(device: &Device) -> Self {
        let username = device.username().map(str::to_owned);
        let credentials = username.clone().zip(device.password());
        Self {
            device: device.id(),
            account: device.account(),
            username,
            realm: device.realm(),
            credentials: credentials
                .map(|(user, password)| Credentials { user, password: Password::new(password) }),
        }
    }
}
