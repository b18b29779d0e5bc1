//! Files that are there already.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use snapbox::str;
use test_servers::Provider;

use super::{JOBS, STORES, compare, files, init, machine, shown};

/// A job of nobody's with Vault: two files.
fn flags() -> String {
    format!("{} {}", STORES[0].1, JOBS[3].1)
}

fn config(machine: &Provider) -> PathBuf {
    machine.home().join(".cargo/credential-bridge.toml")
}

fn cargo_config(machine: &Provider) -> PathBuf {
    machine.home().join(".cargo/config.toml")
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).expect("it is there")
}

fn mode(path: PathBuf) -> u32 {
    let metadata = fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

const CONFIG: &str = "# ours\nquiet = true # yes\n\n[backends.corp] # another\ntype = \"env\"\n\n\
    [registries.\"sparse+https://other.example.com/\"]\nsources = [ { backend = \"corp\", var = \"T\" } ]\n";

const CARGO: &str = "# mine\n[net]\noffline = false # not yet\n\n[registries.other] # t0p-s3cret\n\
    index = \"sparse+https://other.example.com/\"\ntoken = \"t0p-s3cret\"\n\n[env]\nPASSWORD = \"t0p-s3cret\"\n";

#[test]
fn what_is_there_stays_to_the_last_comment() {
    let machine = machine()
        .config(CONFIG)
        .file(".cargo/config.toml", CARGO)
        .secret("t0p-s3cret")
        .keeps(".cargo/config.toml");
    let run = init(&machine, &format!("{} --yes", flags()));
    compare(
        shown(&machine, &run),
        str![[r#"
--- [HOME]/.cargo/credential-bridge.toml
+++ [HOME]/.cargo/credential-bridge.toml
@@ -8,0 +9,7 @@
+
+[backends.corp-2]
+type = "vault"
+address = "https://vault.example.com:8200"
+
+[registries."sparse+https://crates.example.com/index/"]
+sources = [ { backend = "corp-2", path = "cargo/corp", field = "token" } ]

--- [HOME]/.cargo/config.toml
+++ [HOME]/.cargo/config.toml
@@ -8,0 +9,4 @@
+[registries.corp]
+index = "sparse+https://crates.example.com/index/"
+credential-provider = "cargo-credential-bridge"
+

written: [HOME]/.cargo/credential-bridge.toml
written: [HOME]/.cargo/config.toml

next:
  cargo-credential-bridge config check
--- 0

"#]],
    );
    assert!(read(config(&machine)).starts_with(CONFIG));
    let cargo = read(cargo_config(&machine));
    let without = cargo.replace(
        "\n[registries.corp]\nindex = \"sparse+https://crates.example.com/index/\"\n\
         credential-provider = \"cargo-credential-bridge\"\n",
        "",
    );
    assert_eq!(without, CARGO);
}

#[test]
fn printing_shows_no_line_that_stays() {
    let machine = machine()
        .config(CONFIG)
        .file(".cargo/config.toml", CARGO)
        .secret("t0p-s3cret");
    let before = files(&machine);
    let run = init(&machine, &format!("{} --print", flags()));
    assert_eq!(run.code, Some(0));
    assert!(!run.stdout.contains("other.example.com"), "{}", run.stdout);
    assert_eq!(files(&machine), before);
}

#[test]
fn a_token_on_the_same_line_is_not_shown() {
    let machine = machine()
        .file(
            ".cargo/config.toml",
            "registries = { corp = { index = \"https://old.example.com/\", token = \"t0p-s3cret\" }, b = { token = \"t0p-s3cret\" } }\n",
        )
        .secret("t0p-s3cret")
        .keeps(".cargo/config.toml");
    let run = init(&machine, &format!("{} --yes --replace", flags()));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("token = \"…\""), "{}", run.stdout);
    let text = read(cargo_config(&machine));
    assert!(text.contains("b = { token = \"t0p-s3cret\" } }"), "{text}");
}

#[test]
fn an_entry_is_replaced_with_what_only_it_has_used() {
    let machine = machine().config(
        "[backends.shared]\ntype = \"env\"\n[backends.corp]\ntype = \"env\"\n# the old one\n\
         [registries.\"sparse+https://CRATES.example.com:443/index\"]\n\
         sources = [ { backend = \"corp\", var = \"A\" }, { backend = \"shared\", var = \"B\" } ]\n\
         [registries.\"sparse+https://other.example.com/\"]\nsources = [ { backend = \"shared\", var = \"C\" } ]\n",
    );
    let before = files(&machine);
    let run = init(&machine, &format!("{} --yes", flags()));
    compare(
        shown(&machine, &run),
        str![[r#"
--- 1
error: `sparse+https://crates.example.com/index/` has an entry already, `[HOME]/.cargo/credential-bridge.toml`:6; nothing was changed
help: `--replace` puts a new one in its place

"#]],
    );
    assert_eq!(files(&machine), before);
    let run = init(&machine, &format!("{} --yes --replace", flags()));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        read(config(&machine)),
        "[backends.shared]\ntype = \"env\"\n\
         [registries.\"sparse+https://other.example.com/\"]\nsources = [ { backend = \"shared\", var = \"C\" } ]\n\n\
         [backends.corp]\ntype = \"vault\"\naddress = \"https://vault.example.com:8200\"\n\n\
         [registries.\"sparse+https://crates.example.com/index/\"]\n\
         sources = [ { backend = \"corp\", path = \"cargo/corp\", field = \"token\" } ]\n"
    );
}

#[test]
fn one_of_several_urls_is_changed_by_hand() {
    let machine = machine().config(
        "[backends.corp]\ntype = \"env\"\n[registries.\"sparse+https://other.example.com/\"]\n\
         also = [ \"sparse+https://crates.example.com/index/\" ]\nsources = [ { backend = \"corp\", var = \"A\" } ]\n",
    );
    let run = init(&machine, &format!("{} --yes --replace", flags()));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .contains("it is among the `also` of `sparse+https://other.example.com/`"),
        "{}",
        run.stderr
    );
}

#[test]
fn cargos_own_words_are_not_overwritten() {
    for (text, what) in [
        (
            "[registries.corp]\nindex = \"https://else.example.com/\"\n",
            "says something else for `registries.corp.index`",
        ),
        (
            "[registries.corp]\ncredential-provider = [\"cargo:token\"]\n",
            "says something else for `registries.corp.credential-provider`",
        ),
        ("registries = 1\n", "`registries.corp` is no table"),
        ("[registries\ntoken = \"t0p-s3cret\"\n", "is not TOML"),
    ] {
        let machine = machine()
            .file(".cargo/config.toml", text)
            .secret("t0p-s3cret");
        let before = files(&machine);
        let run = init(&machine, &format!("{} --yes", flags()));
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains(what), "{}", run.stderr);
        assert!(run.stderr.contains("nothing was changed"), "{}", run.stderr);
        assert_eq!(files(&machine), before);
    }
}

#[test]
fn what_cargo_has_already_is_not_written_again() {
    let machine = machine().file(
        ".cargo/config",
        "[registries.corp]\nindex = \"sparse+https://crates.example.com/index/\"\n\
         credential-provider = [\"cargo-credential-bridge\"]\n",
    );
    let run = init(&machine, &format!("{} --yes", flags()));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(!run.stdout.contains("config.toml"), "{}", run.stdout);
    assert!(
        !cargo_config(&machine).exists(),
        "the file of old is the only one"
    );
}

#[test]
fn a_config_that_makes_no_sense_is_left_as_it_is() {
    let machine = machine().config("[backends.corp]\ntype = \"vault\"\nadress = \"x\"\n");
    let before = files(&machine);
    let run = init(&machine, &format!("{} --yes", flags()));
    compare(
        shown(&machine, &run),
        str![[r#"
--- 1
error: bad config: unknown key `adress`
 --> `[HOME]/.cargo/credential-bridge.toml`:3:1
  |
3 | adress = "…"
  | ^^^^^^
help: did you mean `address`?

"#]],
    );
    assert_eq!(files(&machine), before);
}

#[test]
fn rights_and_links_stay() {
    let machine = machine().file("elsewhere/bridge.toml", CONFIG);
    let elsewhere = machine.home().join("elsewhere/bridge.toml");
    fs::create_dir_all(machine.home().join(".cargo")).expect("it is ours");
    symlink(&elsewhere, config(&machine)).expect("it is ours");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o640)).expect("it is ours");
    assert_eq!(init(&machine, &format!("{} --yes", flags())).code, Some(0));
    let link = fs::symlink_metadata(config(&machine)).expect("it is there");
    assert!(link.is_symlink());
    assert!(read(elsewhere.clone()).contains("corp-2"));
    assert_eq!(mode(elsewhere), 0o640);
}

#[test]
fn a_new_config_is_its_owners_alone() {
    let machine = machine();
    assert_eq!(init(&machine, &format!("{} --yes", flags())).code, Some(0));
    assert_eq!(mode(config(&machine)), 0o600);
}

#[test]
fn where_one_file_can_not_be_written_none_is() {
    let machine = machine().file(".cargo/config.toml", "# mine\n");
    let path = cargo_config(&machine);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("it is ours");
    let before = files(&machine);
    let run = init(&machine, &format!("{} --yes", flags()));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.stderr
            .ends_with(".cargo/config.toml`; nothing was changed\n  it is read-only\n"),
        "{}",
        run.stderr
    );
    assert_eq!(files(&machine), before, "nor is anything left of the other");
}

#[test]
fn a_config_elsewhere() {
    let machine = machine().env("CARGO_CREDENTIAL_BRIDGE_CONFIG", "a/b.toml");
    let run = init(&machine, &format!("{} --yes", flags()));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(machine.home().join("work/a/b.toml").is_file());
    let run = init(&machine, &format!("{} --yes --config c.toml", flags()));
    assert!(
        run.stdout.contains("\n  CARGO_CREDENTIAL_BRIDGE_CONFIG=/"),
        "{}",
        run.stdout
    );
    let machine = super::machine().env("CARGO_CREDENTIAL_BRIDGE_CONFIG_TOML", "quiet = true");
    let run = init(&machine, &format!("{} --yes", flags()));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("name a file by `--config`"),
        "{}",
        run.stderr
    );
}
