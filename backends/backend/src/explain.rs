use crate::{Error, Kind};

/// One thing that a fetch would do, or that decides what it does, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A way to prove who this job is that is passed over, because its inputs are not here.
    PassedOver {
        /// The method, by its name in the settings.
        method: String,
        /// What is missing.
        why: Error,
    },
    /// The way that is taken: the first whose inputs are here.
    Taken {
        /// The method, by its name in the settings.
        method: String,
        /// Whom it makes us, or by what: a role, a token, an account.
        identity: String,
    },
    /// Something on this machine that is read: a file, a variable.
    Read(String),
    /// A program that is run.
    Run(String),
    /// A request that is sent.
    Ask(Planned),
}

/// A request before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The HTTP method.
    pub method: String,
    /// The whole URL; nothing in it is secret.
    pub url: String,
    /// What it is for.
    pub purpose: String,
    /// Whom the token that comes of it is for.
    pub audience: Option<String>,
    /// When it is sent, unless always.
    pub condition: Option<String>,
}

impl Planned {
    /// A request that is sent in any case.
    pub fn new(
        method: impl Into<String>,
        url: impl Into<String>,
        purpose: impl Into<String>,
    ) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            purpose: purpose.into(),
            audience: None,
            condition: None,
        }
    }

    /// With the audience that it asks a token for.
    #[must_use]
    pub fn audience(mut self, audience: Option<&str>) -> Self {
        self.audience = audience.map(str::to_owned);
        self
    }

    /// The same, sent on this condition only.
    #[must_use]
    pub fn only(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }
}

/// The choice among several methods, as it is told: the first whose inputs are here.
#[derive(Debug)]
pub struct Choice<'a> {
    steps: &'a mut Vec<Step>,
    missing: Vec<Error>,
}

impl<'a> Choice<'a> {
    /// Nothing is chosen yet; what is told is added to `steps`.
    pub fn new(steps: &'a mut Vec<Step>) -> Self {
        Self {
            steps,
            missing: Vec::new(),
        }
    }

    /// Settles what becomes of a method: `own` is what it takes, `outcome` whom it makes us. Whether it is taken.
    ///
    /// # Errors
    ///
    /// The error of the method, unless it only says that its inputs are not here.
    pub fn settle(
        &mut self,
        method: &str,
        mut own: Vec<Step>,
        outcome: Result<String, Error>,
    ) -> Result<bool, Error> {
        let method = method.to_owned();
        match outcome {
            Ok(identity) => {
                self.steps.push(Step::Taken { method, identity });
                self.steps.append(&mut own);
                Ok(true)
            }
            Err(why) if why.kind() == Kind::NotAvailable => {
                self.steps.append(&mut own);
                self.missing.push(why.clone());
                self.steps.push(Step::PassedOver { method, why });
                Ok(false)
            }
            Err(error) => {
                self.steps.append(&mut own);
                Err(error)
            }
        }
    }

    /// Why no method was taken.
    pub fn missing(self) -> Vec<Error> {
        self.missing
    }
}

impl From<Planned> for Step {
    fn from(planned: Planned) -> Self {
        Self::Ask(planned)
    }
}
