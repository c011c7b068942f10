//! Whether one row can be stored: read, settled, held to schema and catalog, and free of what others have.

use std::net::IpAddr;

use actix_web::web;
use serde_json::Value;

use super::super::change::{accept, try_rendering};
use super::super::error::Failure;
use super::super::request::check_shape;
use super::super::{Desk, access, generate, secrets};
use super::framer::{LONGEST, Raw, Text};
use super::job::Wrong;
use crate::account::Account;
use crate::auth::Caller;
use crate::device::{Device, Mac};
use crate::document::{Body, Document};
use crate::id::{Digest, Id, Revision};
use crate::schema::Problem;
use crate::store::{Entity, MAX_KEY, MAX_VALUE, Noun, StoreError, Unique};

/// What rows with the id of a device do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are wrong.
    Create,
    /// They take the place of that device.
    Upsert,
}

/// What all rows of an import are examined with.
pub(super) struct Examiner {
    pub(super) desk: web::Data<Desk>,
    pub(super) caller: Caller,
    pub(super) account: Account,
    pub(super) mode: Mode,
    pub(super) job: Id,
    /// When the import began, in Unix seconds.
    pub(super) unix: u64,
}

/// A row that can be stored.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) row: u32,
    pub(super) line: u32,
    /// The revision of the device that it replaces.
    pub(super) replaces: Option<Revision>,
    /// The device as it will be stored: JSON, which takes less room than what is read from it.
    pub(super) device: Box<[u8]>,
    pub(super) claims: Vec<Claim>,
}

/// Something that only one device may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    Id(Id),
    Mac(Mac),
    /// The digest of realm and username.
    Line(Digest),
    Ip(IpAddr),
}

/// What is found out about a row.
#[derive(Debug)]
pub(super) enum Verdict {
    Good(Good),
    /// The device is as the row says already.
    Unchanged(Claim),
    Wrong(Wrong),
}

impl Examiner {
    /// Examines a row against everything but the other rows.
    ///
    /// # Errors
    /// Failures that are not the row's fault.
    pub(super) async fn examine(&self, raw: Raw) -> Result<Verdict, Failure> {
        let (row, line) = (raw.row, raw.line);
        match self.judge(raw).await {
            Ok(verdict) => Ok(verdict),
            Err(failure) => Ok(Verdict::Wrong(wrong(row, line, failure.wrong()?))),
        }
    }

    /// What stands in the way of storing this device now: another that has what it wants.
    pub(super) async fn obstacle(&self, device: &Device) -> Result<(), Failure> {
        let store = &self.desk.store;
        let others = [
            (Unique::Mac, optional(device.mac().map(|mac| store.device_by_mac(mac))).await?),
            (Unique::Username, self.holder_of_line(device).await?),
            (Unique::Ip, optional(device.ip().map(|ip| store.device_by_ip(ip))).await?),
        ];
        for (field, other) in others {
            if let Some(other) = other.filter(|other| other.id() != device.id()) {
                let entity = Entity::Device(device.clone());
                return Err(Failure::unstored(StoreError::Taken { field, by: other.id() }, &entity));
            }
        }
        Ok(())
    }

    /// What of a device no other may have.
    pub(super) fn claims(&self, device: &Device) -> Vec<Claim> {
        let line = self.line(device).map(|(realm, username)| {
            Claim::Line(Digest::of(format!("{realm}\n{}", username.to_lowercase()).as_bytes()))
        });
        let own = [device.mac().map(Claim::Mac), line, device.ip().map(Claim::Ip)];
        std::iter::once(Claim::Id(device.id())).chain(own.into_iter().flatten()).collect()
    }

    async fn judge(&self, raw: Raw) -> Result<Verdict, Failure> {
        let mut body = read(raw.text)?;
        let stored = self.named(&body).await?;
        settle(&mut body, stored.as_ref());
        let asked = body.remove("generate");
        asked.map_or(Ok(()), |asked| generate::make(asked, self.desk.random, &mut body))?;
        let document = stored.as_ref().map(|stored| &stored.document);
        let body = accept(&self.desk, Noun::Device, &self.account, document, body).await?;
        if document.is_some_and(|document| document.body == body) {
            return Ok(Verdict::Unchanged(Claim::Id(document.map_or(self.job, |document| document.id))));
        }
        let replaces = document.map(|document| document.revision);
        let document = match document {
            Some(document) => document.revised(body, self.unix),
            None => Document::new(created(self.job, raw.row), self.account.id(), body, self.unix),
        };
        let device = Device { document };
        if let Some(stored) = &stored {
            access::kind(&self.caller, &stored.document, &device.document)?;
        }
        access::realm(&*self.desk.store, &self.caller, &device.document.body).await?;
        self.obstacle(&device).await?;
        try_rendering(&self.desk, &Entity::Device(device.clone())).await?;
        let claims = self.claims(&device);
        let device = written(&device)?;
        Ok(Verdict::Good(Good { row: raw.row, line: raw.line, replaces, device, claims }))
    }

