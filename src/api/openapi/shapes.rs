//! What answers look like, and requests that are no documents. Members that may be missing are not required; those
//! that nobody described may be there too.

use serde_json::{Map, Value, json};

use super::campaigns;
use super::phones;
use super::schemas::ID;

/// What can come of a NOTIFY.
const NOTIFY_CLASSES: [&str; 7] =
    ["answered", "refused", "not_supported", "unreachable", "busy", "failed", "not_registered"];

/// All of them, by name.
pub(super) fn all() -> Map<String, Value> {
    let all = [
        envelopes(),
        requests(),
        documents(),
        rows(),
        phones(),
        calls(),
        bulk(),
        provisioner(),
        site(),
        campaigns::shapes(),
        phones::shapes(),
    ];
    all.into_iter().flat_map(|some| some.as_object().cloned().unwrap_or_default()).collect()
}

fn envelopes() -> Value {
    json!({
        "envelope": {
            "description": "What is around every good answer",
            "type": "object",
            "required": ["data", "revision", "request_id", "status"],
            "properties": {
                "auth_token": {"type": "string", "description": "The token that was sent, or a new one"},
                "page_size": whole("How many rows the page has; only in lists"),
                "start_key": {"type": "string", "description": "Where the page began"},
                "next_start_key": {"type": "string", "description": "Where the next page begins, if there is one"},
                "request_id": {"type": "string", "description": "X-Request-ID, or a random one"},
                "revision": {"type": "string", "description": "The document's revision, or the data's digest; also the ETag"},
                "status": {"const": "success"},
            },
        },
        "error": {
            "description": "Why a request was refused",
            "type": "object",
            "required": ["data", "error", "message", "request_id", "status"],
            "properties": {
                "data": {"description": "What more there is to say"},
                "error": {"type": "string", "pattern": "^[45][0-9]{2}$", "description": "The status as text"},
                "message": {"type": "string", "description": "The name of what went wrong"},
                "request_id": {"type": "string"},
                "status": {"const": "error"},
            },
        },
        "refusal": record(&["message"], json!({"message": text()})),
        "problems": {
            "description": "What is wrong, by the path of the member and by the kind of mistake",
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": ["message"],
                    "properties": {"message": {"type": "string"}, "target": {}, "value": {}, "cause": {}},
                },
            },
        },
    })
}

fn requests() -> Value {
    let wishes = json!({
        "type": "object",
        "properties": {
            "generate": {
                "description": "Credentials to be made up",
                "type": "array",
                "items": {"enum": ["sip.username", "sip.password"]},
            },
            "sync": {"type": "boolean", "description": "true: the phone restarts for the change"},
        },
    });
    json!({
        "credentials.key": {
            "type": "object",
            "required": ["api_key"],
            "properties": {"api_key": {"type": "string", "minLength": 64, "maxLength": 64}},
            "additionalProperties": false,
        },
        "credentials.password": record(&["credentials"], json!({
            "credentials": {"type": "string", "description": "The digest of username:password, in hexadecimal digits"},
            "method": {"enum": ["md5", "sha"], "default": "md5"},
            "account_name": text(), "account_realm": text(), "realm": text(), "phone_number": text(),
        })),
        "notify": record(&["action", "data"], json!({"action": {"const": "notify"}, "data": to("devices_notify")})),
        "push": record(&[], json!({
            "data": {"type": "object", "description": "The merged document, as Kazoo has it"},
            "create_if_missing": {"type": "boolean"}, "merge": {"type": "boolean"},
            "reseller_id": {"type": "string", "description": "Below which account a new one is made"},
        })),
        "devices.new": {"allOf": [to("devices"), wishes]},
        "devices.patch": {"allOf": [to("devices.members"), wishes]},
    })
}

fn documents() -> Value {
    let stored = |of: &str| {
        let own = json!({"type": "object", "required": ["id"], "properties": {"id": id()}});
        json!({"allOf": [to(of), own]})
    };
    let mut account = stored("accounts");
    account["properties"] =
        json!({"api_key": {"type": "string", "description": "Shown once, to who made it"}});
    json!({
        "account": account,
        "user": stored("users"),
        "device": stored("devices"),
        "plan": {
            "description": "What a change would do",
            "type": "object",
            "required": ["document", "files", "complete"],
            "properties": {
                "document": {"type": "object", "description": "As it would be stored"},
                "complete": {"type": "boolean", "description": "false: more phones are concerned than were looked at"},
                "files": {"type": "array", "items": {
                    "type": "object",
                    "required": ["device_id", "file", "change", "only_secrets", "diff"],
                    "properties": {
                        "device_id": id(),
                        "name": text_or_null(),
                        "file": {"type": "string"},
                        "change": {"enum": ["added", "removed", "changed"]},
                        "only_secrets": {"type": "boolean"},
                        "diff": {"type": "string", "description": "A unified difference, secrets masked"},
                    },
                }},
            },
        },
    })
}

