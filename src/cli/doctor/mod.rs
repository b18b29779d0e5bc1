//! `doctor`: where on the way from Cargo to a token something is wrong, and what to do about it.
//!
//! The way is followed for each registry: Cargo's configuration, the entry and its chain, each source, the registry itself.
//! What fails first is what is told first.

mod called;
mod cargo;
mod clock;
mod finding;
mod github;
mod guarded;
mod live;
mod print;
mod program;
mod provider;
mod source;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use cargo_credential_bridge_backend::{Environment, Error, Kind};
use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use self::cargo::Cargo;
use self::finding::{Finding, Level, Part, Report, Section};
use self::live::Live;
use self::source::Link;
use super::report::{Failure, Format};
use super::{Outcome, entry};
use crate::chain;
use crate::config::{Config, Registry};
use crate::guard;
use crate::plugin;
use crate::protocol::{Operation, Request};
use crate::provider::cargo_token::CRATES_IO;
use crate::registry::{By, IndexUrl, Matched};

/// Find what stands between Cargo and a token, and how to repair it
///
/// For each registry: whether Cargo asks this program, and by which line of which file; the chain; each source of it, asked as
/// for Cargo; the registry's config.json, with the token and without. No token is shown, and no part of one.
/// In a GitHub job, warnings and problems become annotations too, and the whole report the job's summary.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
    cargo-credential-bridge doctor
    cargo-credential-bridge doctor corp
    cargo-credential-bridge doctor sparse+https://crates.example.com/index/ --format json

JSON: { \"outcome\", \"problems\", \"warnings\", \"config\", \"registries\": [ { \"index-url\", \"name\", \"sections\":
[ { \"part\", \"title\", \"findings\": [ { \"level\", \"message\", \"details\", \"help\" } ] } ] } ] }; a level, and the
outcome, is ok, warning or problem; a part is cargo, config, source or registry. What is there stays; more may come.

Exit status: 0; 1 if there is a problem; 2 if the command could not be run as it was given.
"
)]
pub(super) struct Arguments {
    /// The registry's index URL, or its name in Cargo's config [default: all of the config]
    registry: Option<String>,

    /// Only what an operation needs, where a job is to have no more [default: all operations]
    #[arg(long, value_enum, value_name = "OPERATION")]
    operation: Option<Operation>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    guard::hide_memory();
    let config = entry::config()?;
    let cargo = Cargo::load(&Environment::process(None))?;
    let targets = targets(arguments.registry.as_deref(), &config, &cargo)?;
    let is_wanted = arguments.registry.is_some() || targets.len() == 1;
    let way = Way {
        config: &config,
        cargo: &cargo,
        is_wanted,
        operation: arguments.operation,
    };
    let registries = plugin::finish(async {
        let mut registries = Vec::new();
        for url in &targets {
            registries.push(way.examine(url).await?);
        }
        Ok::<_, Error>(registries)
    })?;
    let report = Report {
        registries: registries?,
        config: config.origin,
    };
    github::tell(&report);
    match arguments.format {
        Format::Text => print::text(&report)?,
        Format::Json => print::json(&report)?,
    }
    Ok(match report.worst() {
        Level::Problem => ExitCode::FAILURE,
        Level::Ok | Level::Warning => ExitCode::SUCCESS,
    })
}

/// The registry that somebody asks for; without one, all of the config, by the URLs that Cargo has for them, and those that
/// Cargo asks this program for.
fn targets(wanted: Option<&str>, config: &Config, cargo: &Cargo) -> Result<Vec<IndexUrl>, Failure> {
    let named = cargo.registries()?;
    if let Some(text) = wanted {
        let index = match named.iter().find(|named| named.name == text) {
            Some(named) => named.index.as_str(),
            None if text == "crates-io" => CRATES_IO,
            None if !text.contains(':') => {
                return Err(Failure::usage(
                    Error::new(
                        Kind::Invalid,
                        format!("Cargo's configuration has no registry `{text}`"),
                    )
                    .help("give the registry's index URL, or a name that `[registries.NAME]` in Cargo's config has"),
                ));
            }
            None => text,
        };
        return Ok(vec![entry::parse_url(index)?]);
    }
    let known: Vec<IndexUrl> = named
        .iter()
        .filter_map(|named| named.index.parse().ok())
        .collect();
    let mut targets: Vec<IndexUrl> = Vec::new();
    let mut add = |url: &IndexUrl| {
        if !targets.contains(url) {
            targets.push(url.clone());
        }
    };
    for (urls, is_prefix) in config.registries.all_urls() {
        let mut here = known
            .iter()
            .filter(|url| urls.contains(url) || is_prefix && url.is_below(&urls[0]))
            .peekable();
        match here.peek() {
            Some(_) => here.for_each(&mut add),
            None => add(&urls[0]),
        }
    }
    for url in &known {
        if config.registries.find(url).is_none() && called::is_asked(cargo, url)? {
            add(url);
        }
    }
    Ok(targets)
}

/// What all registries are looked at with.
struct Way<'a> {
    config: &'a Config,
    cargo: &'a Cargo,
    /// Whether somebody asked for this very registry.
    is_wanted: bool,
    /// The only operation that matters.
    operation: Option<Operation>,
}

