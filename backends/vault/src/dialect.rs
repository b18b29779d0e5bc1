use core::fmt;

use cargo_credential_bridge_backend::log::Public;
use cargo_credential_bridge_backend::{Environment, Error};

/// Which of the two products it is. They differ, for a client, in the names of things around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Vault,
    OpenBao,
}

/// A setting from the environment, with the variable that it is from.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Dialect {
    /// The first of `VAULT_<suffix>` that is set; for OpenBao `BAO_<suffix>` comes before it.
    ///
    /// Source: Vault's page "Commands (CLI)", environment variables, and OpenBao's of the same name.
    pub(crate) fn var(
        self,
        environment: &Environment,
        suffix: &str,
    ) -> Result<Option<Variable>, Error> {
        let prefixes: &[&str] = match self {
            Self::Vault => &["VAULT_"],
            Self::OpenBao => &["BAO_", "VAULT_"],
        };
        for prefix in prefixes {
            let name = format!("{prefix}{suffix}");
            if let Some(value) = environment.var(&name)? {
                return Ok(Some(Variable { name, value }));
            }
        }
        Ok(None)
    }

    /// The file in the home directory that names a token helper.
    pub(crate) fn cli_config(self) -> &'static str {
        match self {
            Self::Vault => "~/.vault",
            Self::OpenBao => "~/.bao",
        }
    }

    /// The command line client.
    pub(crate) fn cli(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::OpenBao => "bao",
        }
    }

    /// What the variables start with, those that count first.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Vault => "VAULT",
            Self::OpenBao => "BAO",
        }
    }
}

impl Public for Dialect {}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vault => "Vault",
            Self::OpenBao => "OpenBao",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openbao_looks_at_its_own_variables_first() {
        let environment = Environment::fixed(
            [("VAULT_ADDR", "v"), ("BAO_ADDR", "b"), ("VAULT_TOKEN", "t")],
            "/",
        );
        let value = |dialect: Dialect, suffix| {
            dialect
                .var(&environment, suffix)
                .unwrap()
                .map(|variable| format!("{}={}", variable.name, variable.value))
        };
        assert_eq!(
            value(Dialect::Vault, "ADDR").as_deref(),
            Some("VAULT_ADDR=v")
        );
        assert_eq!(
            value(Dialect::OpenBao, "ADDR").as_deref(),
            Some("BAO_ADDR=b")
        );
        assert_eq!(
            value(Dialect::OpenBao, "TOKEN").as_deref(),
            Some("VAULT_TOKEN=t")
        );
        assert_eq!(value(Dialect::OpenBao, "CACERT"), None);
    }
}