    /// The device of this account that a row names.
    async fn named(&self, body: &Body) -> Result<Option<Device>, Failure> {
        let id = body.get("id").and_then(|id| id.as_str()?.parse().ok());
        let named = optional(id.map(|id| self.desk.store.device(id))).await?;
        let named = named.filter(|device| device.account() == self.account.id());
        match (&named, self.mode) {
            (Some(device), Mode::Create) => {
                let problem = Problem::new("A device has this id already").cause(device.id().to_string());
                Err(Failure::problem("id", "unique", problem))
            }
            _ => Ok(named),
        }
    }

    async fn holder_of_line(&self, device: &Device) -> Result<Option<Device>, StoreError> {
        let line = self.line(device);
        let line = line.as_ref().map(|(realm, username)| self.desk.store.device_by_line(username, realm));
        optional(line).await
    }

    /// Realm and username of a device.
    fn line<'d>(&self, device: &'d Device) -> Option<(String, &'d str)> {
        let realm = device.realm().or_else(|| self.account.realm());
        Some((realm.unwrap_or_default(), device.username()?))
    }
}

/// The id of the device that a row of an import creates: whoever knows the import can find its devices.
pub(super) fn created(job: Id, row: u32) -> Id {
    let name = [&job.as_bytes()[..], &row.to_be_bytes()].concat();
    Id::from_bytes(*Digest::of(&name).as_bytes())
}

/// A row, and what is wrong with it, without secrets.
pub(super) fn wrong(row: u32, line: u32, mut errors: Value) -> Wrong {
    secrets::strip_errors(&mut errors);
    Wrong { row, line, errors }
}

fn read(text: Text) -> Result<Body, Failure> {
    let value = match text {
        Text::Json(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| Failure::no_json(&error.to_string()))?
        }
        Text::Value(value) => value,
        Text::Cells(header, line) => {
            Value::Object(header.row(&line).map_err(|invalid| Failure::invalid(&invalid))?)
        }
        Text::TooLong => {
            let message = format!("A row must not be more than {LONGEST} bytes");
            return Err(Failure::problem("data", "maxSize", Problem::new(message).target(LONGEST)));
        }
    };
    check_shape(&value)?;
    if let Value::Object(body) = value {
        return Ok(body);
    }
    let problem = Problem::new("Value did not match type(s): object").target("object");
    Err(Failure::problem("data", "type", problem))
}

/// Leaves out what is not stored, and takes over the secrets of the device that is replaced.
fn settle(body: &mut Body, stored: Option<&Device>) {
    let is_revision = |value: &Value| value.as_str().is_some_and(|text| text.parse::<Revision>().is_ok());
    body.retain(|name, value| match name.as_str() {
        "id" | "sync" => false,
        "revision" => !is_revision(value),
        name => !name.starts_with('_') && !name.starts_with("pvt_"),
    });
    if let Some(stored) = stored {
        let shown = stored.document.body.iter().filter(|(name, _)| !name.starts_with("pvt_"));
        secrets::keep(&shown.map(|(name, value)| (name.clone(), value.clone())).collect(), body);
    }
}

/// The device as the store writes it, if it takes documents and names of that size.
fn written(device: &Device) -> Result<Box<[u8]>, Failure> {
    let bytes = serde_json::to_vec(device).map_err(|error| StoreError::Io(error.to_string()))?;
    let make = device.make();
    let line = device.realm().map_or(16, |realm| realm.len()) + device.username().map_or(0, str::len);
    let key = (make.brand.len() + make.model.len()).max(line) + 32;
    for (bytes, most) in [(bytes.len(), MAX_VALUE), (key, MAX_KEY)] {
        if bytes > most {
            return Err(StoreError::TooLarge { bytes, most }.into());
        }
    }
    Ok(bytes.into_boxed_slice())
}

async fn optional<T>(
    ask: Option<impl Future<Output = Result<Option<T>, StoreError>>>,
) -> Result<Option<T>, StoreError> {
    match ask {
        Some(ask) => ask.await,
        None => Ok(None),
    }
}
