//! The Vault token that this machine already has, where Vault's own command line looks for it.
//!
//! Source: Vault's pages "Environment variables" and "Token helpers".

use std::path::{Path, PathBuf};

use cargo_credential_bridge_backend::program::{self, Terminal};
use cargo_credential_bridge_backend::{
    Context, Environment, Error, ExposeSecret as _, Kind, SecretString,
};
use tokio::process::Command;
use url::Url;

use crate::dialect::Dialect;

/// Where `vault login` and `bao login` keep it.
const TOKEN_FILE: &str = "~/.vault-token";

/// Where the token of this machine is.
pub(crate) enum TokenPlace {
    /// In a variable.
    Variable(SecretString),
    /// Behind a program that prints it.
    Helper(PathBuf),
    /// In the file where the command line's login leaves it.
    File(SecretString),
}

impl TokenPlace {
    /// Looks for it, in the order of Vault's command line: the variable, the token helper, the file.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] if there is none.
    pub(crate) fn find(dialect: Dialect, environment: &Environment) -> Result<Self, Error> {
        if let Some(variable) = dialect.var(environment, "TOKEN")? {
            return Ok(Self::Variable(variable.value.trim().into()));
        }
        if let Some(helper) = helper(dialect, environment)? {
            return Ok(Self::Helper(helper));
        }
        match environment.read_text("the token file", Path::new(TOKEN_FILE))? {
            Some(token) if !token.is_empty() => Ok(Self::File(token.into())),
            _ => Err(Error::new(
                Kind::NotAvailable,
                format!(
                    "no {dialect} token here: `{}_TOKEN` is not set, `{TOKEN_FILE}` does not exist, and there is no token helper",
                    dialect.prefix()
                ),
            )
            .help(format!(
                "`{} login` on a laptop; in a job, say how it logs in by `auth` on the backend",
                dialect.cli()
            ))),
        }
    }

    /// The token itself.
    ///
    /// # Errors
    ///
    /// [`Kind::NotAvailable`] if the helper has none, [`Kind::Invalid`] if it fails.
    pub(crate) async fn token(
        self,
        dialect: Dialect,
        address: &Url,
        context: &Context,
    ) -> Result<SecretString, Error> {
        match self {
            Self::Variable(token) | Self::File(token) => Ok(token),
            Self::Helper(path) => ask_helper(&path, dialect, address, context).await,
        }
    }
}

/// The token helper that the command line's config names, by `token_helper = "PATH"`.
///
/// The file is HCL, of which this one line is all that concerns us; it is written as the documentation
/// shows it.
fn helper(dialect: Dialect, environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let path = match dialect.var(environment, "CONFIG_PATH")? {
        Some(variable) => environment.path_from_variable(variable.value),
        None => PathBuf::from(dialect.cli_config()),
    };
    let what = format!("the config of the `{}` command", dialect.cli());
    let Some(text) = environment.read_text(&what, &path)? else {
        return Ok(None);
    };
    let helper = text.lines().find_map(|line| {
        let value = line
            .trim()
            .strip_prefix("token_helper")?
            .trim_start()
            .strip_prefix('=')?;
        value.trim().strip_prefix('"')?.strip_suffix('"')
    });
    helper
        .filter(|helper| !helper.is_empty())
        .map(|helper| environment.path(Path::new(helper)))
        .transpose()
}

/// Runs `HELPER get`, which prints the token, or nothing when it has none.
async fn ask_helper(
    path: &Path,
    dialect: Dialect,
    address: &Url,
    context: &Context,
) -> Result<SecretString, Error> {
    let failed = |kind, why: String| {
        Error::new(
            kind,
            format!("the token helper `{}` gave no token", path.display()),
        )
        .because(why)
        .help(format!(
            "`{} get` must print the token and exit with status 0",
            path.display()
        ))
    };
    let mut helper = Command::new(path);
    helper
        .arg("get")
        .env(format!("{}_ADDR", dialect.prefix()), address.as_str());
    let printed = program::printed_by(helper, Terminal::Shared, context.deadline)
        .await
        .map_err(|failure| failed(failure.kind, failure.to_string()))?;
    let token = str::from_utf8(printed.expose_secret())
        .map_err(|_| failed(Kind::Invalid, "what it printed is not text".to_owned()))?;
    match token.trim() {
        "" => Err(failed(Kind::NotAvailable, "it printed nothing".to_owned())),
        token => Ok(token.into()),
    }
}
