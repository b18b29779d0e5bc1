//! Reading one secret, and telling apart why there is none.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Builder, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::primitives::DateTimeFormat;
use cargo_credential_bridge_backend::{Error, Fetched, Kind, Payload, SecretSlice};

use crate::config::{Reference, Version};
use crate::credentials::Login;
use crate::error::{self, Action, State};
use crate::name::{Region, SecretId};
use crate::refusal::Refusal;
use crate::sdk::Sdk;

/// What is read, where, and as whom.
pub(crate) struct Reading<'a> {
    pub(crate) sdk: &'a Sdk,
    pub(crate) config: &'a SdkConfig,
    pub(crate) login: &'a Login,
    pub(crate) endpoint: Option<&'a str>,
    pub(crate) region: &'a Region,
    pub(crate) secret: &'a SecretId,
    pub(crate) reference: &'a Reference,
}

impl Reading<'_> {
    /// Reads the secret.
    pub(crate) async fn fetch(&self) -> Result<Fetched, Error> {
        let mut request = Client::from_conf(self.settings().build())
            .get_secret_value()
            .secret_id(self.secret.as_str());
        request = match &self.reference.version {
            Version::Current => request,
            Version::Stage(stage) => request.version_stage(stage),
            Version::Id(id) => request.version_id(id),
        };
        match request.send().await {
            Ok(given) => self.fetched(given),
            Err(refused) => {
                let refusal = Refusal::of("GetSecretValue", &refused, self.sdk)?;
                let principal = self.principal(&refusal).await;
                let mut action = Action::Read {
                    place: self.reference.to_string(),
                    secret: self.secret,
                    region: self.region,
                    principal: principal.as_deref(),
                    state: State::Unknown,
                };
                if error::kind(&action, &refusal.code) == Kind::NotFound
                    && let Action::Read { state, .. } = &mut action
                {
                    *state = self.state().await;
                }
                Err(error::classify(&action, &refusal))
            }
        }
    }

    fn settings(&self) -> Builder {
        let settings =
            Builder::from(self.config).credentials_provider(self.login.credentials.clone());
        match self.endpoint {
            Some(endpoint) => settings.endpoint_url(endpoint),
            None => settings,
        }
    }

    fn fetched(&self, given: GetSecretValueOutput) -> Result<Fetched, Error> {
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
        Ok(Fetched {
            payload: Payload::Bytes(SecretSlice::from(value)),
            lifetime: None,
            warnings: Vec::new(),
        })
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
        let settings = self
            .settings()
            .retry_config(RetryConfig::disabled())
            .timeout_config(self.extra())
            .build();
        let said = Client::from_conf(settings)
            .describe_secret()
            .secret_id(self.secret.as_str())
            .send()
            .await;
        let Ok(said) = said else {
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

    fn extra(&self) -> TimeoutConfig {
        let limit = self.sdk.context.deadline.for_detail();
        TimeoutConfig::builder().operation_timeout(limit).build()
    }
}
