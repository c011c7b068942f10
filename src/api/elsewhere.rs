//! What Kazoo's screens of phones ask for beside phones, and what is not kept here: numbers, limits and switches of
//! the call server. They are answered as of an account that has none, so that the screens come up.

use serde_json::json;

use super::envelope::{Answer, Reply};
use super::request::Call;

/// `GET …/phone_numbers`: no numbers.
pub(super) async fn numbers(call: Call) -> Reply {
    call.account().await?;
    Ok(Answer::data(json!({"numbers": {}})))
}

/// `GET …/phone_numbers/classifiers`, `GET …/limits` and `GET …/configs/{name}`: nothing special.
pub(super) async fn nothing(call: Call) -> Reply {
    call.account().await?;
    Ok(Answer::data(json!({})))
}
