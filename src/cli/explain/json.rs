//! The report for programs.

use cargo_credential_bridge_backend::Step;
use serde_json::{Value, json};

use super::text::guarded;
use super::{Asked, Explained};
use crate::cli::report::{bare, error_json};
use crate::registry::By;

pub(super) fn object(explained: &Explained<'_>) -> Value {
    let entry = &explained.entry;
    json!({
        "registry": explained.url.to_string(),
        "operation": explained.operation.as_str(),
        "config": bare(explained.origin),
        "entry": entry.url.to_string(),
        "matched-by": match entry.by {
            By::Url => "url",
            By::Also => "also",
            By::Prefix => "prefix",
        },
        "chain": entry.value.chain_key(explained.operation),
        "guard": guarded(explained),
        "on-unavailable": match entry.value.next_if_unavailable {
            true => "next",
            false => "stop",
        },
        "sources": explained.sources.iter().map(source).collect::<Vec<_>>(),
    })
}

fn source(source: &Asked) -> Value {
    json!({
        "place": source.place,
        "field": source.field,
        "variables": source.variables,
        "is-asked": source.steps.is_some(),
        "steps": source.steps.iter().flatten().map(step).collect::<Vec<_>>(),
        "ends-with": source.end.as_ref().map(error_json),
    })
}

fn step(step: &Step) -> Value {
    match step {
        Step::PassedOver { method, why } => {
            json!({ "step": "passed-over", "method": method, "error": error_json(why) })
        }
        Step::Taken { method, identity } => {
            json!({ "step": "taken", "method": method, "identity": identity })
        }
        Step::Read(what) => json!({ "step": "read", "what": what }),
        Step::Run(what) => json!({ "step": "run", "what": what }),
        Step::Ask(planned) => json!({
            "step": "request",
            "method": planned.method,
            "url": planned.url,
            "purpose": planned.purpose,
            "audience": planned.audience,
            "condition": planned.condition,
        }),
    }
}
