//! Reading one secret, and telling apart why there is none.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Builder, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::primitives::DateTimeFormat;
use cargo_credential_bridge_backend::{Error, Fetched, Kind, Known, Payload, SecretSlice};

use crate::config::{Reference, Version};
use crate::credentials::Login;
use crate::error::{self, Action, State};
use crate::name::{Region, SecretId};
use crate::policy::Access;
use crate::refusal::Refusal;
use crate::sdk::Sdk;

/// One secret: where it is, what for, and as whom.
pub(crate) struct Target<'a> {
    pub(crate) access: Access,
    pub(crate) sdk: &'a Sdk,
    pub(crate) config: &'a SdkConfig,
    pub(crate) login: &'a Login,
    pub(crate) endpoint: Option<&'a str>,
    pub(crate) region: &'a Region,
    pub(crate) secret: &'a SecretId,
    pub(crate) reference: &'a Reference,
    pub(crate) index_url_tag: Option<&'a str>,
}

impl Target<'_> {
    /// Reads the secret.
    pub(crate) async fn fetch(&self) -> Result<Fetched, Error> {
        let mut request = self
            .client()
            .get_secret_value()
            .secret_id(self.secret.as_str());
        request = match &self.reference.version {
            Version::Current => request,
            Version::Stage(stage) => request.version_stage(stage),
            Version::Id(id) => request.version_id(id),
        };
        match request.send().await {
            Ok(given) => Ok(Fetched {
                known: Known {
                    version: version(&given),
                    identity: self.login.principal.clone(),
                },
                payload: self.payload(given)?,
                lifetime: None,
                binding: self.binding().await?,
                warnings: Vec::new(),
            }),
            Err(refused) => {
                let refusal = Refusal::of("GetSecretValue", &refused, self.sdk)?;
                Err(self.refused(&refusal).await.0)
            }
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::from_conf(self.settings().build())
    }

    /// The error for a refusal, with what else is known of the secret.
    pub(crate) async fn refused(&self, refusal: &Refusal) -> (Error, State) {
        let principal = self.principal(refusal).await;
        let action = |state| Action::Secret {
            access: self.access,
            place: self.reference.to_string(),
            secret: self.secret,
            region: self.region,
            principal: principal.as_deref(),
            state,
        };
        let state = match error::kind(&action(State::Unknown), &refusal.code) {
            Kind::NotFound => self.state().await,
            _ => State::Unknown,
        };
        (error::classify(&action(state.clone()), refusal), state)
    }

    pub(crate) fn settings(&self) -> Builder {
        let settings =
            Builder::from(self.config).credentials_provider(self.login.credentials.clone());
        match self.endpoint {
            Some(endpoint) => settings.endpoint_url(endpoint),
            None => settings,
        }
    }

    pub(crate) fn payload(&self, given: GetSecretValueOutput) -> Result<Payload, Error> {
        let value = match (given.secret_string, given.secret_binary) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(binary)) => binary.into_inner(),
            (None, None) => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("{} in AWS holds neither text nor bytes", self.reference),
                )
                .because("GetSecretValue answered with no value"));
            }
        };
        Ok(Payload::Bytes(SecretSlice::from(value)))
    }

    /// Who asked: as STS has said, else, where that goes into a message that AWS's own words do not say it for, as
    /// STS says now. Anybody may ask STS that.
    async fn principal(&self, refusal: &Refusal) -> Option<String> {
        if self.login.principal.is_some() {
            return self.login.principal.clone();
        }
        let is_denied = matches!(
            refusal.code.as_str(),
            "AccessDeniedException" | "AccessDenied" | "DecryptionFailure"
        );
        if !is_denied || refusal.message.contains("User: arn:") {
            return None;
        }
        self.caller().await
    }

    /// Who we are, as STS says it.
    pub(crate) async fn caller(&self) -> Option<String> {
        let settings = aws_sdk_sts::config::Builder::from(self.config)
            .credentials_provider(self.login.credentials.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(self.extra())
            .build();
        let said = aws_sdk_sts::Client::from_conf(settings)
            .get_caller_identity()
            .send()
            .await
            .ok()?;
        said.arn().map(|arn| self.sdk.transport.quote(arn))
    }

    /// What else is known of a secret that can't be read: one code stands for several states. Whoever may not ask gets
    /// the message without it.
    async fn state(&self) -> State {
        let Some(said) = self.description().await else {
            return State::Unknown;
        };
        if let Some(date) = said.deleted_date() {
            return State::Deleted {
                on: date.fmt(DateTimeFormat::DateTime).ok(),
            };
        }
        let mut stages: Vec<_> = said
            .version_ids_to_stages()
            .into_iter()
            .flat_map(|versions| versions.values().flatten())
            .map(|stage| self.sdk.transport.quote(stage))
            .collect();
        stages.sort();
        State::There { stages }
    }

    /// What AWS says of the secret, to whoever may ask.
    pub(crate) async fn description(&self) -> Option<DescribeSecretOutput> {
        let settings = self
            .settings()
            .retry_config(RetryConfig::disabled())
            .timeout_config(self.extra())
            .build();
        let request = Client::from_conf(settings).describe_secret();
        request.secret_id(self.secret.as_str()).send().await.ok()
    }

    /// The limits of a request that nothing depends on.
    pub(crate) fn extra(&self) -> TimeoutConfig {
        let limit = self.sdk.context.deadline.for_detail();
        TimeoutConfig::builder().operation_timeout(limit).build()
    }
}

/// The version that was read: its id, and the stages that it is in.
fn version(given: &GetSecretValueOutput) -> Option<String> {
    let id = given.version_id()?.to_owned();
    Some(match given.version_stages() {
        [] => id,
        stages => format!("{id} ({})", stages.join(", ")),
    })
}