impl Way<'_> {
    /// Follows the way of one registry.
    async fn examine(&self, url: &IndexUrl) -> Result<finding::Registry, Error> {
        let called = called::check(self.cargo, url, self.is_wanted)?;
        let mut sections = vec![Section::new(Part::Cargo, "Cargo", called.findings)];
        match entry::find(self.config, url) {
            Err(error) => sections.push(Section::new(
                Part::Config,
                "the config",
                vec![Finding::of(Level::Problem, &error)],
            )),
            Ok(matched) => {
                let mut links = source::chains(matched.value);
                let mut findings = vec![described(&matched, &links, self.config)];
                findings.extend(guarded::check(self.config, matched.value, self.operation).await);
                sections.push(Section::new(Part::Config, "the config", findings));
                let is_needed = |one| self.operation.is_none_or(|operation| operation == one);
                links.retain(|link| link.operations.iter().any(|&one| is_needed(one)));
                let request = request(url, called.name.as_deref())?;
                sections.extend(self.ask_all(url, &matched, &links, &request).await);
            }
        }
        Ok(finding::Registry {
            url: url.to_string(),
            name: called.name,
            sections,
        })
    }

    /// Asks every source of every chain, and the registry with what Cargo would get for a read.
    async fn ask_all(
        &self,
        url: &IndexUrl,
        matched: &Matched<'_, Registry>,
        links: &[Link<'_>],
        request: &Request,
    ) -> Vec<Section> {
        let mut sections = Vec::new();
        let mut answered = None;
        for link in links {
            let is_read = link.operations.contains(&Operation::Read);
            let mut asked = Vec::new();
            for source in link.sources {
                progress(&format!("asking {}", chain::place(self.config, source)));
                // Cargo gets nothing from a source behind the one that answers.
                let is_cargos = is_read && !source::is_stopped(matched.value, &asked);
                let with = async |token: &SecretString| {
                    if is_cargos {
                        answered = self.live(url, matched, Some(token)).await;
                    }
                };
                asked.push(source::ask(self.config, matched.value, source, request, with).await);
            }
            sections.extend(source::sections(link, matched.value, asked));
        }
        let answered = match answered {
            Some(answered) => Some(answered),
            None => self.live(url, matched, None).await,
        };
        sections.extend(
            answered.map(|findings| Section::new(Part::Registry, "the registry", findings)),
        );
        sections
    }

    /// Asks the registry itself, if it has a sparse index.
    async fn live(
        &self,
        url: &IndexUrl,
        matched: &Matched<'_, Registry>,
        token: Option<&SecretString>,
    ) -> Option<Vec<Finding>> {
        let mut all = self.config.registries.all_urls();
        // A prefix stands for registries, and need not be one.
        if all.any(|(urls, is_prefix)| is_prefix && urls[0] == *url) {
            return None;
        }
        let address = url.config_json()?;
        progress(&format!("asking {address}"));
        let entry = matched.url.to_string();
        let live = Live::new(address, &entry, self.cargo, &plugin::context(self.config));
        Some(match live {
            Ok(live) => live.check(token).await,
            // Cargo has fewer scruples, so it may work all the same.
            Err(error) => vec![Finding::of(Level::Warning, &error)],
        })
    }
}

/// The entry and its chains.
fn described(matched: &Matched<'_, Registry>, links: &[Link<'_>], config: &Config) -> Finding {
    let by = match matched.by {
        By::Url => "by its URL",
        By::Also => "by one of its `also`",
        By::Prefix => "as a prefix",
    };
    let finding = Finding::ok(format!(
        "the entry `{}` in {} matches {by}",
        matched.url, config.origin
    ));
    links.iter().fold(finding, |finding, link| {
        finding.detail(format!("{}: {}", link.names(), link.places(config)))
    })
}

/// The request as Cargo would have sent it.
fn request(url: &IndexUrl, name: Option<&str>) -> Result<Request, Error> {
    let line = json!({
        "v": 1,
        "registry": { "index-url": url.to_string(), "name": name },
        "kind": "get",
        "operation": "read",
    });
    Request::parse(line.to_string().as_bytes())
        .map_err(|_| Error::new(Kind::Invalid, format!("can't ask for `{url}`")))
}

/// Says what takes time, to whoever waits.
fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let _ = writeln!(err, "{text} …");
    }
}
