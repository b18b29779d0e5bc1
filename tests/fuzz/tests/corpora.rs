//! The corpora of the targets of this crate, which keep the laws. Those of what is not public are run beside it.

use std::process::Command;

#[test]
fn the_corpora_keep_the_laws() {
    for (target, _) in fuzz_targets::TARGETS {
        // AWS's SDK finds its keys in the environment of the process alone.
        let run = Command::new(env!("CARGO_BIN_EXE_fuzz"))
            .args(test_servers::corpus::inputs(target))
            .env_clear()
            .envs([("FUZZ_TARGET", *target), ("HOME", "/nonexistent")])
            .envs([
                ("AWS_ACCESS_KEY_ID", "fuzzed"),
                ("AWS_SECRET_ACCESS_KEY", "k3y-of-aws-Zq7"),
            ])
            .status();
        assert!(
            run.expect("it can be started").success(),
            "`{target}`: an input breaks a law, said above"
        );
    }
}