fn rows() -> Value {
    json!({
        "account_summary": record(&["id", "name", "realm"], json!({
            "id": id(), "name": text_or_null(), "realm": text_or_null(),
        })),
        "user_summary": record(&["id"], json!({
            "id": id(),
            "email": text(), "first_name": text(), "last_name": text(), "presence_id": text(),
            "priv_level": text(), "timezone": text(), "username": text(),
            "enabled": {"type": "boolean"},
        })),
        "device_summary": record(&["id"], json!({
            "id": id(),
            "name": text(), "username": text(), "mac_address": text(), "device_type": text(), "owner_id": text(),
            "enabled": {"type": "boolean"},
            "flags": {"type": "array", "items": text()},
            "hotdesked": {"type": "boolean", "description": "In the list of a user: he does not own it"},
            "registered": {"type": "boolean"},
            "registrable": {"type": "boolean"},
        })),
        "status": record(&["device_id", "registered"], json!({"device_id": id(), "registered": {"const": true}})),
        "registration": record(&["authorizing_id", "contact", "expires", "status"], json!({
            "account_id": id(), "authorizing_id": id(), "call_id": text(), "contact": text(),
            "device_name": text(),
            "expires": whole("Seconds that are left"),
            "network_ip": text(), "network_port": whole("Where the REGISTER came from"),
            "owner_id": text(), "realm": text(),
            "status": {"const": "Registered"}, "user_agent": text(), "username": text(),
            "brand": text(), "model": text(), "firmware": text(), "mac_address": text(),
            "warnings": {"type": "array", "description": "What the phone says of itself and the device does not"},
        })),
        "contact": record(&["name"], json!({
            "name": text(), "external_number": text(), "internal_number": text(),
        })),
        "hotdesk": record(&["device_id"], json!({
            "device_id": id(), "device_name": text(), "owner_id": id(),
        })),
        "deed": record(&["at", "what", "type", "paths", "by"], json!({
            "at": whole("Unix seconds"),
            "what": text(), "type": {"enum": ["account", "user", "device", "campaign"]},
            "id": text_or_null(), "name": text_or_null(),
            "paths": {"type": "array", "items": text(), "description": "The members that changed"},
            "by": {"type": ["object", "null"]},
            "from": text_or_null(), "request_id": text(),
        })),
    })
}

fn phones() -> Value {
    let digest = json!({"type": ["string", "null"]});
    let second = json!({"type": ["integer", "null"], "description": "Unix seconds"});
    let yes = json!({"type": "boolean"});
    let in_step = json!({"type": "boolean", "description": "The phone holds what it would be given"});
    json!({
        "file": record(&["name", "content_type", "bytes", "digest", "in_step", "secret"], json!({
            "name": text(), "content_type": text(), "bytes": whole("Its length"), "digest": text(),
            "secret": yes, "held": digest, "fetched": second, "in_step": in_step,
        })),
        "file_body": record(&[], json!({
            "name": text(), "content_type": text(), "bytes": whole("Its length"), "digest": text(),
            "masked": yes, "warnings": {"type": "array"}, "body": text_or_null(),
            "catalog": {"type": "array", "description": "With `explain`: the rows of the catalog that name the file"},
            "lines": {"type": "array", "description": "With `explain`: each line, and what wrote and shaped it"},
        })),
        "file_diff": record(&["name", "given", "in_step", "only_secrets", "diff"], json!({
            "name": text(), "held": digest, "given": text(), "in_step": in_step, "only_secrets": yes,
            "diff": {"type": ["string", "null"], "description": "null: what the phone holds is not known any more"},
        })),
        "provisioning": record(&["device_id", "in_step", "pending", "files"], json!({
            "device_id": id(), "name": text_or_null(), "mac_address": text_or_null(), "model": text_or_null(),
            "in_step": in_step, "auto_sync": {"type": ["boolean", "null"]},
            "warnings": {"type": "array"},
            "seen": {"type": "array", "items": {"type": "object", "properties": {
                "by": {"enum": ["sip", "http"]}, "since": second, "user_agent": text(), "brand": text(),
                "model": text(), "firmware": text(), "mac_address": text(), "warnings": {"type": "array"},
            }}},
            "pending": {"type": ["object", "null"], "properties": {
                "since": second, "attempts": whole("How often it was told"), "next": second,
                "stage": {"enum": ["waiting", "reboot_window", "answered", "unanswered", "nowhere", "given_up"]},
                "asked": {"enum": ["reread", "reboot", null], "description": "What somebody asked for"},
                "restart": second,
                "campaign": text_or_null(),
            }},
            "last_notify": {"type": ["object", "null"], "properties": {
                "ask": {"enum": ["reread", "reboot"]}, "at": second,
                "class": {"enum": NOTIFY_CLASSES},
                "code": whole("The code of the answer"),
                "outcome": {"type": "string", "description": "The same in words"},
                "came_back": second,
            }},
            "refusal": {"type": ["string", "null"], "description": "Why it would be given nothing"},
            "files": {"type": "array", "items": {"type": "object", "properties": {
                "name": text(), "held": digest, "given": digest, "fetched": second, "in_step": in_step,
                "secret": {"type": ["boolean", "null"]}, "optional": {"type": ["boolean", "null"]},
            }}},
        })),
    })
}

