//! The servers of the story, and what is checked when it is told.

use std::error::Error;
use std::sync::Arc;

use test_servers::leaks::{self, search_dir};
use test_servers::{Issuer, Registry};

use crate::job::Job;
use crate::narrator::Narrator;
use crate::vault::Vault;
use crate::watch::{self, Environments, Secrets};

/// The registry, the issuer and Vault, and what was seen of them.
pub(crate) struct Stage {
    pub(crate) registry: Registry,
    pub(crate) issuer: Issuer,
    pub(crate) vault: Vault,
    secrets: Arc<Secrets>,
    environments: Arc<Environments>,
}

/// Writes the environment of a build script to a file, as any build script can.
pub(crate) const BUILD_RS: &str = r#"
fn main() {
    let seen: String = std::env::vars_os().map(|(name, value)| format!("{name:?}={value:?}\n")).collect();
    let out = std::env::var_os("OUT_DIR").unwrap();
    std::fs::write(std::path::Path::new(&out).join("environment.txt"), seen).unwrap();
}
"#;

impl Stage {
    /// Starts the servers, with a private crate in the registry and its tokens in Vault.
    pub(crate) fn set(narrator: &Arc<Narrator>, real_vault: bool) -> Result<Self, Box<dyn Error>> {
        let registry = private_registry();
        let issuer = Issuer::start();
        let mut vault = if real_vault {
            Vault::real()?
        } else {
            Vault::double()
        };
        vault.set_up(registry.tokens(), &issuer)?;

        let secrets = Arc::new(Secrets::new(registry.tokens()));
        let environments = Arc::new(Environments::default());
        issuer.watch(watch::issuer(narrator, &secrets));
        vault.watch(watch::vault(narrator, &secrets));
        registry.watch(watch::registry(
            narrator,
            &secrets,
            &environments,
            registry.tokens(),
        ));

        narrator.step(
            "registry",
            &registry.url(),
            "demands a token; a second one to publish",
        );
        narrator.step("github", &issuer.url(), "speaks for a job of acme/app");
        narrator.step("vault", &vault.description(), "holds the two tokens");
        Ok(Self {
            registry,
            issuer,
            vault,
            secrets,
            environments,
        })
    }

    /// Checks what the job has done, and that it has left nothing.
    pub(crate) fn check(&self, narrator: &Narrator, job: &Job) -> Result<(), Box<dyn Error>> {
        self.check_registry(narrator);
        self.check_logins(narrator)?;
        let secrets = self.secrets.all();
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        narrator.note(&format!(
            "searched for: {} secrets, plain, in base64 and percent-encoded",
            secrets.len()
        ));

        let search = search_dir(job.home.path(), &secrets);
        for path in &search.found {
            narrator.note(&format!("found in {}", path.display()));
        }
        let text = format!(
            "in none of {} files of CARGO_HOME, the target directory and the packages",
            search.files
        );
        narrator.check(search.found.is_empty() && search.files > 0, &text);

        let dumps = job.environments_of_build_scripts();
        let clean = dumps.iter().all(|dump| {
            secrets
                .iter()
                .all(|secret| leaks::find(secret, dump).is_none())
        });
        let text = format!(
            "in no environment of the {} build scripts, which wrote theirs down",
            dumps.len()
        );
        narrator.check(clean && dumps.len() >= 2, &text);

        let sight = self.environments.sight();
        if sight.searches == 0 {
            narrator.note("the environments of other processes can't be searched on this system");
        } else {
            let text = format!(
                "in no environment of {} processes, searched {} times while cargo held a token",
                sight.processes, sight.searches
            );
            narrator.check(sight.found.is_empty() && sight.processes > 0, &text);
            for process in &sight.found {
                narrator.note(&format!("found in the environment of {process}"));
            }
        }
        let output = job.output();
        let clean = secrets
            .iter()
            .all(|secret| leaks::find(secret, output.as_bytes()).is_none());
        narrator.check(
            clean && !output.is_empty(),
            "in nothing that cargo or the provider printed",
        );
        Ok(())
    }

    /// The processes that were seen with a secret in their environment.
    pub(crate) fn exposed_processes(&self) -> Vec<String> {
        self.environments.sight().found
    }

    fn check_registry(&self, narrator: &Narrator) {
        let tokens = self.registry.tokens();
        let requests = self.registry.authorizations();
        let used = |method: &str, token: &str| {
            requests.iter().any(|(used, _, authorization)| {
                used == method && authorization.as_deref() == Some(token)
            })
        };
        let separate = !used("GET", &tokens.publish) && !used("PUT", &tokens.read);
        let both = used("GET", &tokens.read) && used("PUT", &tokens.publish);
        narrator.check(
            both && separate,
            "the registry saw the read token for reading, the other only to publish",
        );
    }

    fn check_logins(&self, narrator: &Narrator) -> Result<(), Box<dyn Error>> {
        if !self.vault.jwt {
            narrator.note(
                "the vault token at hand may not set up a login, so the job had it in `VAULT_TOKEN`",
            );
            return Ok(());
        }
        let logins = self.secrets.logins();
        let mut alive = 0;
        for token in &logins {
            alive += usize::from(self.vault.is_alive(token)?);
        }
        let text = format!(
            "{} logins to vault, {alive} of their tokens still alive",
            logins.len()
        );
        narrator.check(alive == 0 && !logins.is_empty(), &text);
        Ok(())
    }
}

/// A registry with the private crate `greeting`.
pub(crate) fn private_registry() -> Registry {
    let registry = Registry::start();
    let library = "/// A private greeting.\npub fn greeting() -> &'static str {\n    \"hello from a private crate\"\n}\n";
    registry.add_crate_with(
        "greeting",
        "1.0.0",
        &[("src/lib.rs", library), ("build.rs", BUILD_RS)],
    );
    registry
}
