//! Phones that ask by multicast and belong to no device, and the door that an administrator opens for them.

use serde_json::{Value, json};

use super::audit;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::schema::Problem;

/// For how long the door is opened where nobody says, and for how long at most, in seconds.
const USUAL: u64 = 600;
const LONGEST: u64 = 86_400;

/// `GET /v2/sightings`, for administrators of the master account like all of these.
pub(super) async fn get(call: Call) -> Reply {
    runs_the_site(&call)?;
    Ok(Answer::data(shown(&call)))
}

/// `PUT /v2/sightings` opens the door for `seconds`.
pub(super) async fn open(call: Call) -> Reply {
    runs_the_site(&call)?;
    call.must_be_meant()?;
    let seconds = match call.data()?.get("seconds") {
        None => USUAL,
        Some(value) => value.as_u64().filter(|seconds| (1..=LONGEST).contains(seconds)).ok_or_else(|| {
            let problem = Problem::new(format!("Value must be a whole number from 1 to {LONGEST}"));
            Failure::problem("seconds", "invalid", problem.value(value.clone()))
        })?,
    };
    audit::enter_site(&call, "sightings opened", "sightings", None).await?;
    call.desk.sightings.open(call.unix() + seconds);
    Ok(Answer::data(shown(&call)))
}

/// `DELETE /v2/sightings` shuts it, and forgets who was seen.
pub(super) async fn close(call: Call) -> Reply {
    runs_the_site(&call)?;
    call.must_be_meant()?;
    audit::enter_site(&call, "sightings closed", "sightings", None).await?;
    call.desk.sightings.close();
    Ok(Answer::data(shown(&call)))
}

fn runs_the_site(call: &Call) -> Result<(), Failure> {
    if call.caller()?.runs_the_site() { Ok(()) } else { Err(Failure::forbidden()) }
}

fn shown(call: &Call) -> Value {
    let sightings = &call.desk.sightings;
    json!({"open_until": sightings.open_until(call.unix()), "phones": sightings.list()})
}
