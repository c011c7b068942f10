//! The operations that give tokens, explain them and end them.

use super::op::{Gives, Op, Tag, change, read};

const SESSION: Gives = Gives::Data("session");
const FAILS: &[u16] = &[400, 401, 404, 405, 415, 429, 503];

pub(in crate::api) const WITH_KEY: Op =
    change(Tag::Sessions, "logIn", "Gives a token for an account's API key", SESSION)
        .takes("credentials.key")
        .creates()
        .open()
        .fails(FAILS);
pub(in crate::api) const WITH_PASSWORD: Op =
    change(Tag::Sessions, "logInAsUser", "Gives a token for a user's name and password", SESSION)
        .takes("credentials.password")
        .creates()
        .open()
        .fails(FAILS);
pub(in crate::api) const ABOUT: Op = read(Tag::Sessions, "getToken", "Whom the token stands for", SESSION);
pub(in crate::api) const ABOUT_IT: Op =
    read(Tag::Sessions, "getSession", "Whom the token in the path stands for", SESSION);
pub(in crate::api) const LOG_OUT: Op =
    change(Tag::Sessions, "logOut", "Ends a token", Gives::Data("nothing"));
