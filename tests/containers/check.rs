//! What `ci/containers/check` says of Dockerfiles, line by line. What it finds in images: [`crate::leaky`].

use std::process::Command;

use crate::source;

/// Runs the check: its exit status and what it prints, or else its error.
pub(crate) fn check(arguments: &[&str]) -> (i32, String) {
    check_with(arguments, &[])
}

/// The same, with these variables.
pub(crate) fn check_with(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new("python3");
    command
        .arg(source("ci/containers/check"))
        .args(arguments)
        .envs(variables.iter().copied())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    let said = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

/// The findings in a Dockerfile, without its name, and the exit status.
fn lint(text: &str) -> (i32, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Dockerfile");
    std::fs::write(&file, text).unwrap();
    let (code, said) = check(&[file.to_str().unwrap()]);
    let name = format!("{}, ", file.display());
    let mut lines: Vec<String> = said.lines().map(|line| line.replace(&name, "")).collect();
    let summary = lines.pop();
    assert!(summary.is_some_and(|line| line.starts_with("1 looked into, ")));
    lines.retain(|line| !line.starts_with("  help: "));
    (code, lines)
}

#[test]
fn the_dockerfiles_here_have_nothing() {
    let files = ["examples/buildkit/Dockerfile", "ci/containers/Dockerfile"].map(source);
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    assert_eq!(
        check(&[&["--strict"], &files[..]].concat()),
        (0, "2 looked into, 0 refused, 0 warnings\n".to_owned())
    );
}

#[test]
fn arguments_and_variables_that_are_tokens() {
    let found = lint(
        "FROM rust\n\
         ARG CARGO_REGISTRIES_CORP_TOKEN\n\
         ENV A=b \\\n    # why not\n    VAULT_TOKEN=\"x NPM_TOKEN=y\"\n\
         ENV AWS_SECRET_ACCESS_KEY abc\n\
         ARG NPM_TOKEN\n\
         RUN --mount=type=secret,id=a,env=TOKEN true\n\
         RUN --mount=type=secret,id=a CARGO_REGISTRY_TOKEN=$(cat /run/secrets/a) cargo fetch\n",
    );
    assert_eq!(
        found,
        (
            1,
            [
                "refuse [argument] line 2: ARG of the token `CARGO_REGISTRIES_CORP_TOKEN`",
                "refuse [argument] line 3: ENV of the token `VAULT_TOKEN`",
                "refuse [argument] line 6: ENV of the token `AWS_SECRET_ACCESS_KEY`",
                "warn [argument] line 7: ARG `NPM_TOKEN` looks like a secret",
                "warn [exposed] line 8: the secret is in the variable `TOKEN` of the step",
                "warn [exposed] line 9: `CARGO_REGISTRY_TOKEN` is set for the step",
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );
}

#[test]
fn files_that_hold_tokens_and_steps_that_write_them() {
    let found = lint(
        "FROM rust\n\
         COPY app .cargo/credentials.toml /root/.cargo/\n\
         ADD [\".vault-token\", \"/root/\"]\n\
         RUN <<EOF\ncargo login --registry corp abc\nEOF\n\
         RUN --mount=type=secret,id=a cargo +nightly build\n",
    );
    assert_eq!(
        found,
        (
            1,
            [
                "refuse [copied] line 2: COPY of `.cargo/credentials.toml`",
                "refuse [copied] line 3: ADD of `.vault-token`",
                "refuse [login] line 4: `cargo login` in a step",
                "warn [shared] line 7: `cargo +nightly build` runs what it downloads, and can read the secret mount",
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );
}

#[test]
fn what_only_looks_like_it() {
    let found = lint(
        "# ARG CARGO_REGISTRY_TOKEN\n\
         FROM rust\n\
         ARG VERSION=1\n\
         ENV CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER=cargo-credential-bridge VAULT_ADDR=https://x TOKEN_URL=x\n\
         ENV CARGO_CREDENTIAL_BRIDGE_CONFIG=/etc/x.toml NOTE=\"say VAULT_TOKEN=x\"\n\
         COPY . .\n\
         COPY --from=build /root/.cargo/credentials.toml /\n\
         RUN --mount=type=secret,id=a cargo fetch --locked\n\
         RUN --mount=type=secret,id=a,target=/root/.vault-token cargo fetch\n\
         RUN cargo build --offline && echo $CARGO_REGISTRY_TOKEN\n",
    );
    assert_eq!(found, (0, vec![]));
}

#[test]
fn what_is_allowed_and_what_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Dockerfile");
    std::fs::write(&file, "FROM rust\nARG NPM_TOKEN\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(check(&[file]).0, 0);
    assert_eq!(check(&["--strict", file]).0, 1);
    assert_eq!(check(&["--strict", "--allow", "argument", file]).0, 0);
    assert_eq!(check(&["--strict", "--allow", "copied", file]).0, 1);
}

#[test]
fn what_can_not_be_looked_into() {
    let (code, said) = check(&["/nowhere/image.tar"]);
    assert_eq!(code, 2);
    assert!(
        said.starts_with("ci/containers/check: `/nowhere/image.tar` can't be read: "),
        "{said}"
    );
    for (arguments, error) in [
        (&[][..], "nothing to look into"),
        (&["--allow", "tokens", "x"], "no rule `tokens`"),
        (
            &["--secret-env", "NOT_SET_HERE", "x"],
            "the value of `NOT_SET_HERE` is not there",
        ),
        (
            &["--secret-file", "/nowhere", "x"],
            "the file `/nowhere` can't be read",
        ),
    ] {
        let (code, said) = check(arguments);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(error) && said.contains("\nhelp: "), "{said}");
    }
}
