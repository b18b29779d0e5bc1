//! What is seen of a token that a CI step has exported, as it is done without a provider.
//!
//! It also shows that the searches find what is there.

use std::error::Error;

use test_servers::leaks;

use crate::job::{app, cargo, environments, home};
use crate::narrator::Narrator;
use crate::stage::Stage;

/// Builds the same program with the read token in `CARGO_REGISTRIES_CORP_TOKEN`.
pub(crate) fn check(narrator: &Narrator, stage: &Stage) -> Result<(), Box<dyn Error>> {
    let token = stage.registry.tokens().read.as_str();
    let home = home().env("CARGO_REGISTRIES_CORP_TOKEN", token);
    home.registry("corp", &stage.registry.index_url(), &["cargo:token"]);
    let before = stage.exposed_processes().len();
    if !cargo(narrator, &home, &app(&home), &["build"]).success() {
        return Err("`cargo build` with the exported token failed".into());
    }
    let dumps = environments(&home);
    let seen = dumps
        .iter()
        .filter(|dump| leaks::find(token, dump).is_some())
        .count();
    let text = format!("{seen} of {} build scripts saw the token", dumps.len());
    narrator.check(seen == dumps.len() && seen >= 2, &text);
    if cfg!(target_os = "linux") {
        let mut processes = stage.exposed_processes().split_off(before);
        processes.sort();
        processes.dedup();
        let text = format!("it was in the environment of {}", processes.join(", "));
        narrator.check(!processes.is_empty(), &text);
    }
    Ok(())
}
