//! Devices as they come in, and what becomes of them.

use serde_json::json;

use super::*;

const EVERY: [Noun; 6] =
    [Noun::Device, Noun::User, Noun::Account, Noun::AccessLists, Noun::RateLimits, Noun::DeviceNotify];

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value} is not an object") };
    map
}

pub(super) fn accepted(noun: Noun, document: Value) -> Value {
    let accepted = Schema::of(noun).accept(map(document));
    Value::Object(accepted.unwrap_or_else(|invalid| panic!("{invalid}")))
}

pub(super) fn refused(noun: Noun, document: Value) -> Value {
    serde_json::to_value(Schema::of(noun).accept(map(document)).unwrap_err()).unwrap()
}

/// The problems of a device that has a name and, besides, these members.
fn refused_device(mut document: Value) -> Value {
    document["name"] = json!("phone");
    refused(Noun::Device, document)
}

/// The paths and codes of `problems`, as `path code`.
pub(super) fn codes(problems: &Value) -> Vec<String> {
    let problems = problems.as_object().unwrap().iter();
    problems
        .flat_map(|(path, of)| of.as_object().unwrap().keys().map(move |code| format!("{path} {code}")))
        .collect()
}

#[test]
fn a_new_device_is_given_the_defaults_of_the_table() {
    assert_eq!(
        accepted(Noun::Device, json!({ "name": "New Device" })),
        json!({
            "call_restriction": {},
            "caller_id": {},
            "contact_list": {},
            "dial_plan": {},
            "enabled": true,
            "exclude_from_queues": false,
            "media": {
                "audio": { "codecs": ["PCMU"] },
                "encryption": { "enforce_security": false, "methods": [] },
                "video": { "codecs": [] },
            },
            "music_on_hold": {},
            "mwi_unsolicitated_updates": true,
            "name": "New Device",
            "register_overwrite_notify": false,
            "ringtones": {},
            "sip": { "expire_seconds": 300, "invite_format": "contact", "method": "password" },
            "suppress_unregister_notifications": false,
        })
    );
}

#[test]
fn what_each_document_must_have_is_missed() {
    assert_eq!(codes(&refused(Noun::Device, json!({}))), ["name required"]);
    assert_eq!(codes(&refused(Noun::User, json!({}))), ["first_name required", "last_name required"]);
    assert_eq!(codes(&refused(Noun::Account, json!({}))), ["name required"]);
}

#[test]
fn unknown_members_stay_and_private_ones_go() {
    let document = accepted(
        Noun::Device,
        json!({
            "name": "phone", "id": "x", "_rev": "1-a", "pvt_type": "device",
            "ui_metadata": { "_keep": null },
            "sip": { "registration_expiration": 3600 }, "provision": { "id": "a_b_c" },
        }),
    );
    assert_eq!(document["id"], "x");
    assert_eq!(document["ui_metadata"], json!({ "_keep": null }));
    assert_eq!(document["sip"]["registration_expiration"], 3600);
    assert_eq!(document["provision"], json!({ "id": "a_b_c" }));
    assert!(document.get("_rev").or(document.get("pvt_type")).is_none());
}

#[test]
fn text_becomes_a_boolean_or_a_number_at_every_depth() {
    let document = accepted(
        Noun::Device,
        json!({
            "name": "phone", "enabled": "false", "sip": { "expire_seconds": "360" },
            "media": {
                "bypass_media": "true", "progress_timeout": 5.0,
                "encryption": { "enforce_security": "true" },
            },
            "provision": { "auto_sync": "true", "endpoint_model": "450" },
            "call_recording": { "inbound": { "onnet": { "time_limit": "60" } } },
        }),
    );
    assert_eq!(document["enabled"], false);
    assert_eq!(document["sip"]["expire_seconds"], 360);
    assert_eq!(document["media"]["bypass_media"], "true");
    assert_eq!(document["media"]["progress_timeout"].as_i64(), Some(5));
    assert_eq!(document["media"]["encryption"]["enforce_security"], true);
    assert_eq!(document["provision"], json!({ "auto_sync": true, "endpoint_model": "450" }));
    assert_eq!(document["call_recording"]["inbound"]["onnet"]["time_limit"], 60);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let problems = refused(
        Noun::Device,
        json!({
            "enabled": [], "owner_id": "short", "provision": { "endpoint_model": 1e300 },
            "media": { "audio": { "codecs": ["PCMU", "MP3", "PCMU"] } },
            "sip": { "password": "abc", "realm": "a b c d", "invite_format": "x", "expire_seconds": null },
            "caller_id": { "internal": { "name": "n".repeat(36) } },
            "call_recording": { "any": { "any": { "url": "not a url", "time_limit": 1, "more": 1 } } },
        }),
    );
    assert_eq!(
        codes(&problems),
        [
            "call_recording.any.any.more additionalProperties",
            "call_recording.any.any.time_limit minimum",
            "call_recording.any.any.url wrong_format",
            "caller_id.internal.name maxLength",
            "enabled type",
            "media.audio.codecs uniqueItems",
            "media.audio.codecs.1 enum",
            "name required",
            "owner_id minLength",
            "provision.endpoint_model maximum",
            "sip.expire_seconds type",
            "sip.invite_format enum",
            "sip.password minLength",
            "sip.realm pattern",
        ]
    );
    assert_eq!(
        problems["enabled"],
        json!({ "type": {
            "message": "Value did not match type(s): boolean",
            "target": "boolean", "value": [],
        } })
    );
    assert_eq!(
        problems["sip.password"],
        json!({ "minLength": { "message": "String must be at least 5 characters", "target": 5 } })
    );
}

