//! What becomes of the documents beside devices.

use serde_json::json;

use super::Noun;
use super::tests::{accepted, codes, refused};

#[test]
fn users_and_accounts_are_given_theirs() {
    assert_eq!(
        accepted(Noun::User, json!({ "first_name": "Ada", "last_name": "Lovelace" })),
        json!({
            "call_restriction": {}, "caller_id": {}, "contact_list": {}, "dial_plan": {}, "enabled": true,
            "first_name": "Ada",
            "hotdesk": { "enabled": false, "keep_logged_in_elsewhere": false, "require_pin": false },
            "last_name": "Lovelace", "music_on_hold": {}, "priv_level": "user",
            "require_password_update": false, "ringtones": {}, "verified": false, "vm_to_email_enabled": true,
        })
    );
    assert_eq!(
        accepted(Noun::Account, json!({ "name": "Engines", "provision": { "auto_sync": "false" } })),
        json!({
            "call_restriction": {}, "caller_id": {}, "dial_plan": {}, "enabled": true, "music_on_hold": {},
            "name": "Engines", "preflow": {}, "provision": { "auto_sync": false }, "ringtones": {},
        })
    );
}

#[test]
fn members_of_users_have_their_limits() {
    let user = json!({
        "first_name": "", "last_name": "x".repeat(129), "username": "", "password": 7, "email": "nobody",
        "timezone": "UTC", "priv_level": "king", "hotdesk": { "pin": 1234, "id": "1".repeat(16), "enabled": "yes" },
        "call_forward": { "number": "1".repeat(16) }, "caller_id": { "external": { "number": "1".repeat(36) } },
        "contact_list": { "exclude": 1 }, "flags": "a", "media": { "audio": { "codecs": ["MP3"] } },
        "presence_id": 7, "ringtones": { "internal": "r".repeat(257) }, "verified": "perhaps",
    });
    let problems = refused(Noun::User, user);
    assert_eq!(
        codes(&problems),
        [
            "call_forward.number maxLength",
            "caller_id.external.number maxLength",
            "contact_list.exclude type",
            "email wrong_format",
            "first_name minLength",
            "flags type",
            "hotdesk.enabled type",
            "hotdesk.id maxLength",
            "hotdesk.pin type",
            "last_name maxLength",
            "media.audio.codecs.0 enum",
            "password type",
            "presence_id type",
            "priv_level enum",
            "ringtones.internal maxLength",
            "timezone minLength",
            "username minLength",
            "verified type",
        ]
    );
    assert!(!problems.to_string().contains("1234"));
}

#[test]
fn members_of_accounts_have_their_limits() {
    let account = json!({
        "name": "x", "realm": "a b", "provision": { "auto_sync": "maybe" }, "timezone": "x".repeat(33),
        "caller_id": { "emergency": { "name": 7 } }, "contact_list": { "includes": {} },
        "call_recording": { "endpoint": { "any": { "onnet": { "time_limit": 1 } } } },
        "call_restriction": { "did_us": { "action": "maybe" } }, "dial_plan": { "system": [7] },
        "flags": [7], "language": 7, "music_on_hold": { "media_id": "m".repeat(129) },
        "ringtones": { "external": 7 }, "preflow": [],
    });
    assert_eq!(
        codes(&refused(Noun::Account, account)),
        [
            "call_recording.endpoint.any.onnet.time_limit minimum",
            "call_restriction.did_us.action enum",
            "caller_id.emergency.name type",
            "contact_list.includes type",
            "dial_plan.system.0 type",
            "flags.0 type",
            "language type",
            "music_on_hold.media_id maxLength",
            "preflow type",
            "provision.auto_sync type",
            "realm minLength",
            "realm pattern",
            "ringtones.external type",
            "timezone maxLength",
        ]
    );
}

#[test]
fn access_lists_name_networks_an_order_and_an_expression() {
    let list = json!({
        "order": "allow,deny", "cidrs": ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"], "user_agent": "^Yealink",
    });
    assert_eq!(accepted(Noun::AccessLists, list.clone()), list);
    assert_eq!(accepted(Noun::AccessLists, json!({})), json!({}));
    let wrong = json!({
        "order": "allow", "user_agent": "(",
        "cidrs": ["10.0.0.0", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/+8", "/8", 8, "x/8"],
    });
    let mut expected: Vec<String> = (0..7).map(|n| format!("cidrs.{n} wrong_format")).collect();
    expected[5] = "cidrs.5 type".to_owned();
    expected.extend(["order enum".to_owned(), "user_agent wrong_format".to_owned()]);
    assert_eq!(codes(&refused(Noun::AccessLists, wrong)), expected);
}

#[test]
fn rate_limits_are_counts() {
    assert_eq!(
        accepted(
            Noun::RateLimits,
            json!({ "per_second": { "invites": "5" }, "per_minute": { "registrations": 0 } })
        ),
        json!({ "per_second": { "invites": 5 }, "per_minute": { "registrations": 0 } })
    );
    let wrong = json!({ "per_second": 5, "per_minute": { "total_packets": -1, "invites": 1.5 } });
    assert_eq!(
        codes(&refused(Noun::RateLimits, wrong)),
        ["per_minute.invites type", "per_minute.total_packets minimum", "per_second type"]
    );
}

#[test]
fn a_notify_has_an_event_that_fits_into_its_header_and_a_body_or_none() {
    for event in ["check-sync", "check-sync;reboot=true", "talk"] {
        assert_eq!(accepted(Noun::DeviceNotify, json!({ "event": event })), json!({ "event": event }));
    }
    let whole = json!({ "event": "x", "body": { "data": "", "content_type": "text/plain; charset=utf-8" } });
    assert_eq!(accepted(Noun::DeviceNotify, whole.clone()), whole);
    for event in ["a b", "a\r\nVia: b", "a\n", "é", ";a"] {
        assert_eq!(
            codes(&refused(Noun::DeviceNotify, json!({ "event": event }))),
            ["event pattern"],
            "{event:?}"
        );
    }
    assert_eq!(codes(&refused(Noun::DeviceNotify, json!({}))), ["event required"]);
    assert_eq!(
        codes(&refused(Noun::DeviceNotify, json!({ "event": "x".repeat(65), "body": { "data": 1 } }))),
        ["body.content_type required", "body.data type", "event maxLength"]
    );
    let header = json!({ "event": "x", "body": { "data": "", "content_type": "text/plain\r\nVia: b" } });
    assert_eq!(codes(&refused(Noun::DeviceNotify, header)), ["body.content_type pattern"]);
}
