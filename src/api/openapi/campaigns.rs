//! The operations on campaigns, and what they look like.

use serde_json::{Value, json};

use super::op::{Gives, Op, Tag, change, read};
use super::shapes::{id, record, text, whole};

pub(in crate::api) const LIST: Op = read(
    Tag::Campaigns,
    "listCampaigns",
    "Who is being told because of what, and how that gets on, the newest first",
    Gives::Rows("campaign"),
);
pub(in crate::api) const GET: Op =
    read(Tag::Campaigns, "getCampaign", "How one campaign gets on", Gives::Data("campaign"));
pub(in crate::api) const CONTROL_ALL: Op = change(
    Tag::Campaigns,
    "controlCampaigns",
    "Pauses, resumes or cancels all campaigns that are not over, and gives those that it was done to",
    Gives::Rows("campaign"),
)
.takes("campaign.action");
pub(in crate::api) const CONTROL: Op = change(
    Tag::Campaigns,
    "controlCampaign",
    "Pauses, resumes or cancels a campaign",
    Gives::Data("campaign"),
)
.takes("campaign.action");
pub(in crate::api) const SYNC_ALL: Op = change(
    Tag::Campaigns,
    "syncDevices",
    "Tells all phones of an account to restart, or to read their files again, as a campaign",
    Gives::Data("campaign.asked"),
)
.asks(&[&["reboot", "now"]]);

/// What is sent and what comes back.
pub(super) fn shapes() -> Value {
    let second =
        |says: &str| json!({"type": ["integer", "null"], "description": format!("Unix seconds: {says}")});
    json!({
        "campaign.action": record(&["action"], json!({
            "action": {"enum": ["pause", "resume", "cancel"]},
        })),
        "campaign.asked": record(&["phones"], json!({"phones": whole("How many phones are asked")})),
        "campaign": record(&["id", "cause", "state", "began", "phones", "rate"], json!({
            "id": id(),
            "account_id": {"type": ["string", "null"], "description": "Where it was set off; null is the whole site"},
            "cause": record(&["what"], json!({
                "what": {"enum": ["templates", "site", "account", "import", "sync"]},
                "brand": text(), "models": {"type": "array", "items": text()}, "job": id(),
                "ask": {"enum": ["reread", "reboot"]},
            })),
            "state": {"enum": ["running", "paused", "cancelled", "done"]},
            "began": second("when its first phone came into it"),
            "changed": second("when a phone last came, was told or left"),
            "phones": record(&["concerned", "waiting", "told", "came_back", "unreachable", "given_up"], json!({
                "concerned": whole("All that came into it"),
                "waiting": whole("To be told when their turn comes"),
                "waiting_for_window": whole("To be told when their account allows phones to restart"),
                "told": whole("Those that a NOTIFY was sent to, wherever they stand now"),
                "expected": whole("They have answered, and must come"),
                "came_back": whole("They have come for their files"),
                "unreachable": whole("They have not answered, or not well, or nobody knows where they are"),
                "given_up": whole("They have answered and not come"),
                "left": whole("They left otherwise: deleted, cancelled, or taken over by a later campaign"),
            })),
            "rate": {"type": "number", "minimum": 0, "description": "Phones told in a second, over the last ten"},
            "estimated_end": second("when all will have been told; null where nobody can say"),
            "may_control": {"type": "boolean", "description": "Whether the caller can pause, resume or cancel it"},
        })),
    })
}
