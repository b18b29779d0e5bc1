//! Each source of a chain, asked by itself: the same question as Cargo's, but not stopping at the first answer.

use core::slice;
use core::time::Duration;
use std::time::SystemTime;

use cargo_credential_bridge_backend::{Error, Fact, Heard, Inspection, Kind, Step};
use secrecy::{ExposeSecret as _, SecretString};

use super::finding::{Finding, Level, Part, Section};
use crate::answer;
use crate::chain::{self, Chain, Found, makes_way};
use crate::cli::explain::text;
use crate::config::{Config, Registry, Source};
use crate::plugin::context;
use crate::protocol::{Operation, Request};
use crate::token;

/// The schemes of HTTP that registries want. Anything else before a space may be a part of the token.
const SCHEMES: [&str; 4] = ["Bearer", "Basic", "Token", "Digest"];

/// What one source gives.
pub(super) struct Asked {
    place: String,
    /// Which of the ways to prove who this job is were passed over, and which was taken.
    methods: Vec<Step>,
    /// The variables of the environment that settings of it are from.
    variables: Vec<String>,
    /// What the store says of this job and of the secret.
    inspection: Inspection,
    outcome: Result<Found, Error>,
}

/// The operations that one chain is for.
pub(super) struct Link<'a> {
    pub(super) operations: Vec<Operation>,
    pub(super) sources: &'a [Source],
}

/// The chains of a registry, each with the operations that it is for.
pub(super) fn chains(registry: &Registry) -> Vec<Link<'_>> {
    let mut links: Vec<Link<'_>> = Vec::new();
    for operation in Operation::ALL {
        let Some(sources) = registry.chain(operation) else {
            continue;
        };
        let known = links
            .iter_mut()
            .find(|link| core::ptr::eq(link.sources, sources));
        match known {
            Some(link) => link.operations.push(operation),
            None => links.push(Link {
                operations: vec![operation],
                sources,
            }),
        }
    }
    links
}

impl Link<'_> {
    /// The operations, as a title has them.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.operations.iter().map(|one| one.as_str()).collect();
        names.join(", ")
    }

    /// The sources, one after the other.
    pub(super) fn places(&self, config: &Config) -> String {
        let places: Vec<_> = self
            .sources
            .iter()
            .map(|source| chain::place(config, source))
            .collect();
        places.join(", then ")
    }
}

/// Asks one source, hands its token to `with`, and ends what was begun at its store.
pub(super) async fn ask(
    config: &Config,
    registry: &Registry,
    source: &Source,
    request: &Request,
    with: impl AsyncFnOnce(&SecretString),
) -> Asked {
    let mut chain = Chain::new(
        config,
        registry,
        slice::from_ref(source),
        request,
        // It has the whole time of an answer for itself.
        context(config),
    );
    let (methods, variables) = known(config, source).await;
    let outcome = chain.ask_one(source, 1).await;
    let inspection = chain.inspect(source).await;
    if let Ok(found) = &outcome {
        with(&found.token).await;
    }
    chain.close(None).await;
    Asked {
        place: chain::place(config, source),
        methods,
        variables,
        inspection,
        outcome,
    }
}

/// What becomes of the chain at each source.
pub(super) fn sections(link: &Link<'_>, registry: &Registry, asked: Vec<Asked>) -> Vec<Section> {
    let names = link.names();
    let levels = levels(registry, &asked);
    let findings = asked.into_iter().zip(levels).map(|(one, level)| {
        let title = format!("{names}: {}", one.place);
        let inspection = one.inspection;
        let mut findings: Vec<_> = login(&one.methods, &one.variables).into_iter().collect();
        if !inspection.identity.is_empty() {
            let known = Finding::ok("the store knows this job");
            findings.push(
                inspection
                    .identity
                    .iter()
                    .map(said)
                    .fold(known, Finding::detail),
            );
        }
        match one.outcome {
            Err(error) => {
                // Why it is nobody to the store comes before what nobody may do.
                findings.extend(inspection.refusal.map(|why| Finding::of(level, &why)));
                findings.push(Finding::of(level, &error));
            }
            Ok(found) => findings.extend(shape(&found, &inspection.secret)),
        }
        Section::new(Part::Source, title, findings)
    });
    findings.collect()
}

/// What is known of the login before it is made, and the variables that settings are from.
async fn known(config: &Config, source: &Source) -> (Vec<Step>, Vec<String>) {
    let Source::Secret(secret) = source else {
        return (Vec::new(), Vec::new());
    };
    let (_, instance) = &config.backends[secret.backend];
    let (mut steps, mut context, heard) = (Vec::new(), context(config), Heard::default());
    context.environment = context.environment.heard_by(&heard);
    // Asking says why it does not get far.
    let _ = instance
        .explain(secret.reference.as_ref(), &context, &mut steps)
        .await;
    steps.retain(|step| matches!(step, Step::Taken { .. } | Step::PassedOver { .. }));
    (steps, heard.take())
}

