//! What some phones cannot take, known by their `User-Agent`.

/// Beginnings of the `User-Agent` of phones that give up on a response as soon as one of its challenges is not MD5,
/// wherever it stands: seen with baresip 1.0.0, whose libre ends with "Function not implemented".
const MD5_ALONE: [&str; 2] = ["baresip v0.", "baresip v1."];

/// Whether a phone must be offered nothing but MD5. It says so itself, which makes nothing weaker: MD5 is offered to
/// everybody.
pub fn takes_md5_alone(user_agent: &str) -> bool {
    MD5_ALONE.iter().any(|beginning| user_agent.starts_with(beginning))
}

/// The `Subscription-State` of a NOTIFY that no subscription asked for, where a phone needs one: libre answers 400
/// without it. Desk phones do without, and nobody knows what each makes of it.
pub fn state_of_unasked(user_agent: &str) -> Option<String> {
    user_agent.starts_with("baresip ").then(|| "terminated".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_phones_that_are_known_for_it_are_treated_otherwise() {
        assert!(takes_md5_alone("baresip v1.0.0 (x86_64/linux)"));
        assert!(!takes_md5_alone("baresip v3.10.0 (x86_64/Linux)"));
        assert_eq!(state_of_unasked("baresip v3.10.0 (x86_64/Linux)").as_deref(), Some("terminated"));
        assert_eq!(state_of_unasked("Yealink SIP-T46S 66.86.0.15"), None);
        assert!(!takes_md5_alone("") && !takes_md5_alone("Yealink SIP-T46S 66.86.0.15"));
    }
}
