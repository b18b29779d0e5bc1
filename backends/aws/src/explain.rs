//! What an answer would take, told without doing it.
//!
//! The endpoints of AWS are the SDK's to find, by variables, profiles and rules of its own. So it is the SDK that is asked:
//! by the same calls as for an answer, over a connector that notes each request instead of sending it.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use cargo_credential_bridge_backend::http::Settings;
use cargo_credential_bridge_backend::identity::{Identity as Workload, WorkloadToken};
use cargo_credential_bridge_backend::{Choice, Context, Error, Kind, Planned, Running, Step};

use crate::client::Aws;
use crate::config::{Config, Reference, roots};
use crate::connector::Noted;
use crate::credentials::{self, Login, Wanted};
use crate::method::{Method, Proof};
use crate::name::Region;
use crate::sdk::Sdk;

/// What comes from asking for keys in AWS's own way.
const SEARCH: &str = "get keys, as AWS's own chain does";

/// An SDK that sends nothing.
struct Rehearsal<'a> {
    sdk: &'a Sdk,
    noted: &'a Noted,
}

/// Adds what logging in and reading would take.
pub(crate) async fn explain(
    config: &Config,
    reference: &Reference,
    context: &Context,
    steps: &mut Vec<Step>,
) -> Result<(), Error> {
    let mut noted = Noted::default();
    let aws = Aws::with(config, context, |http, profile, context| {
        let (sdk, own) = Sdk::rehearsal(http, profile, context)?;
        noted = own;
        Ok(sdk)
    })?;
    let rehearsal = Rehearsal {
        sdk: &aws.sdk,
        noted: &noted,
    };
    let environment = &context.environment;
    let secret = reference.secret.resolve("secret", environment)?;
    let regions = aws.regions_for(&secret).await;
    steps.extend(rehearsal.noted("find the region of this instance"));
    let regions = regions?;
    let mut before: Option<&Region> = None;
    for region in &regions {
        let settings = rehearsal.config(region).await;
        if before.is_none() {
            rehearsal
                .explain_first(&aws.identity.methods, &settings, steps)
                .await?;
            for role in &aws.identity.roles {
                // It fails: nothing is sent. What counts is what it would have sent.
                let _ = aws
                    .identity
                    .assume(role, &nobody(), rehearsal.sdk, &settings)
                    .await;
                steps.extend(rehearsal.noted(&format!("AssumeRole: become `{role}`")));
            }
        }
        let _ = aws
            .read_in(region, &settings, &nobody(), &secret, reference)
            .await;
        let mut noted = rehearsal.noted("GetSecretValue: read the secret");
        if let Some(tag) = &aws.index_url_tag {
            let _ = aws
                .binding_in(region, &settings, &nobody(), &secret, reference)
                .await;
            noted.extend(rehearsal.noted(&format!("DescribeSecret: read the tag `{tag}`")));
        }
        for step in noted {
            steps.push(match (step, before) {
                (Step::Ask(planned), Some(before)) => planned
                    .only(format!("if the region `{before}` does not answer"))
                    .into(),
                (step, _) => step,
            });
        }
        before = Some(region);
    }
    Ok(())
}

/// Tells what [`sign_caller_identity`](crate::sign_caller_identity) would do for the identity, and whose it is.
///
/// # Errors
///
/// [`Kind::NotAvailable`] if there is no identity here.
pub fn explain_identity<'a>(
    auth: &'a [Method],
    context: &'a Context,
    steps: &'a mut Vec<Step>,
) -> Running<'a, Result<(), Error>> {
    Box::pin(async move {
        let http = Settings {
            roots: roots(None, &context.environment)?,
            ..Settings::default()
        };
        let (sdk, noted) = Sdk::rehearsal(http, None, context)?;
        let rehearsal = Rehearsal {
            sdk: &sdk,
            noted: &noted,
        };
        let region = match sdk.region().await {
            Err(error) if error.kind() == Kind::NotAvailable => crate::caller::global_region()?,
            region => region?,
        };
        steps.extend(rehearsal.noted("find the region of this instance"));
        let settings = rehearsal.config(&region).await;
        rehearsal.explain_first(auth, &settings, steps).await
    })
}

impl Rehearsal<'_> {
    async fn config(&self, region: &Region) -> SdkConfig {
        let limit = self.sdk.context.deadline.remaining();
        self.sdk.config(region, limit).await
    }

    /// The requests since the last call.
    fn noted(&self, purpose: &str) -> Vec<Step> {
        let mut noted = self
            .noted
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        noted
            .drain(..)
            .map(|(method, url)| Planned::new(method, url, purpose).into())
            .collect()
    }

    async fn explain_first(
        &self,
        methods: &[Method],
        config: &SdkConfig,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let mut choice = Choice::new(steps);
        for method in &*credentials::or_default(methods) {
            let mut own = Vec::new();
            let outcome = self.explain_method(method, config, &mut own).await;
            if choice.settle(method.name(), own, outcome)? {
                return Ok(());
            }
        }
        Err(credentials::nobody(choice.missing()))
    }

    /// Whom the method makes us.
    async fn explain_method(
        &self,
        method: &Method,
        config: &SdkConfig,
        steps: &mut Vec<Step>,
    ) -> Result<String, Error> {
        let Proof::WebIdentity {
            role,
            session,
            audience,
            identity,
        } = &method.0
        else {
            return self.explain_ambient(config, steps).await;
        };
        let environment = &self.sdk.context.environment;
        let identity = Workload::chosen(identity.as_ref(), environment)?;
        let wanted = Wanted::resolve(role, session.as_ref(), audience.as_ref(), self.sdk)?;
        steps.push(identity.explain(Some(&wanted.audience), environment)?);
        let shown = WorkloadToken::recognize("nothing.is.sent".into())
            .expect("it has three parts, as a JWT has");
        let _ = wanted.trade(&shown, self.sdk, config).await;
        steps.extend(self.noted("AssumeRoleWithWebIdentity: become the role"));
        Ok(format!("the role `{}`", wanted.role))
    }

    /// Whom AWS's own chain makes us, as far as that is known without asking.
    async fn explain_ambient(
        &self,
        config: &SdkConfig,
        steps: &mut Vec<Step>,
    ) -> Result<String, Error> {
        match self.sdk.environments_credentials().await {
            Some(Ok(_)) => return Ok("the keys in the environment".to_owned()),
            Some(Err(error)) => return Err(credentials::not_loaded(&error, self.sdk)),
            None => {}
        }
        // It would be run right here.
        if let Some(profile) = self.sdk.process().await {
            steps.push(Step::Run(format!(
                "the `credential_process` of the profile `{profile}`"
            )));
            return Ok("whose keys the program prints".to_owned());
        }
        let outcome = self.sdk.credentials(config).await;
        let asked = self.noted(SEARCH);
        match outcome {
            Ok(_) => Ok("the keys in a profile".to_owned()),
            Err(error) if asked.is_empty() => Err(credentials::not_loaded(&error, self.sdk)),
            Err(_) => {
                steps.extend(asked);
                Ok("whose keys are given there".to_owned())
            }
        }
    }
}

/// Whoever it will be.
fn nobody() -> Login {
    Login {
        credentials: Credentials::new("nobody", "nobody", None, None, "nobody"),
        principal: None,
    }
}