#[test]
fn keys_of_the_phone_may_be_null_and_have_members_of_their_own() {
    let keys = json!({
        "0": null,
        "1": { "type": "line" },
        "2": { "type": "parking", "value": 10, "color": "red" },
        "3": { "type": "speed_dial", "value": { "label": "Mum", "value": "5551234", "icon": 1 } },
        "4": { "type": "parking", "value": { "label": "Lot", "value": 1 } },
        "5": { "type": "none" },
        "named": 5,
    });
    let provision = json!({ "combo_keys": keys.clone(), "feature_keys": keys });
    let document = accepted(Noun::Device, json!({ "name": "phone", "provision": provision.clone() }));
    assert_eq!(document["provision"], provision);
}

#[test]
fn a_key_that_cannot_be_is_refused() {
    let keys = json!({
        "1": { "type": "dance" }, "2": {}, "3": { "type": "parking", "value": 11 }, "4": 1,
        "5": { "type": "parking", "value": { "value": 0 } },
    });
    assert_eq!(
        codes(&refused_device(json!({ "provision": { "combo_keys": keys } }))),
        [
            "provision.combo_keys.1.type enum",
            "provision.combo_keys.2.type required",
            "provision.combo_keys.3.value not_one_schema_valid",
            "provision.combo_keys.4 type",
            "provision.combo_keys.5.value not_one_schema_valid",
            "provision.combo_keys.5.value.value not_one_schema_valid",
        ]
    );
}

#[test]
fn sip_headers_are_text_under_plain_names() {
    let headers = json!({ "X-One": "1", "in": { "X-Two": "2" }, "out": {} });
    let document =
        accepted(Noun::Device, json!({ "name": "p", "sip": { "custom_sip_headers": headers.clone() } }));
    assert_eq!(document["sip"]["custom_sip_headers"], headers);
    let wrong = json!({ "a b": "1", "X": 1, "in": "text", "out": { "Y": {}, "c.d": "2" } });
    assert_eq!(
        codes(&refused_device(json!({ "sip": { "custom_sip_headers": wrong } }))),
        [
            "sip.custom_sip_headers.X type",
            "sip.custom_sip_headers.a b additionalProperties",
            "sip.custom_sip_headers.in type",
            "sip.custom_sip_headers.out.Y type",
            "sip.custom_sip_headers.out.c%2Ed additionalProperties",
        ]
    );
}

#[test]
fn metaflows_restrictions_and_formatters_are_checked_to_the_bottom() {
    let leaf = json!({ "module": "" });
    let problems = refused_device(json!({
        "metaflows": { "numbers": { "1": { "module": "m", "children": { "k": leaf } }, "x": {} } },
        "call_restriction": { "did_us": { "action": "maybe" } },
        "formatters": { "to": [{ "strip": "perhaps" }] },
    }));
    assert_eq!(
        codes(&problems),
        [
            "call_restriction.did_us.action enum",
            "formatters.to not_one_schema_valid",
            "metaflows.numbers.1.children.k.module minLength",
            "metaflows.numbers.x additionalProperties",
        ]
    );
}

#[test]
fn a_document_as_deep_as_a_request_can_be_is_checked_to_the_bottom() {
    let deep = (0..60).fold(json!({}), |below, _| json!({ "module": "m", "children": { "k": below } }));
    let problems = refused_device(json!({ "metaflows": { "patterns": { "p": deep } } }));
    let path = format!("metaflows.patterns.p{}.module required", ".children.k".repeat(60));
    assert_eq!(codes(&problems), [path]);
}

