//! What made a file of a phone, for those who ask.

use super::documents::Documents;
use super::{Files, Instead, Refusal, entry};
use crate::account::Account;
use crate::device::Device;
use crate::explain::{ExplainError, Explanation, explain};
use crate::store::StoreError;
use crate::template::Set;

/// How many users are tried that a phone shows without naming them: each changes all that stands behind him.
const SHOWN: usize = 100;

impl Files {
    /// What made the file of this name, in any case, that a device would be given now; `None` where it has no such
    /// file. Secrets are masked. Of the users whom it shows since it shows everybody the first hundred are looked at.
    pub async fn explained(&self, device: &Device, name: &str) -> Result<Option<Explanation>, Refusal> {
        let mut documents = self.documents(device, &Instead::Nothing).await?;
        if !device.enabled() || !documents.accounts.iter().all(Account::enabled) {
            return Err(Refusal::Disabled);
        }
        documents.add_shown(&*self.store, device, SHOWN).await?;
        let (set, site, device, name) = (self.set(), self.site.clone(), device.clone(), name.to_owned());
        // It renders hundreds of times: one after the other, so that phones are served meanwhile.
        let turn = self.explaining.clone().acquire_owned().await;
        let work = move || {
            let _until_it_is_done = turn;
            made(&set, &documents, &site, &device, &name)
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|stopped| Err(Refusal::Store(StoreError::Io(stopped.to_string()))))
    }
}

fn made(
    set: &Set,
    documents: &Documents,
    site: &crate::settings::Site,
    device: &Device,
    name: &str,
) -> Result<Option<Explanation>, Refusal> {
    let entry = entry(set.catalog(), device)?;
    let Some(file) = entry.file_named(name, device.id(), device.mac()) else { return Ok(None) };
    match explain(set, documents.parts(site, device, entry), file) {
        Ok(explanation) => Ok(Some(explanation)),
        Err(ExplainError::Settings(error)) => Err(error.into()),
        Err(ExplainError::Template(finding)) => Err(Refusal::Template(finding)),
    }
}
