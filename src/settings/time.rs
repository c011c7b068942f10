//! Clock, zone and summer time.

use serde::Serialize;

use super::layers::Layers;
use crate::zone::notation::{Poly, Snom, Yealink};
use crate::zone::{UnknownZone, Zone};

/// The zone of a phone, in plain numbers and in every vendor's notation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Time {
    /// The IANA name, offset and rules.
    pub zone: Zone,
    /// Where the phone gets the time from.
    pub ntp_server: String,
    /// True where the clock shows 24 hours.
    pub hours24: bool,
    /// As Yealink writes it.
    pub yealink: Yealink,
    /// As Poly writes it.
    pub poly: Poly,
    /// As Grandstream writes it: a POSIX rule.
    pub grandstream: String,
    /// As Snom writes it.
    pub snom: Snom,
}

pub(super) fn of(layers: &Layers<'_>) -> Result<Time, UnknownZone> {
    let zone = Zone::find(layers.text("timezone").unwrap_or("UTC"))?;
    Ok(Time {
        ntp_server: layers.text("provision.ntp_server").unwrap_or("pool.ntp.org").to_owned(),
        hours24: layers.flag("provision.hours24").unwrap_or(true),
        yealink: zone.yealink(),
        poly: zone.poly(),
        grandstream: zone.grandstream(),
        snom: zone.snom(),
        zone,
    })
}