#[test]
fn text_becomes_a_boolean_below_patterns_and_alternatives_too() {
    let document = accepted(
        Noun::Device,
        json!({
            "name": "phone",
            "formatters": { "to": [{ "strip": "true" }], "from": { "match_invite_format": "false" } },
            "provision": { "combo_keys": { "1": { "type": "parking", "value": { "value": "3" } } } },
        }),
    );
    assert_eq!(
        document["formatters"],
        json!({ "to": [{ "strip": true }], "from": { "match_invite_format": false } })
    );
    assert_eq!(document["provision"]["combo_keys"]["1"]["value"], json!({ "value": "3" }));
}

#[test]
fn the_newer_name_of_mwi_updates_is_not_contradicted() {
    let of = |members: Value| {
        let document = accepted(Noun::Device, merge_values(json!({ "name": "phone" }), members));
        let names = ["mwi_unsolicitated_updates", "mwi_unsolicited_updates"];
        names.map(|name| document.get(name).and_then(Value::as_bool))
    };
    assert_eq!(of(json!({})), [Some(true), None]);
    assert_eq!(of(json!({ "mwi_unsolicited_updates": "false" })), [None, Some(false)]);
    assert_eq!(of(json!({ "mwi_unsolicitated_updates": false })), [Some(false), None]);
    let both = json!({ "mwi_unsolicitated_updates": true, "mwi_unsolicited_updates": false });
    assert_eq!(of(both), [Some(true), Some(false)]);
}

fn merge_values(base: Value, patch: Value) -> Value {
    Value::Object(merge(map(base), map(patch)))
}

#[test]
fn members_of_newer_clients_are_known_by_their_types() {
    let known = json!({
        "name": "phone", "flags": ["a"], "caller_id_options": { "outbound_privacy": "full" },
        "caller_id": { "asserted": { "name": "n", "number": "1", "realm": "r" } },
        "hotdesk": { "users": { "0123456789abcdef0123456789ABCDEF": {} } },
        "outbound_flags": { "static": [" fax "], "dynamic": ["zone"] },
        "provision": { "check_sync_event": "check-sync", "check_sync_reboot": ";reboot=true",
            "check_sync_reload": ";reboot=false", "id": "yealink_t4x_t46s" },
        "sip": { "custom_sip_interface": "i", "forward": "f", "proxy": "p", "static_invite": "s", "transport": "tls",
            "invite_format": "strip_plus" },
    });
    let document = accepted(Noun::Device, known);
    assert_eq!(document["outbound_flags"], json!({ "static": ["fax"], "dynamic": ["zone"] }));
    assert_eq!(document["sip"]["invite_format"], "strip_plus");
    let wrong = json!({
        "flags": [1], "caller_id_options": { "outbound_privacy": "some" },
        "caller_id": { "asserted": { "name": "n".repeat(36), "number": 1, "realm": [] } },
        "hotdesk": { "users": { "0123456789abcdef0123456789abcdef": "on", "short": "kept" } },
        "outbound_flags": { "static": [1], "dynamic": "zone" },
        "provision": { "check_sync_event": "a\r\nVia: b", "check_sync_reboot": "; x", "check_sync_reload": 1, "id": 1 },
        "sip": { "custom_sip_interface": 1, "forward": 1, "proxy": 1, "static_invite": 1, "transport": 1 },
    });
    assert_eq!(
        codes(&refused_device(wrong)),
        [
            "caller_id.asserted.name maxLength",
            "caller_id.asserted.number type",
            "caller_id.asserted.realm type",
            "caller_id_options.outbound_privacy enum",
            "flags.0 type",
            "hotdesk.users.0123456789abcdef0123456789abcdef type",
            "outbound_flags.dynamic type",
            "outbound_flags.static.0 type",
            "provision.check_sync_event pattern",
            "provision.check_sync_reboot pattern",
            "provision.check_sync_reload type",
            "provision.id type",
            "sip.custom_sip_interface type",
            "sip.forward type",
            "sip.proxy type",
            "sip.static_invite type",
            "sip.transport type",
        ]
    );
}

#[test]
fn a_wrong_way_to_log_in_has_a_message_of_its_own() {
    assert_eq!(
        refused_device(json!({ "sip": { "method": "x" } })),
        json!({ "sip.method": { "enum": {
            "message": "SIP authentication method is invalid", "target": ["password", "ip"], "cause": "x",
        } } })
    );
}

#[test]
fn every_reference_of_a_schema_leads_somewhere_in_it() {
    fn references(node: &Value) -> Vec<&str> {
        match node {
            Value::Object(members) => {
                let own = members.get("$ref").and_then(Value::as_str);
                own.into_iter().chain(members.values().flat_map(references)).collect()
            }
            Value::Array(items) => items.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }
    for noun in EVERY {
        let schema = Schema::of(noun).json();
        for reference in references(schema) {
            let definition = schema.pointer(reference.trim_start_matches('#'));
            assert!(definition.is_some_and(|d| d.get("$ref").is_none()), "{noun:?}: {reference}");
        }
    }
}
