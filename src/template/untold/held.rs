//! Passwords that the files of a phone cannot hold: a letter of them would be another one there.

use super::super::escape::can_hold;
use crate::catalog::{Entry, Format};
use crate::settings::Settings;

/// A sentence for each password that is written in another way than it is.
pub(super) fn cut(entry: Entry<'_>, settings: &Settings) -> Vec<String> {
    let formats: Vec<Format> = entry.files().filter(|file| file.secret).map(|file| file.format).collect();
    let is_cut = |password: &str| formats.iter().any(|format| !can_hold(*format, password));
    let name = &entry.model.name;
    let lines =
        settings.lines.iter().map(|line| (format!("the password of line {}", line.number), &line.password));
    let own = [
        ("provision.admin_password", &settings.passwords.admin),
        ("provision.user_password", &settings.passwords.user),
        ("provision.http_password", &settings.provisioning.password),
    ];
    let own = own.into_iter().map(|(path, password)| (path.to_owned(), password));
    let cut = lines.chain(own).filter(|(_, password)| is_cut(password));
    cut.map(|(what, _)| {
        format!(
            "{what} has a character that a file of the {name} cannot hold: choose it of letters and digits"
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pack::Pack;
    use crate::template::Set;
    use crate::template::lint::shipped_samples;

    #[test]
    fn a_password_that_would_be_another_in_the_file_is_told_and_not_shown() {
        let set = Set::compile(&Pack::shipped()).unwrap();
        let mut sample = shipped_samples().remove("plain").unwrap();
        sample.device.insert("sip".into(), json!({"username": "a", "password": "p\"assed"}));
        let told = |path: &str| {
            let entry = set.catalog().at(path).unwrap();
            cut(entry, &sample.settings(entry).unwrap().settings)
        };
        let mitel = told("mitel/upper/6930");
        assert_eq!(mitel.len(), 1);
        assert!(mitel[0].starts_with("the password of line 1 has a character") && !mitel[0].contains("p\"a"));
        assert_eq!(told("yealink/t4x/t46s"), [""; 0]);
        assert_eq!(told("snom/d7xx/d785"), [""; 0]);
    }
}
