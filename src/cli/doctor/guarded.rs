//! The guard of a registry: its rules, and what they come to in this job.

use cargo_credential_bridge_backend::Kind;

use super::finding::{Finding, Level};
use crate::config::{Config, Registry};
use crate::plugin::context;
use crate::protocol::Operation;
use crate::publish_guard::PublishGuard;

/// Looks at the guard, if there is one. `wanted` is the only operation that matters, if only one does.
pub(super) async fn check(
    config: &Config,
    registry: &Registry,
    wanted: Option<Operation>,
) -> Vec<Finding> {
    let Some(guard) = &registry.guard else {
        return Vec::new();
    };
    let rules = Finding::ok(format!("its guard is about {}", guard.names()));
    let mut findings = vec![guard.described().into_iter().fold(rules, Finding::detail)];
    findings.extend(way_around(registry, guard));
    if guard.asks_for_claims() {
        findings.push(claims(config, guard, wanted).await);
    }
    findings
}

/// What this job's identity token states. A job that is not to publish is no problem, if nobody says that it is.
async fn claims(config: &Config, guard: &PublishGuard, wanted: Option<Operation>) -> Finding {
    let level = match wanted.is_some_and(|wanted| guard.covers(wanted)) {
        true => Level::Problem,
        false => Level::Warning,
    };
    let claims = match guard.claims_here(&context(config)).await {
        Ok(claims) => claims,
        Err(error) => {
            let is_expected = error.kind() == Kind::NotAvailable && level == Level::Warning;
            let level = if is_expected { Level::Ok } else { level };
            return Finding::new(
                level,
                "its guard gives no token here, without an identity token",
            )
            .detail(error.to_string())
            .help(
                error
                    .help_text()
                    .unwrap_or("run it in the job that publishes"),
            );
        }
    };
    let unheld = guard.unheld(&claims);
    if unheld.is_empty() {
        return Finding::ok("its guard allows this job, by the claims of its identity token");
    }
    let refused = Finding::new(level, "its guard does not allow this job");
    unheld
        .into_iter()
        .fold(refused, Finding::detail)
        .help("publish from a job whose identity token states what is allowed")
}

/// Another operation that gives the same token without the guard.
fn way_around(registry: &Registry, guard: &PublishGuard) -> Option<Finding> {
    let chain = |operation| registry.chain(operation).map(<[_]>::as_ptr);
    let pairs = guard.operations.iter().flat_map(|&guarded| {
        let others = Operation::ALL
            .into_iter()
            .filter(|&other| !guard.covers(other));
        others.map(move |other| (guarded, other))
    });
    let (guarded, other) = pairs
        .into_iter()
        .find(|&(guarded, other)| chain(guarded).is_some() && chain(guarded) == chain(other))?;
    let (guarded, other) = (guarded.as_str(), other.as_str());
    Some(
        Finding::warning(format!(
            "its guard is no hindrance: `{other}` has the same sources as `{guarded}`, and is given their token unguarded"
        ))
        .help(format!("give the token to {guarded} a list of its own: `{guarded} = [ … ]`")),
    )
}
