//! What is found: plain data, in the order in which it is read.

use cargo_credential_bridge_backend::Error;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, and should be otherwise.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that is found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// In the user's terms: lower case, no full stop.
    pub(super) what: String,
    /// What was asked and answered, outermost first.
    pub(super) details: Vec<String>,
    /// What to do about it.
    pub(super) help: Option<String>,
}

/// The parts of the way, in the order in which it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Cargo's own configuration.
    Cargo,
    /// The entry of our config.
    Config,
    /// One source of a chain.
    Source,
    /// The registry itself.
    Registry,
}

/// What is found in one place.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) part: Part,
    pub(super) title: String,
    pub(super) findings: Vec<Finding>,
}

/// What is found of one registry.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) url: String,
    /// What Cargo's configuration calls it, if it does.
    pub(super) name: Option<String>,
    pub(super) sections: Vec<Section>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Report {
    /// What messages call the config.
    pub(super) config: String,
    pub(super) registries: Vec<Registry>,
}

impl Level {
    /// As it is written, in every form of the report.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Part {
    /// As it is written for programs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Config => "config",
            Self::Source => "source",
            Self::Registry => "registry",
        }
    }
}

impl Finding {
    pub(super) fn ok(what: impl Into<String>) -> Self {
        Self::new(Level::Ok, what)
    }

    pub(super) fn warning(what: impl Into<String>) -> Self {
        Self::new(Level::Warning, what)
    }

    pub(super) fn problem(what: impl Into<String>) -> Self {
        Self::new(Level::Problem, what)
    }

    pub(super) fn new(level: Level, what: impl Into<String>) -> Self {
        Self {
            level,
            what: what.into(),
            details: Vec::new(),
            help: None,
        }
    }

    /// An error, in its own words. Where it is as it should be, there is nothing to do.
    pub(super) fn of(level: Level, error: &Error) -> Self {
        let help = error.help_text().filter(|_| level != Level::Ok);
        Self {
            details: error.causes().to_vec(),
            help: help.map(str::to_owned),
            ..Self::new(level, error.what())
        }
    }

    #[must_use]
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        if !detail.is_empty() {
            self.details.push(detail);
        }
        self
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Section {
    pub(super) fn new(part: Part, title: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self {
            part,
            title: title.into(),
            findings,
        }
    }
}

impl Report {
    /// Every finding, with the registry and the section that it is of.
    pub(super) fn findings(&self) -> impl Iterator<Item = (&Registry, &Section, &Finding)> {
        self.registries.iter().flat_map(|registry| {
            registry.sections.iter().flat_map(move |section| {
                let findings = section.findings.iter();
                findings.map(move |finding| (registry, section, finding))
            })
        })
    }

    /// How many findings are this bad.
    pub(super) fn count(&self, level: Level) -> usize {
        let levels = self.findings().map(|(_, _, finding)| finding.level);
        levels.filter(|&found| found == level).count()
    }

    /// The worst that is found.
    pub(super) fn worst(&self) -> Level {
        let levels = self.findings().map(|(_, _, finding)| finding.level);
        levels.max().unwrap_or(Level::Ok)
    }
}