/// Which way to prove who this job is was taken, why not the others, and where settings are from that are not in the config.
fn login(methods: &[Step], variables: &[String]) -> Option<Finding> {
    let taken = methods.iter().find_map(|step| match step {
        Step::Taken { method, identity } => Some(format!("logs in by `{method}`: {identity}")),
        _ => None,
    })?;
    let passed_over = methods.iter().filter_map(|step| match step {
        Step::PassedOver { method, why } => Some(format!("not by `{method}`: {}", why.what())),
        _ => None,
    });
    let settings = match variables {
        [] => None,
        names => Some(format!("settings {}", text::variables(names))),
    };
    Some(
        passed_over
            .chain(settings)
            .fold(Finding::ok(taken), Finding::detail),
    )
}

/// Whether the chain has stopped at one of these, so that Cargo gets nothing from those behind it.
pub(super) fn is_stopped(registry: &Registry, asked: &[Asked]) -> bool {
    stop(registry, asked).is_some()
}

/// The position of the source whose token Cargo gets.
fn winner(registry: &Registry, asked: &[Asked]) -> Option<usize> {
    stop(registry, asked).filter(|&position| asked[position].outcome.is_ok())
}

/// The position at which the chain stops.
fn stop(registry: &Registry, asked: &[Asked]) -> Option<usize> {
    asked.iter().position(|one| match &one.outcome {
        Ok(_) => true,
        Err(error) => !makes_way(error, registry),
    })
}

/// How bad the outcome of each source is, seen from the end of the chain.
fn levels(registry: &Registry, asked: &[Asked]) -> Vec<Level> {
    let stop = stop(registry, asked);
    let has_token = winner(registry, asked).is_some();
    let level = |position: usize, one: &Asked| {
        let Err(error) = &one.outcome else {
            return Level::Ok;
        };
        let is_expected = error.kind() == Kind::NotAvailable;
        match stop {
            // Nobody has a token, so each could be the one that should.
            None => Level::Problem,
            Some(stop) if stop == position => Level::Problem,
            Some(stop) if position < stop && is_expected && has_token => Level::Ok,
            // It is never asked as long as the one before it answers.
            Some(stop) if position > stop && (is_expected || error.kind() == Kind::NotFound) => {
                Level::Ok
            }
            Some(_) => Level::Warning,
        }
    };
    asked
        .iter()
        .enumerate()
        .map(|(position, one)| level(position, one))
        .collect()
}

/// What can be said of a token without showing any of it.
fn shape(found: &Found, known: &[Fact]) -> Vec<Finding> {
    let text = found.token.expose_secret();
    let length = |text: &str| match text.chars().count() {
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    };
    let there = match scheme(&found.token) {
        Some(name) => {
            let rest = text.split_once(' ').map_or("", |(_, rest)| rest);
            format!(
                "there is a token: {}, with the scheme `{name}`",
                length(rest)
            )
        }
        None => format!("there is a token: {}, without a scheme", length(text)),
    };
    let now = token::now();
    let mut ends: Vec<_> = known.iter().map(said).collect();
    if let Some(lifetime) = found.lifetime {
        let lifetime = Duration::from_secs(lifetime.as_secs());
        let lifetime = humantime::format_duration(lifetime);
        ends.push(format!("the store lets it live for {lifetime}"));
    }
    ends.extend(
        found
            .said_in
            .iter()
            .map(|place| format!("{place} says that it is for this registry")),
    );
    let mut findings = Vec::new();
    if let Some(at) = found.expiration {
        match answer::check_expiration(at, now, &found.place) {
            Ok(()) => ends.push(format!(
                "it expires in {}",
                answer::seconds(at.saturating_sub(now))
            )),
            Err(error) => findings.push(Finding::of(Level::Problem, &error)),
        }
    }
    let there = ends.into_iter().fold(Finding::ok(there), Finding::detail);
    findings.push(there);
    if text.trim_start().starts_with('{') {
        findings.push(
            Finding::warning("the token looks like JSON, all of it")
                .help("name the field that holds the token: `field = \"…\"` in the source"),
        );
    }
    if text.trim() != text {
        findings.push(
            Finding::warning("the token has a space at its end or its start")
                .help("store the token alone"),
        );
    }
    findings.extend(found.warnings.iter().map(Finding::warning));
    findings
}

/// A fact as a detail; a time with how long ago it was.
fn said(fact: &Fact) -> String {
    let Fact { name, value } = fact;
    let since = humantime::parse_rfc3339(value)
        .ok()
        .and_then(|time| SystemTime::now().duration_since(time).ok());
    match since {
        Some(since) => {
            // The two largest units say enough.
            let since =
                humantime::format_duration(Duration::from_secs(since.as_secs())).to_string();
            let since: Vec<_> = since.split(' ').take(2).collect();
            format!("{name}: {value}, {} ago", since.join(" "))
        }
        None => format!("{name}: {value}"),
    }
}

/// The scheme of the header's value, if it has one that registries know.
pub(super) fn scheme(token: &SecretString) -> Option<&'static str> {
    let (first, _) = token.expose_secret().split_once(' ')?;
    SCHEMES
        .into_iter()
        .find(|scheme| scheme.eq_ignore_ascii_case(first))
}