fn calls() -> Value {
    json!({
        "quickcall": record(&["endpoints"], json!({"endpoints": {"type": "array", "items": {"type": "object"}}})),
        "event": record(&["at"], json!({
            "at": whole("Unix seconds"), "what": text(), "message": text(),
            "class": {"enum": NOTIFY_CLASSES, "description": "What came of a NOTIFY"},
        })),
    })
}

fn bulk() -> Value {
    json!({
        "import_report": record(&["job", "total", "failed", "errors", "applied"], json!({
            "job": id(), "applied": {"type": "boolean", "description": "Whether anything was stored"},
            "total": whole("Rows"), "created": whole("Rows"), "updated": whole("Rows"),
            "unchanged": whole("Rows"), "failed": whole("Rows that cannot be stored"),
            "errors": {"type": "array", "items": record(&["row", "line", "errors"], json!({
                "row": whole("From 1"), "line": whole("From 1"), "errors": {"type": "object"},
            }))},
        })),
        "import": record(&["job", "state", "rows", "started"], json!({
            "job": id(), "state": text(), "started": whole("Unix seconds"), "finished": whole("Unix seconds"),
            "rows": whole("Rows that have arrived"), "total": whole("Rows"), "good": whole("Rows"),
            "bad": whole("Rows"), "applied": whole("Rows that are stored"), "message": text(),
            "result": to("import_report"),
        })),
    })
}

fn provisioner() -> Value {
    json!({
        "sightings": record(&["open_until", "phones"], json!({
            "open_until": {"type": ["integer", "null"], "description": "Unix seconds; null while the door is shut"},
            "phones": {"type": "array", "items": record(&["mac_address", "ip", "seen"], json!({
                "mac_address": text(), "vendor": text(), "model": text(), "version": text(), "ip": text(),
                "seen": whole("Unix seconds"),
            }))},
        })),
        "sightings_open": record(&[], json!({
            "seconds": {"type": "integer", "minimum": 1, "maximum": 86400, "default": 600},
        })),
        "owner": record(&["account_id"], json!({"account_id": id()})),
        "pushed": record(&["account_id"], json!({"account_id": text(), "mac_address": text()})),
        "words": record(&["message"], json!({"message": text()})),
        "phones": {"type": "object", "description": "Brands with their families, families with their models, or a model"},
        "phone_keys": record(&["template"], json!({"template": {"type": "object"}})),
    })
}

fn site() -> Value {
    json!({
        "nothing": {"type": "object", "maxProperties": 0},
        "session": record(&["account_id", "is_master_account"], json!({
            "account_id": id(), "owner_id": id(), "cluster_id": text(),
            "capabilities": {"type": "object"}, "ui_config": {"type": "object"},
            "account_name": text_or_null(),
            "is_master_account": {"type": "boolean"}, "is_reseller": {"type": "boolean"},
            "language": text(), "reseller_id": id(), "apps": {"type": "array"},
        })),
        "api_key": record(&["api_key"], json!({"api_key": text()})),
        "registration_count": record(&["count"], json!({"count": whole("How many")})),
        "elsewhere": {"type": "object", "description": "What another part of Kazoo keeps: here, nothing"},
        "name": text(),
        "sentence": text(),
        "schema": {"type": "object", "description": "A JSON Schema, draft 2020-12"},
        "templates": record(&["in_use", "families", "models", "findings"], json!({
            "in_use": {"type": "object", "description": "The digests of each brand's texts"},
            "families": whole("How many"), "models": whole("How many"),
            "findings": {"type": "array", "description": "Why what lies in the pack folders is not in use"},
        })),
    })
}

#[allow(clippy::needless_pass_by_value, reason = "members are written where they are passed")]
pub(super) fn record(required: &[&str], members: Value) -> Value {
    json!({"type": "object", "required": required, "properties": members})
}

fn to(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

pub(super) fn id() -> Value {
    json!({"type": "string", "pattern": ID})
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

fn text_or_null() -> Value {
    json!({"type": ["string", "null"]})
}

pub(super) fn whole(says: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": says})
}
