//! The examples are what `init` makes, so that they are tested as it is.

use snapbox::Data;

use super::{compare, init, machine, source};

const ROLE: &str = "--role cargo-ci";

/// An example: its directory, the flags, and the name of the job's file.
const EXAMPLES: [(&str, &str, &str); 5] = [
    (
        "github-vault",
        "--store vault --address https://vault.example.com:8200 --secret ci/cargo \
         --ci github --repository acme/app --publish-environment release",
        "workflow.yml",
    ),
    (
        "gitlab-vault",
        "--store vault --address https://vault.example.com:8200 --secret ci/cargo --ci gitlab --repository acme/app \
         --publish-environment release",
        "gitlab-ci.yml",
    ),
    (
        "github-aws",
        "--store aws --account 123456789012 --region eu-west-1 --secret ci/cargo \
         --ci github --repository acme/app --publish-environment release",
        "workflow.yml",
    ),
    (
        "gitlab-aws",
        "--store aws --account 123456789012 --region eu-west-1 --secret ci/cargo --ci gitlab --repository acme/app \
         --publish-ref release",
        "gitlab-ci.yml",
    ),
    (
        "github-gcp",
        "--store gcp --project acme-ci --project-number 123456789012 --provider github --secret ci-cargo \
         --ci github --repository acme/app --repository-id 987654321 --owner-id 1234567 --publish-environment release",
        "workflow.yml",
    ),
];

#[test]
fn each_file() {
    for (name, flags, job) in EXAMPLES {
        let machine = machine();
        let done = init(
            &machine,
            &format!("{flags} {ROLE} --yes --directory {name} --job {name}/{job}"),
        );
        assert_eq!(done.code, Some(0), "{done:?}");
        let made = machine.home().join("work").join(name);
        for entry in std::fs::read_dir(made).expect("it was made") {
            let entry = entry.expect("it is readable");
            let text = std::fs::read_to_string(entry.path()).expect("it is text");
            let file = entry.file_name().into_string().expect("its name is text");
            let example = source(&format!("examples/{name}/{file}"));
            compare(text, Data::read_from(&example, None));
        }
        // The example says what it is for, besides.
        let config = |text: String| {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines
                .collect::<Vec<_>>()
                .join("\n")
                .trim()
                .replace("\n\n\n", "\n\n")
        };
        let read = |path| config(std::fs::read_to_string(path).expect("it is there"));
        assert_eq!(
            read(machine.home().join(".cargo/credential-bridge.toml")),
            read(source(&format!("examples/{name}/credential-bridge.toml"))),
            "{name}"
        );
    }
}
