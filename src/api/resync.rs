//! Campaigns: phones that are told because of the same thing. How each gets on, and what an administrator makes of it.
//!
//! Whoever runs the site sees all of them. Any other administrator sees those with phones of his account or of one below
//! it, counts only those phones, and decides about the campaigns that were set off there. All times are Unix seconds.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::access;
use super::audit;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::id::Id;
use crate::resync::{Action, Cause, ControlError, Counts, Progress, Stage};
use crate::schema::Problem;
use crate::store::StoreError;

/// How long the queue may take to answer; it is asked before everything else.
const PATIENCE: Duration = Duration::from_secs(5);

/// `GET /v2/resync`: the newest first.
pub(super) async fn list(call: Call) -> Reply {
    let seen = seen(&call).await?;
    Ok(Answer::data(seen.iter().map(|seen| seen.shown(&call)).collect()))
}

/// `GET /v2/resync/{campaign}`
pub(super) async fn get(call: Call) -> Reply {
    let seen = one(&call).await?;
    Ok(Answer::data(seen.shown(&call)))
}

/// `POST /v2/resync`: pauses, resumes or cancels every campaign that is not over and that the caller decides about.
/// Gives those that it was done to.
pub(super) async fn control_all(call: Call) -> Reply {
    let action = wanted(&call)?;
    let mut done = Vec::new();
    for seen in seen(&call).await?.into_iter().filter(|seen| seen.decides) {
        match carry_out(&call, &seen, action).await {
            Ok(()) => done.push(seen.progress.id),
            Err(ControlError::Over | ControlError::Unknown) => {}
        }
    }
    for seen in &done {
        enter(&call, action, *seen).await?;
    }
    let rows = self::seen(&call).await?;
    let rows = rows.iter().filter(|seen| done.contains(&seen.progress.id));
    Ok(Answer::data(rows.map(|seen| seen.shown(&call)).collect()))
}

/// `POST /v2/resync/{campaign}`
pub(super) async fn control(call: Call) -> Reply {
    let action = wanted(&call)?;
    let seen = one(&call).await?;
    if !seen.decides {
        return Err(Failure::forbidden());
    }
    match carry_out(&call, &seen, action).await {
        Ok(()) => {}
        Err(ControlError::Unknown) => return Err(Failure::unknown(call.named("campaign"))),
        Err(error @ ControlError::Over) => {
            let problem = Problem::new(format!("{error}: nothing is left to {}", name(action)));
            return Err(Failure::problem("action", "invalid", problem.value(name(action))));
        }
    }
    enter(&call, action, seen.progress.id).await?;
    get(call).await
}

/// A campaign as the caller sees it.
struct Seen {
    progress: Progress,
    /// The phones that he reaches.
    counts: Counts,
    /// Whether he decides about it.
    decides: bool,
}

async fn carry_out(call: &Call, seen: &Seen, action: Action) -> Result<(), ControlError> {
    call.desk.circle.control(seen.progress.id, action).await
}

/// Those that the caller sees.
async fn seen(call: &Call) -> Result<Vec<Seen>, Failure> {
    let caller = access::administrator(call.caller()?)?;
    let everything = caller.runs_the_site();
    let all = tokio::time::timeout(PATIENCE, call.desk.circle.progress()).await;
    let all = all.map_err(|_| StoreError::Io("the queue does not answer: try again".to_owned()))?;
    let (mut found, mut reached) = (Vec::new(), Reached { call, known: HashMap::new() });
    for progress in all {
        let mut counts = Counts::default();
        for (account, some) in &progress.counts {
            if everything || reached.is(*account).await? {
                counts = counts.plus(some);
            }
        }
        let decides = match progress.campaign.cause.account() {
            Some(account) => everything || reached.is(account).await?,
            None => everything,
        };
        if counts.concerned > 0 || decides {
            found.push(Seen { progress, counts, decides });
        }
    }
    Ok(found)
}

async fn one(call: &Call) -> Result<Seen, Failure> {
    let seen = seen(call).await?.into_iter();
    let id = call.id("campaign")?;
    seen.into_iter()
        .find(|seen| seen.progress.id == id)
        .ok_or_else(|| Failure::unknown(call.named("campaign")))
}

