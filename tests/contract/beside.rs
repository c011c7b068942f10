//! What the schema of devices says besides the document's tables, so that nothing gets into it unseen.

use checksync::schema::{Noun, Schema};
use serde_json::Value;

use super::rows::{Row, Step, rows, tables};

/// Members that the schema knows besides those of the tables: newer ones, and our own.
const BESIDES: [(&str, &[&str]); 3] = [
    (
        "devices",
        &[
            "call_restriction.*",
            "call_restriction.*.action",
            "caller_id_options",
            "caller_id_options.outbound_privacy",
            "flags",
            "flags.[]",
            "hotdesk",
            "hotdesk.users",
            "hotdesk.users.*",
            "mac_address",
            "mwi_unsolicited_updates",
            "outbound_flags.dynamic",
            "outbound_flags.dynamic.[]",
            "outbound_flags.static",
            "outbound_flags.static.[]",
            "provision.auto_sync",
            "provision.admin_password",
            "provision.hours24",
            "provision.ntp_server",
            "provision.outbound_proxy",
            "provision.port",
            "provision.profiles",
            "provision.server",
            "provision.transport",
            "provision.user_password",
            "provision.voicemail",
            "provision.lines.[].caller_id",
            "provision.lines.[].enabled",
            "provision.lines.[].media",
            "provision.lines.[].provision.backup_server",
            "provision.lines.[].provision.dtmf",
            "provision.lines.[].provision.outbound_proxy",
            "provision.lines.[].provision.port",
            "provision.lines.[].provision.server",
            "provision.lines.[].provision.transport",
            "provision.lines.[].provision.voicemail",
            "provision.backup_server",
            "provision.check_sync_event",
            "provision.check_sync_reboot",
            "provision.check_sync_reload",
            "provision.contacts",
            "provision.dtmf",
            "provision.encryption",
            "provision.encryption.enabled",
            "provision.encryption.method",
            "provision.encryption.password",
            "provision.fill",
            "provision.fill.from",
            "provision.fill.type",
            "provision.fill.users",
            "provision.firmware",
            "provision.firmware.*",
            "provision.firmware_url",
            "provision.firmware_version",
            "provision.http_password",
            "provision.http_username",
            "provision.id",
            "provision.calls",
            "provision.calls.forward_busy",
            "provision.calls.forward_no_answer",
            "provision.calls.kept_by",
            "provision.calls.no_answer_seconds",
            "provision.lines",
            "provision.lines.[]",
            "provision.lines.[].device_id",
            "provision.lines.[].name",
            "provision.lines.[].provision",
            "provision.lines.[].sip",
            "provision.lines.[].sip.password",
            "provision.lines.[].sip.realm",
            "provision.lines.[].sip.username",
            "provision.pickup_code",
            "provision.poll_minutes",
            "provision.profile",
            "provision.syslog_server",
            "provision.tones",
            "provision._keys.*.code",
            "provision._keys.*.line",
            "provision._keys.*.pickup",
            "provision._keys.*.type",
            "provision._keys.*.value",
            "sip.custom_sip_interface",
            "sip.forward",
            "sip.proxy",
            "sip.static_invite",
            "sip.transport",
        ],
    ),
    ("call_recording.parameters", &["record_on_answer", "record_on_bridge"]),
    ("caller_id", &["asserted", "asserted.name", "asserted.number", "asserted.realm"]),
];

#[test]
fn the_schema_says_nothing_that_is_not_written_here() {
    let schema = Schema::of(Noun::Device).json();
    let mut unseen = Vec::new();
    for (table, _) in tables() {
        let node = if table == "devices" { schema } else { &schema["$defs"][table] };
        let mut known = Vec::new();
        members(schema, node, "", &mut known);
        let rows = rows();
        let written: Vec<_> = rows.iter().filter(|row| row.table == table).map(starred).collect();
        for member in known {
            let plain = member.replace("combo_keys.", "_keys.").replace("feature_keys.", "_keys.");
            let beside =
                BESIDES.iter().any(|(of, members)| *of == table && members.contains(&plain.as_str()));
            if !written.contains(&member) && !beside {
                unseen.push(format!("{table}: {plain}"));
            }
        }
    }
    unseen.sort();
    unseen.dedup();
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
}

/// The key of a row, with `*` for names by pattern.
fn starred(row: &Row) -> String {
    let steps = row.steps().into_iter().map(|step| match step {
        Step::Name(name) => name,
        Step::Pattern(_) => "*",
        Step::Item => "[]",
    });
    steps.collect::<Vec<_>>().join(".")
}

/// The keys of everything below `node`, except what a definition with a table of its own describes.
fn members(root: &Value, node: &Value, path: &str, into: &mut Vec<String>) {
    let own = node["$ref"].as_str().map(|name| name.trim_start_matches("#/$defs/"));
    let node = match own {
        Some(name) if tables().iter().any(|(table, _)| *table == name) => return,
        Some(name) => &root["$defs"][name],
        None => node,
    };
    let named =
        node["properties"].as_object().into_iter().flatten().map(|(name, node)| (name.as_str(), node));
    let others = node["patternProperties"].as_object().into_iter().flatten().map(|(_, node)| ("*", node));
    let rest = [("*", &node["additionalProperties"])].into_iter().filter(|(_, node)| node.is_object());
    let items = [("[]", &node["items"])].into_iter().filter(|(_, node)| node.is_object());
    for (name, node) in named.chain(others).chain(rest).chain(items) {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        members(root, node, &path, into);
        into.push(path);
    }
}
