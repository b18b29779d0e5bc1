//! `explain`: what an answer would take, told without asking anybody.

mod json;
pub(in crate::cli) mod text;

use std::process::ExitCode;

use cargo_credential_bridge_backend::{Error, Heard, Step};
use clap::Args;

use super::report::{self, Failure, Format};
use super::{Outcome, entry};
use crate::chain::{self, makes_way};
use crate::config::{Config, Registry, Source};
use crate::guard;
use crate::plugin;
use crate::protocol::Operation;
use crate::provider::Provider;
use crate::registry::{IndexUrl, Matched};

/// Tell what asking for a token would do: entry, chain, each request
///
/// Nothing is sent, and no program is run. Settings, variables and files are read as they
/// would be for Cargo.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
    cargo-credential-bridge explain sparse+https://crates.example.com/index/
    cargo-credential-bridge explain --operation publish --format json https://github.com/rust-lang/crates.io-index

Exit status: 0; 1 if there can be no token, as is known without asking; 2 if the command could not be run as it was given.
"
)]
pub(super) struct Arguments {
    /// The registry's index URL, as Cargo's config has it
    url: String,

    /// What the token is for
    #[arg(long, value_enum, default_value = "read", value_name = "OPERATION")]
    operation: Operation,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What an answer would take.
struct Explained<'a> {
    url: &'a IndexUrl,
    operation: Operation,
    /// What messages call the config.
    origin: &'a str,
    entry: Matched<'a, Registry>,
    sources: Vec<Asked>,
}

/// One source of the chain.
struct Asked {
    /// What messages call it.
    place: String,
    /// The field of the secret, or the whole value.
    field: Option<String>,
    /// The variables of the environment that settings of it are from.
    variables: Vec<String>,
    /// What asking it would do, unless the chain has ended before it.
    steps: Option<Vec<Step>>,
    /// The error that it would end with, if that is known.
    end: Option<Error>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    guard::hide_memory();
    let url = entry::parse_url(&arguments.url)?;
    let explained = entry::config().and_then(|config| {
        let entry = entry::find(&config, &url)?;
        let sources = entry::chain(&entry, arguments.operation)?;
        let explained = Explained {
            url: &url,
            operation: arguments.operation,
            origin: &config.origin,
            sources: explain(&config, entry.value, sources)?,
            entry,
        };
        Ok(explained.report(arguments.format))
    });
    match (explained, arguments.format) {
        (Ok(outcome), _) => outcome,
        (Err(error), Format::Text) => Err(error.into()),
        (Err(error), Format::Json) => {
            report::write_json(&serde_json::json!({ "error": report::error_json(&error) }))?;
            Err(Failure::told())
        }
    }
}

impl Explained<'_> {
    fn report(&self, format: Format) -> Outcome {
        match format {
            Format::Text => text::write(self, &mut report::out())?,
            Format::Json => report::write_json(&json::object(self))?,
        }
        match self.can_have_a_token() {
            true => Ok(ExitCode::SUCCESS),
            false => Err(Failure::told()),
        }
    }

    /// Whether a source is left whose answer is not known.
    fn can_have_a_token(&self) -> bool {
        self.sources
            .iter()
            .any(|source| source.steps.is_some() && source.end.is_none())
    }
}

/// Explains one source after the other, until one is known to end the chain.
fn explain(config: &Config, registry: &Registry, sources: &[Source]) -> Result<Vec<Asked>, Error> {
    plugin::finish(explain_each(config, registry, sources))
}

async fn explain_each(config: &Config, registry: &Registry, sources: &[Source]) -> Vec<Asked> {
    let heard = Heard::default();
    let mut context = plugin::context(config);
    context.environment = context.environment.heard_by(&heard);
    let mut is_over = false;
    let mut asked = Vec::new();
    for source in sources {
        let place = chain::place(config, source);
        let mut steps = Vec::new();
        let outcome = match source {
            _ if is_over => Ok(()),
            Source::Provider(provider) => {
                steps.push(step(provider));
                Ok(())
            }
            Source::Secret(secret) => {
                let (_, instance) = &config.backends[secret.backend];
                let reference = secret.reference.as_ref();
                instance.explain(reference, &context, &mut steps).await
            }
        };
        asked.push(Asked {
            place,
            field: match source {
                Source::Secret(secret) => secret.field.clone(),
                Source::Provider(_) => None,
            },
            variables: heard.take(),
            steps: (!is_over).then_some(steps),
            end: outcome.err(),
        });
        is_over |= asked
            .last()
            .and_then(|asked| asked.end.as_ref())
            .is_some_and(|end| !makes_way(end, registry));
    }
    asked
}

/// What asking one of Cargo's providers, or a plugin, does.
fn step(provider: &Provider) -> Step {
    match provider {
        Provider::Token => Step::Read(
            "Cargo's variable for this registry, its `credentials.toml` and its configs".to_owned(),
        ),
        Provider::Keyring(keyring) => Step::Read(format!("the entry of `{keyring}`")),
        // Arguments may hold what is not for everyone.
        Provider::TokenFromStdout(command) => Step::Run(format!("`{}`", command.program)),
        Provider::Plugin(command) => Step::Run(format!(
            "`{} --cargo-plugin`, which is asked what Cargo asks",
            command.program
        )),
    }
}
