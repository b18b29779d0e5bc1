//! Whether Cargo asks this program, and by whose word.

use std::fs;

use test_servers::Provider;
use test_servers::doctor::{assert_well, edit, first_problem, help, problem_of, quoted};

use super::{directory, provider, registry};

const OURS: &str = "\"cargo-credential-bridge\"";

/// Cargo's config of a registry called `corp`, with this provider.
fn cargo_config(url: &str, provider: &str) -> String {
    format!("[registries.corp]\nindex = \"{url}\"\ncredential-provider = {provider}\n")
}

/// The first problem, with the home directory taken out.
fn problem(provider: &Provider, arguments: &[&str]) -> String {
    let run = provider.tool(&[&["doctor"], arguments].concat());
    problem_of(&run).replace(&provider.home().display().to_string(), "~")
}

#[test]
fn the_repository_sets_another_provider() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url).file(
        "work/.cargo/config.toml",
        "[registries.corp]\n# of this repository\ncredential-provider = \"cargo:token\"\n",
    );
    assert_eq!(
        problem(&provider, &[]),
        "Cargo asks `cargo:token` for `corp`, and not this program: `~/work/.cargo/config.toml`, line 3 says so\n\
         help: delete that line: `~/.cargo/config.toml`, line 3 counts then"
    );
    let problem = first_problem(&provider);
    assert!(quoted(help(&problem), "delete that line: ").ends_with("/.cargo/config.toml"));
    let path = provider.home().join("work/.cargo/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    let kept: Vec<_> = text.lines().take(2).collect();
    fs::write(&path, kept.join("\n")).unwrap();
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn only_the_repository_sets_the_provider() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url)
        .file(".cargo/config.toml", "")
        .file("work/.cargo/config.toml", &cargo_config(&url, OURS));
    let run = provider.tool(&["doctor"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let warning = "    warning the provider is set in the repository only, at ";
    assert!(run.stdout.contains(warning), "{}", run.stdout);
    assert!(run.stdout.ends_with("\n1 warning\n"), "{}", run.stdout);
}

#[test]
fn a_path_with_a_space_wants_an_array() {
    let registry = registry();
    let url = registry.index_url();
    let path = "my tools/cargo-credential-bridge";
    let provider = provider(&url).file(
        ".cargo/config.toml",
        &cargo_config(&url, &format!("{path:?}")),
    );
    fs::create_dir(provider.home().join("my tools")).unwrap();
    std::os::unix::fs::symlink(crate::BINARY, provider.home().join(path)).unwrap();
    assert_eq!(
        problem(&provider, &[]),
        format!(
            "Cargo cuts what `~/.cargo/config.toml`, line 3 says at each space\n\
             help: write it as an array there: `credential-provider = [{path:?}]`"
        )
    );
    let problem = first_problem(&provider);
    let line = quoted(help(&problem), "there: ");
    edit(
        &provider,
        ".cargo/config.toml",
        &format!("credential-provider = {path:?}"),
        line,
    );
    assert_well(&provider.tool(&["doctor"]));
}

#[test]
fn an_empty_variable_is_a_provider_to_cargo() {
    let registry = registry();
    let url = registry.index_url();
    let name = "CARGO_REGISTRIES_CORP_CREDENTIAL_PROVIDER";
    assert_eq!(
        problem(&provider(&url).env(name, ""), &[]),
        format!(
            "the variable `{name}` names no provider: it is empty\n\
             help: unset `{name}`: Cargo fails on an empty variable, too"
        )
    );
}

#[test]
fn crates_io_has_a_table_of_its_own() {
    let provider = Provider::new(crate::BINARY)
        .config(
            "[backends.job]\ntype = \"env\"\n[registries.\"https://github.com/rust-lang/crates.io-index\"]\n\
             publish = [ { backend = \"job\", var = \"TOKEN\" } ]\n",
        )
        .file(
            ".cargo/config.toml",
            "[registries.crates-io]\ncredential-provider = \"cargo-credential-bridge\"\n",
        )
        .env("PATH", directory())
        .env("TOKEN", super::TOKEN);
    assert_eq!(
        problem(&provider, &["crates-io"]),
        "Cargo ignores what `~/.cargo/config.toml`, line 2 says for crates.io\n\
         help: write it below `[registry]` in `~/.cargo/config.toml`: `credential-provider = \"cargo-credential-bridge\"`"
    );
    edit(
        &provider,
        ".cargo/config.toml",
        "[registries.crates-io]",
        "[registry]",
    );
    assert_well(&provider.tool(&["doctor", "crates-io"]));
}

#[test]
fn two_names_for_one_index() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url).file(
        "work/.cargo/config.toml",
        &format!("[registries.other]\nindex = \"{url}\"\n"),
    );
    assert_eq!(
        problem(&provider, &[]),
        "Cargo has two names for this registry, `other` and `corp`, and takes neither\n\
         - `~/work/.cargo/config.toml`, line 2: `other`\n\
         - `~/.cargo/config.toml`, line 2: `corp`\n\
         help: delete the `index` of `corp` at `~/.cargo/config.toml`, line 2"
    );
}

