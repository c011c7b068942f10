//! Settings that show no secret.

use super::Settings;

/// What stands for a secret where it is not to be seen.
pub const MASK: &str = "********";

impl Settings {
    /// Puts [`MASK`] in the place of every secret that is set, so that whatever is made of these settings shows
    /// none, in no encoding.
    pub fn mask(&mut self) {
        let passwords = [
            &mut self.passwords.admin,
            &mut self.passwords.user,
            &mut self.provisioning.password,
            &mut self.encryption.key,
        ];
        let secrets = self.lines.iter_mut().map(|line| &mut line.password).chain(passwords);
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            MASK.clone_into(secret);
        }
    }
}
