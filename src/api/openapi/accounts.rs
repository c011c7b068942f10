//! The operations on accounts and users, and on what hangs on accounts and devices.

use super::op::{FILTERED, Gives, Op, PAGED, Tag, change, read};

const ACCOUNT: Gives = Gives::Data("account");
const USER: Gives = Gives::Data("user");
const BELOW: Gives = Gives::Rows("account_summary");

pub(in crate::api) const CREATE_BELOW_OWN: Op =
    change(Tag::Accounts, "createAccountBelowOwn", "Adds an account below the caller's", ACCOUNT)
        .takes("accounts")
        .creates()
        .can_be_tried();
pub(in crate::api) const CREATE: Op =
    change(Tag::Accounts, "createAccount", "Adds an account below this one", ACCOUNT)
        .takes("accounts")
        .creates()
        .can_be_tried();
pub(in crate::api) const GET: Op = read(Tag::Accounts, "getAccount", "One account", ACCOUNT);
pub(in crate::api) const REPLACE: Op =
    change(Tag::Accounts, "replaceAccount", "Puts another document in the place of an account's", ACCOUNT)
        .takes("accounts")
        .can_be_tried();
pub(in crate::api) const PATCH: Op =
    change(Tag::Accounts, "patchAccount", "Changes some members of an account; null removes one", ACCOUNT)
        .takes("accounts.members")
        .can_be_tried();
pub(in crate::api) const DELETE: Op =
    change(Tag::Accounts, "deleteAccount", "Deletes an account with its users and devices", ACCOUNT)
        .asks(&[&["should_soft_delete"]])
        .can_be_tried();
pub(in crate::api) const CHILDREN: Op =
    read(Tag::Accounts, "listChildren", "The accounts directly below", BELOW).asks(&[PAGED]);
pub(in crate::api) const DESCENDANTS: Op =
    read(Tag::Accounts, "listDescendants", "The accounts below, at any depth", BELOW).asks(&[PAGED]);
pub(in crate::api) const SIBLINGS: Op =
    read(Tag::Accounts, "listSiblings", "The accounts beside it", BELOW).asks(&[PAGED]);
pub(in crate::api) const ROTATE_KEY: Op = change(
    Tag::Accounts,
    "rotateApiKey",
    "Gives an account a new API key, shown this once",
    Gives::Data("api_key"),
);
pub(in crate::api) const NO_KEY: Op =
    read(Tag::Accounts, "getApiKey", "Says that API keys cannot be read, only changed", Gives::Nothing);
pub(in crate::api) const CONTACTS: Op =
    read(Tag::Accounts, "listContacts", "Everybody in an account who has a number", Gives::Rows("contact"));
pub(in crate::api) const NUMBERS: Op =
    read(Tag::Accounts, "listNumbers", "No phone numbers: they are not kept here", Gives::Data("elsewhere"));
pub(in crate::api) const CLASSIFIERS: Op = read(
    Tag::Accounts,
    "listClassifiers",
    "No kinds of numbers: they are not kept here",
    Gives::Data("elsewhere"),
);
pub(in crate::api) const LIMITS: Op =
    read(Tag::Accounts, "getLimits", "No limits of calls: they are not kept here", Gives::Data("elsewhere"));
pub(in crate::api) const CONFIGS: Op = read(
    Tag::Accounts,
    "getConfig",
    "Nothing set for a part of the call server: it is not kept here",
    Gives::Data("elsewhere"),
);
pub(in crate::api) const AUDIT: Op = read(
    Tag::Accounts,
    "listAudit",
    "Who changed what, when and from where, the newest first",
    Gives::Rows("deed"),
)
.asks(&[&["page_size", "start_key", "filter_id", "filter_type", "filter_what"]]);

pub(in crate::api) const USERS: Op =
    read(Tag::Users, "listUsers", "The users of an account", Gives::Rows("user_summary"))
        .asks(&[PAGED, FILTERED]);
pub(in crate::api) const CREATE_USER: Op =
    change(Tag::Users, "createUser", "Adds a user to an account", USER)
        .takes("users")
        .creates()
        .can_be_tried();
pub(in crate::api) const USER_GET: Op = read(Tag::Users, "getUser", "One user", USER);
pub(in crate::api) const USER_REPLACE: Op =
    change(Tag::Users, "replaceUser", "Puts another document in the place of a user's", USER)
        .takes("users")
        .can_be_tried();
pub(in crate::api) const USER_PATCH: Op =
    change(Tag::Users, "patchUser", "Changes some members of a user; null removes one", USER)
        .takes("users.members")
        .can_be_tried();
pub(in crate::api) const USER_DELETE: Op =
    change(Tag::Users, "deleteUser", "Deletes a user, whose devices stay", USER)
        .asks(&[&["should_soft_delete"]])
        .can_be_tried();

pub(in crate::api) const HOTDESKS: Op = read(
    Tag::Hotdesks,
    "listHotdesks",
    "Every device that somebody is signed in to, once for each of them",
    Gives::Rows("hotdesk"),
);
pub(in crate::api) const HOTDESKS_OF_USER: Op = read(
    Tag::Hotdesks,
    "listHotdesksOfUser",
    "The devices that a user is signed in to",
    Gives::Rows("hotdesk"),
);
pub(in crate::api) const HOTDESKS_OF_DEVICE: Op = read(
    Tag::Hotdesks,
    "listHotdesksOfDevice",
    "The users who are signed in to a device",
    Gives::Rows("user_summary"),
);
pub(in crate::api) const SIGN_IN: Op =
    change(Tag::Hotdesks, "signIn", "Signs a user in to a device", Gives::Rows("user_summary"));
pub(in crate::api) const SIGN_OUT: Op =
    change(Tag::Hotdesks, "signOut", "Signs a user out of a device", Gives::Rows("user_summary"));