/// Which accounts the caller reaches, each looked up once.
struct Reached<'c> {
    call: &'c Call,
    known: HashMap<Id, bool>,
}

impl Reached<'_> {
    async fn is(&mut self, account: Id) -> Result<bool, Failure> {
        if let Some(known) = self.known.get(&account) {
            return Ok(*known);
        }
        let caller = self.call.caller()?;
        let found = self.call.desk.store.account(account).await?;
        let reached = found.is_some_and(|found| caller.reaches(&found));
        self.known.insert(account, reached);
        Ok(reached)
    }
}

fn wanted(call: &Call) -> Result<Action, Failure> {
    call.writer()?;
    call.must_be_meant()?;
    let said = call.option("action").ok_or_else(|| {
        let problem = Problem::new("Field is required but missing").value("action");
        Failure::problem("action", "required", problem)
    })?;
    let known = [Action::Pause, Action::Resume, Action::Cancel];
    known.into_iter().find(|action| name(*action) == said).ok_or_else(|| {
        let problem = Problem::new("Value not found in enumerated list of values").value(said);
        Failure::problem("action", "enum", problem.target(known.map(name).to_vec()))
    })
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Pause => "pause",
        Action::Resume => "resume",
        Action::Cancel => "cancel",
    }
}

async fn enter(call: &Call, action: Action, campaign: Id) -> Result<(), Failure> {
    let what = match action {
        Action::Pause => "campaign paused",
        Action::Resume => "campaign resumed",
        Action::Cancel => "campaign cancelled",
    };
    Ok(audit::enter_campaign(call, what, campaign).await?)
}

impl Seen {
    fn shown(&self, call: &Call) -> Value {
        let Progress { id, campaign, rate, ends, .. } = &self.progress;
        let unix = call.unix();
        let changed = self.counts.changed.max(campaign.began) / 1000;
        json!({
            "id": id,
            "account_id": campaign.cause.account(),
            "cause": cause(&campaign.cause),
            "state": campaign.state,
            "began": campaign.began / 1000,
            "changed": changed,
            "phones": phones(&self.counts),
            "rate": (rate * 10.0).round() / 10.0,
            "estimated_end": ends.map(|ends| ends.div_ceil(1000).max(unix)),
            "may_control": self.decides && self.progress.can_be_controlled(),
        })
    }
}

/// What set it off. Its account stands beside it.
fn cause(cause: &Cause) -> Value {
    let mut shown: Map<String, Value> = json!(cause).as_object().cloned().unwrap_or_default();
    shown.remove("account");
    Value::Object(shown)
}

fn phones(counts: &Counts) -> Value {
    json!({
        "concerned": counts.concerned,
        "waiting": counts.at(Stage::Waiting),
        "waiting_for_window": counts.at(Stage::RebootWindow),
        "told": counts.told,
        "expected": counts.at(Stage::Answered),
        "came_back": counts.came_back,
        "unreachable": counts.at(Stage::Unanswered) + counts.at(Stage::Nowhere) + counts.unreached,
        "given_up": counts.at(Stage::GivenUp) + counts.gave_up,
        "left": counts.left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resync::Ask;

    #[test]
    fn each_phone_of_a_campaign_stands_in_one_place() {
        let counts = Counts {
            concerned: 36,
            told: 9,
            came_back: 1,
            gave_up: 2,
            unreached: 3,
            left: 4,
            changed: 0,
            stages: [5, 6, 7, 3, 4, 1],
            again: 0,
        };
        let mut shown = phones(&counts);
        let sums: Vec<_> = ["concerned", "told"].iter().map(|name| shown[*name].take().as_u64()).collect();
        let places: u64 = shown.as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!((sums, places), (vec![Some(36), Some(9)], 36));
    }

    #[test]
    fn a_cause_says_what_it_was_and_not_twice_whose() {
        let account = Id::from_bytes([1; 16]);
        assert_eq!(
            cause(&Cause::Sync { account, ask: Ask::Reread }),
            json!({"what": "sync", "ask": "reread"})
        );
        assert_eq!(cause(&Cause::Account { account }), json!({"what": "account"}));
    }
}
