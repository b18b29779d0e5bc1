//! Many commands at once against a real Vault, and Vault stopped and started again in the middle. Run it by `ci/fleet`.
//!
//! `fleet PROVIDER [COMMANDS]` prints the page `docs/fleet.md`. What must hold is asserted, and the rest is said.

mod commands;
mod page;
mod run;
mod trail;
mod waits;
mod world;

use std::path::PathBuf;

use crate::run::Run;
use crate::world::World;

/// `VAULT_MAX_RETRIES` for those that are to outlast a restart; without it, a request is sent again twice.
const PATIENT: u32 = 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let provider = PathBuf::from(
        arguments
            .next()
            .expect("the first argument is the provider: run `ci/fleet`"),
    );
    let count = arguments.next().map_or(300, |count| {
        count
            .parse()
            .expect("the second argument is a number of commands")
    });

    let calm = Run::of(&mut World::new(&provider, None), count, false);
    calm.assert_as_designed();
    let restarted = Run::of(&mut World::new(&provider, None), count, true);
    restarted.assert_in_order();
    let patient = Run::of(&mut World::new(&provider, Some(PATIENT)), count, true);
    patient.assert_in_order();
    page::print(PATIENT, &[calm, restarted, patient]);
}