#[test]
fn a_program_that_is_not_on_the_path() {
    let registry = registry();
    let url = registry.index_url();
    assert_eq!(
        problem(&provider(&url).env("PATH", "/nonexistent"), &[]),
        format!(
            "Cargo does not find `cargo-credential-bridge`, which it asks for `corp`, by `~/.cargo/config.toml`, line 3\n\
             help: put `{}` on the PATH of this job",
            directory()
        )
    );
}

#[test]
fn another_program_of_the_same_name() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url).file("bin/cargo-credential-bridge", "#!/bin/sh\n");
    let path = provider.home().join("bin");
    fs::set_permissions(
        path.join("cargo-credential-bridge"),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    let run = provider.env("PATH", path).tool(&["doctor"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.stdout
            .contains("    warning Cargo asks another program of this name for `corp`"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_global_provider_does_not_count_beside_the_registrys_own() {
    let registry = registry();
    let url = registry.index_url();
    let global = format!(
        "[registry]\nglobal-credential-providers = [ \"cargo:token\", {OURS} ]\n[registries.corp]\nindex = \"{url}\"\n"
    );
    let provider = provider(&url).file(".cargo/config.toml", &global);
    let run = provider.tool(&["doctor"]);
    assert!(
        run.stdout.contains("    ok      Cargo asks this program for every registry without a provider of its own, by"),
        "{}",
        run.stdout
    );
    assert_well(&run);
    let provider = provider.file(
        ".cargo/config.toml",
        &format!("{global}credential-provider = \"cargo:token\"\n"),
    );
    assert_eq!(
        problem(&provider, &[]),
        "Cargo asks `cargo:token` for `corp`, and not this program: `~/.cargo/config.toml`, line 5 says so\n\
         - Cargo asks this program for every registry without a provider of its own, by `~/.cargo/config.toml`, line 2\n\
         - a registry's own provider goes before every global one\n\
         help: write `credential-provider = \"cargo-credential-bridge\"` there"
    );
}

#[test]
fn an_alias_is_followed() {
    let registry = registry();
    let url = registry.index_url();
    let alias = format!(
        "[credential-alias]\nbridge = [{OURS}, \"--an argument\"]\n{}",
        cargo_config(&url, "\"bridge\"")
    );
    let run = provider(&url)
        .file(".cargo/config.toml", &alias)
        .tool(&["doctor"]);
    assert!(
        run.stdout.contains(", line 5, and the alias at "),
        "{}",
        run.stdout
    );
    assert_well(&run);
}

#[test]
fn no_provider_and_no_name() {
    let registry = registry();
    let url = registry.index_url();
    let nameless = provider(&url).file(".cargo/config.toml", "");
    let text = problem(&nameless, &[]);
    assert_eq!(
        text,
        format!(
            "Cargo's configuration has no registry with this index\n\
             help: write into `~/.cargo/config.toml`:\n[registries.NAME]\nindex = \"{url}\"\n\
             credential-provider = \"cargo-credential-bridge\""
        )
    );
    let (_, lines) = text.split_once(":\n").unwrap();
    let (_, lines) = lines.split_once(":\n").unwrap_or(("", lines));
    assert_well(
        &nameless
            .file(".cargo/config.toml", lines)
            .tool(&["doctor", "NAME"]),
    );
    let without = provider(&url).file(
        ".cargo/config.toml",
        &format!("[registries.corp]\nindex = \"{url}\"\n"),
    );
    assert_eq!(
        problem(&without, &[]),
        "Cargo asks no provider for `corp`\n\
         help: write below `[registries.corp]` in `~/.cargo/config.toml`: `credential-provider = \"cargo-credential-bridge\"`"
    );
}

#[test]
fn a_name_that_a_variable_spells_otherwise() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url)
        .file(
            ".cargo/config.toml",
            &cargo_config("sparse+https://other.example.com/", OURS).replace("corp", "my-corp"),
        )
        .env("CARGO_REGISTRIES_MY_CORP_INDEX", &url);
    assert_eq!(
        problem(&provider, &["my_corp"]),
        "Cargo takes the registry's name from the variable `CARGO_REGISTRIES_MY_CORP_INDEX` as `my_corp`, and so passes \
         over `[registries.my-corp]`\n\
         help: set CARGO_REGISTRIES_MY_CORP_CREDENTIAL_PROVIDER=cargo-credential-bridge too, or unset the variable"
    );
    let name = "CARGO_REGISTRIES_MY_CORP_CREDENTIAL_PROVIDER";
    assert_well(
        &provider
            .env(name, "cargo-credential-bridge")
            .tool(&["doctor", "my_corp"]),
    );
}

#[test]
fn what_a_config_includes_counts_less_than_the_config() {
    let registry = registry();
    let url = registry.index_url();
    let index = format!("[registries.corp]\nindex = \"{url}\"\n");
    let other = "[registries.corp]\ncredential-provider = \"cargo:token\"\n";
    let including = |own: &str| {
        let text = format!("include = [\"a/one.toml\", {{ path = \"two.toml\" }}]\n{own}");
        provider(&url)
            .file(".cargo/config.toml", &text)
            .file(".cargo/a/one.toml", other)
            .file(".cargo/two.toml", &cargo_config(&url, OURS))
    };
    let run = including("").tool(&["doctor"]);
    assert!(
        run.stdout.contains("/.cargo/two.toml`, line 3\n"),
        "{}",
        run.stdout
    );
    assert_well(&run);
    let own = format!("{index}credential-provider = \"cargo:token\"\n");
    assert_eq!(
        problem(&including(&own), &[]),
        "Cargo asks `cargo:token` for `corp`, and not this program: `~/.cargo/config.toml`, line 4 says so\n\
         help: delete that line: `~/.cargo/two.toml`, line 3 counts then"
    );
}

#[test]
fn a_token_in_a_variable_is_everybodys() {
    let registry = registry();
    let url = registry.index_url();
    let run = provider(&url)
        .env("CARGO_REGISTRIES_CORP_TOKEN", "0ld-s3cret")
        .secret("0ld-s3cret")
        .tool(&["doctor"]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.stdout.contains(
            "    warning `CARGO_REGISTRIES_CORP_TOKEN` is set: every build script and every proc macro can read it\n"
        ),
        "{}",
        run.stdout
    );
}

#[test]
fn cargo_asks_for_what_the_config_does_not_have() {
    let registry = registry();
    let url = registry.index_url();
    let provider = provider(&url).file(
        "work/.cargo/config.toml",
        &format!("[registries.old]\nindex = \"{url}old/\"\ncredential-provider = {OURS}\n"),
    );
    let text = problem(&provider, &[]);
    assert!(
        text.starts_with(&format!(
            "no entry for `{url}old/` in `~/.cargo/credential-bridge.toml`\nhelp: "
        )),
        "{text}"
    );
}

#[test]
fn an_unknown_name_is_a_mistake() {
    let registry = registry();
    let run = provider(&registry.index_url()).tool(&["doctor", "crop"]);
    assert_eq!((run.stdout.as_str(), run.code), ("", Some(2)));
    assert!(
        run.stderr
            .starts_with("error: Cargo's configuration has no registry `crop`\n"),
        "{}",
        run.stderr
    );
}
