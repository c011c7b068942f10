//! What became of a NOTIFY, by the code of its last answer.

use serde::{Deserialize, Serialize};

use super::message::Response;

/// What became of a NOTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "code")]
pub enum Outcome {
    /// The phone has heard (2xx).
    Answered(u16),
    /// It wants other credentials, or it will not (401, 403, 407, 603).
    Refused(u16),
    /// It knows no such request or event (405, 481, 489, 501); some phones obey all the same.
    NotSupported(u16),
    /// A server has too much to do (500, 503), and perhaps says for how many seconds (`Retry-After`); 500 also if too
    /// many NOTIFYs are under way here.
    Busy {
        /// 500 or 503.
        code: u16,
        /// Seconds; 0 if it does not say.
        retry_after: u32,
    },
    /// Nobody is there: a proxy says so (408, 480), or nobody answered in 32 seconds (`None`).
    Unreachable(Option<u16>),
    /// Any other answer.
    Failed(u16),
}

impl Outcome {
    /// Sorts a final response's code.
    pub fn of(code: u16) -> Self {
        match code {
            200..300 => Self::Answered(code),
            401 | 403 | 407 | 603 => Self::Refused(code),
            405 | 481 | 489 | 501 => Self::NotSupported(code),
            408 | 480 => Self::Unreachable(Some(code)),
            500 | 503 => Self::Busy { code, retry_after: 0 },
            _ => Self::Failed(code),
        }
    }

    /// Sorts a final response.
    pub(super) fn of_response(response: &Response) -> Self {
        match Self::of(response.code) {
            Self::Busy { code, .. } => Self::Busy { code, retry_after: retry_after(response) },
            outcome => outcome,
        }
    }

    /// What happened, in words for a person.
    pub fn words(&self) -> String {
        match self {
            Self::Answered(code) => format!("the phone answered {code}"),
            Self::Refused(401 | 407) => "the phone asked for a password and refused the line's".to_owned(),
            Self::Refused(code) => format!("the phone refused with {code}"),
            Self::NotSupported(code) => format!("the phone says it does not know this event ({code})"),
            Self::Unreachable(None) => "nobody answered".to_owned(),
            Self::Unreachable(Some(code)) => format!("the proxy could not reach the phone ({code})"),
            Self::Busy { code, retry_after: 0 } => format!("a server has too much to do ({code})"),
            Self::Busy { code, retry_after } => {
                format!("a server has too much to do ({code}) and wants to be asked again in {retry_after} s")
            }
            Self::Failed(404) => "nobody is registered under this address (404)".to_owned(),
            Self::Failed(code) => format!("the phone or a proxy failed with {code}"),
        }
    }
}

/// The seconds of `Retry-After: 18000;duration=3600 (in a meeting)`; 0 without them.
fn retry_after(response: &Response) -> u32 {
    let text = response.headers.get("Retry-After").unwrap_or_default().trim_start();
    let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    if digits.len() > 9 { u32::MAX } else { digits.parse().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_class_and_its_words() {
        for (code, outcome) in [
            (202, Outcome::Answered(202)),
            (403, Outcome::Refused(403)),
            (481, Outcome::NotSupported(481)),
            (489, Outcome::NotSupported(489)),
            (408, Outcome::Unreachable(Some(408))),
            (480, Outcome::Unreachable(Some(480))),
            (404, Outcome::Failed(404)),
            (302, Outcome::Failed(302)),
            (500, Outcome::Busy { code: 500, retry_after: 0 }),
        ] {
            assert_eq!(Outcome::of(code), outcome);
            assert!(outcome.words().contains(&code.to_string()));
        }
        assert_eq!(Outcome::Unreachable(None).words(), "nobody answered");
    }

    #[test]
    fn an_outcome_reads_back_from_the_store() {
        for outcome in [Outcome::Answered(200), Outcome::Unreachable(None), Outcome::Unreachable(Some(480))] {
            let stored = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&stored).unwrap(), outcome, "{stored}");
        }
    }
}
