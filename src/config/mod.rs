//! The config table: which secret is for which registry, in which store.
//!
//! In two steps: TOML with places ([`Node`]), then the types of this module, which can't be wrong.

mod audit;
mod fault;
mod guard;
mod location;
mod node;
mod registry;
mod snippet;

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::log::Public;
use cargo_credential_bridge_backend::{Error, step};
use toml::de::DeTable;

pub(crate) use fault::Fault;
use location::Text;
pub(crate) use location::{candidates, cargo_home, places, target};
pub(crate) use node::Node;
pub(crate) use registry::{Registry, Secret, Source};

use crate::audit::Audit;
use crate::backends::{Instance, TYPES, Type};
use crate::registry::Entries;
use node::Table;

pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

/// Cargo holds a lock while it waits for us; whoever needs longer than this has another problem.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

const TOP_KEYS: &[&str] = &["timeout", "quiet", "audit", "backends", "registries"];

/// A named instance of a store.
type Named = (String, Box<dyn Instance>);

/// A config that makes sense.
pub(crate) struct Config {
    /// What messages call the place that it is from.
    pub(crate) origin: String,
    /// For one whole answer.
    pub(crate) timeout: Duration,
    /// No notice when a later source answered.
    pub(crate) quiet: bool,
    /// Where the line about each answer goes.
    pub(crate) audit: Option<Audit>,
    /// The named instances of stores; sources refer to them by position.
    pub(crate) backends: Vec<Named>,
    pub(crate) registries: Entries<Registry>,
    /// The directory that relative paths are below; the text in a variable has none.
    pub(crate) base: Option<PathBuf>,
}

impl Config {
    /// Finds the config and reads it, `None` if there is none.
    ///
    /// # Errors
    ///
    /// With the place of what makes no sense.
    pub(crate) fn load() -> Result<Option<Self>, Error> {
        let found = location::find()?;
        if found.is_none() {
            step!("no config");
        }
        found.map(Self::read).transpose()
    }

    /// Reads the config in a file.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and if there is no such file.
    pub(crate) fn load_from(path: &Path) -> Result<Self, Error> {
        Self::read(location::file(path)?)
    }

    /// Reads a text; `origin` is what messages call its place.
    ///
    /// # Errors
    ///
    /// With the place of what makes no sense.
    pub(crate) fn check(text: &str, origin: &str) -> Result<Self, Error> {
        Self::parse(text, None).map_err(|fault| fault.explain(origin, text))
    }

    fn read(found: Text) -> Result<Self, Error> {
        step!("config", from = Origin(&found.origin));
        let config = Self::parse(&found.text, found.base)
            .map_err(|fault| fault.explain(&found.origin, &found.text))?;
        Ok(Self {
            origin: found.origin,
            ..config
        })
    }

    fn parse(text: &str, base: Option<PathBuf>) -> Result<Self, Fault> {
        let table = DeTable::parse(text).map_err(|error| Fault::syntax(&error))?;
        let mut top = Table::new("the config", table);
        let timeout = match top.take("timeout") {
            Some(node) => duration(node, Duration::ZERO, LONGEST_TIMEOUT)?,
            None => DEFAULT_TIMEOUT,
        };
        let quiet = top.read("quiet")?.unwrap_or(false);
        let audit = top.take("audit").map(audit::read).transpose()?;
        let backends = match top.take("backends") {
            Some(node) => backends(node)?,
            None => Vec::new(),
        };
        let registries = match top.take("registries") {
            Some(node) => registry::registries(node, &backends)?,
            None => Entries::default(),
        };
        top.finish(TOP_KEYS)?;
        Ok(Self {
            origin: String::new(),
            timeout,
            quiet,
            audit,
            backends,
            registries,
            base,
        })
    }
}

/// The place of a config, for the log.
struct Origin<'a>(&'a str);

impl Public for Origin<'_> {}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

fn backends(node: Node<'_>) -> Result<Vec<Named>, Fault> {
    let mut backends = Vec::new();
    for (name, _, node) in node.table("`[backends]`")?.rest() {
        let mut table = node.table(format!("`[backends.{name}]`"))?;
        let node = table.need("type")?;
        let span = node.span();
        let r#type: String = node.read()?;
        let found = TYPES.iter().find(|(known, _)| *known == r#type);
        let configure = match found {
            Some((_, Type::Here(configure))) => configure,
            Some((name, Type::LeftOut(feature))) => {
                return Err(
                    Fault::new(format!("the backend type `{name}` is not in this build"))
                        .at(span)
                        .help(format!("install with `--features {feature}`")),
                );
            }
            None => {
                let known: Vec<_> = TYPES.iter().map(|(known, _)| *known).collect();
                return Err(Fault::unknown("backend type", &r#type, &known).at(span));
            }
        };
        let here = table.keys();
        let instance = configure(name.clone(), table.into_node())
            .map_err(|fault| fault.also_known(&["type"], &here))?;
        backends.push((name, instance));
    }
    Ok(backends)
}

/// A duration such as `"20s"`, longer than `shortest` and at most `longest`.
fn duration(node: Node<'_>, shortest: Duration, longest: Duration) -> Result<Duration, Fault> {
    let span = node.span();
    let text: String = node.read()?;
    let duration = humantime::parse_duration(&text).map_err(|_| {
        Fault::new("not a duration")
            .at(span.clone())
            .help("a duration is a number with its unit, such as `20s`, `500ms` or `5m`")
    })?;
    if duration > shortest && duration <= longest {
        return Ok(duration);
    }
    let message = if duration <= shortest {
        format!(
            "too short: it must be more than {}",
            humantime::format_duration(shortest)
        )
    } else {
        format!("too long: {} at most", humantime::format_duration(longest))
    };
    Err(Fault::new(message).at(span))
}

#[cfg(test)]
mod tests;
