//! The SDK, set up as AWS's other SDKs and its command line are: by variables and profiles.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use cargo_credential_bridge_backend::http::{Retry, Settings, Transport};
use cargo_credential_bridge_backend::{Context, Error, Kind, Running};

use crate::connector::{Connector, Noted};
use crate::name::Region;

/// What the SDK is set up with for one instance.
pub(crate) struct Sdk {
    pub(crate) transport: Arc<Transport>,
    pub(crate) context: Context,
    connector: Connector,
    profile: Option<String>,
    retry: RetryConfig,
}

impl Sdk {
    pub(crate) fn new(
        http: Settings,
        profile: Option<String>,
        context: &Context,
    ) -> Result<Self, Error> {
        Self::with(Connector::new, http, profile, context)
    }

    /// One that sends nothing, and the requests that it should have sent.
    pub(crate) fn rehearsal(
        http: Settings,
        profile: Option<String>,
        context: &Context,
    ) -> Result<(Self, Noted), Error> {
        let noted = Noted::default();
        let connector = |transport| Connector::noting(transport, Arc::clone(&noted));
        let sdk = Self::with(connector, http, profile, context)?;
        Ok((sdk, noted))
    }

    fn with(
        connector: impl FnOnce(Arc<Transport>) -> Connector,
        http: Settings,
        profile: Option<String>,
        context: &Context,
    ) -> Result<Self, Error> {
        let transport = Arc::new(Transport::new(http, context));
        Ok(Self {
            connector: connector(Arc::clone(&transport)),
            transport,
            context: context.clone(),
            profile,
            retry: retry(context)?,
        })
    }

    /// The region that this machine names: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's, the instance's.
    pub(crate) async fn region(&self) -> Result<Region, Error> {
        let config = ProviderConfig::without_region().with_http_client(self.connector.clone());
        let mut profile = ProfileFileRegionProvider::builder().configure(&config);
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let instance = ImdsRegionProvider::builder().configure(&config).build();
        let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(profile.build())
            .or_else(instance);
        match chain.region().await {
            Some(region) => region.as_ref().parse().map_err(|why: String| {
                Error::new(Kind::Invalid, "the region that this machine names is no use")
                    .because(why)
                    .help("it is from AWS_REGION, AWS_DEFAULT_REGION or the profile; `region` on the backend comes before them")
            }),
            None => Err(Error::new(
                Kind::NotAvailable,
                "no AWS region here: `region` is not set on the backend, nor AWS_REGION, nor a region in the profile",
            )
            .help("set `region` on the backend")),
        }
    }

    /// The SDK's settings for one region, with `limit` for one operation, its retries included. There are no
    /// credentials in it.
    pub(crate) fn config<'a>(
        &'a self,
        region: &'a Region,
        limit: Duration,
    ) -> Running<'a, SdkConfig> {
        Box::pin(async move {
            let timeouts = TimeoutConfig::builder().operation_timeout(limit).build();
            let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
                .http_client(self.connector.clone())
                .region(aws_config::Region::new(region.as_str().to_owned()))
                .retry_config(self.retry.clone())
                .timeout_config(timeouts)
                .no_credentials();
            if let Some(profile) = &self.profile {
                loader = loader.profile_name(profile);
            }
            loader.load().await
        })
    }

    /// The credentials that the SDK finds on this machine.
    ///
    /// A profile that the backend names counts alone, as the command line's `--profile` does: keys in the
    /// environment, or the role of the machine, would be somebody else.
    pub(crate) async fn credentials(
        &self,
        config: &SdkConfig,
    ) -> Result<Credentials, CredentialsError> {
        self.connector.forget_status();
        // The chain's own first, asked before the rest of it is built: that costs a tenth of the whole way.
        match self.environments_credentials().await {
            None => {}
            Some(outcome) => return outcome,
        }
        let mut provider = ProviderConfig::without_region()
            .with_http_client(self.connector.clone())
            .with_region(config.region().cloned())
            .with_use_fips(config.use_fips())
            .with_use_dual_stack(config.use_dual_stack())
            .with_behavior_version(config.behavior_version())
            .with_retry_config(self.retry.clone());
        if let Some(timeouts) = config.timeout_config() {
            provider = provider.with_timeout_config(timeouts.clone());
        }
        match &self.profile {
            Some(profile) => {
                ProfileFileCredentialsProvider::builder()
                    .configure(&provider)
                    .profile_name(profile)
                    .build()
                    .provide_credentials()
                    .await
            }
            None => {
                // It has a number of tries of its own.
                let instance = imds::Client::builder()
                    .configure(&provider)
                    .max_attempts(self.retry.max_attempts())
                    .build();
                DefaultCredentialsChain::builder()
                    .imds_client(instance)
                    .configure(provider)
                    .region(config.region().cloned())
                    .build()
                    .await
                    .provide_credentials()
                    .await
            }
        }
    }

    /// The keys in the environment, if they count and there are any.
    pub(crate) async fn environments_credentials(
        &self,
    ) -> Option<Result<Credentials, CredentialsError>> {
        if self.profile.is_some() {
            return None;
        }
        let environment = EnvironmentVariableCredentialsProvider::new();
        match environment.provide_credentials().await {
            Err(CredentialsError::CredentialsNotLoaded(_)) => None,
            outcome => Some(outcome),
        }
    }

    /// The profile whose `credential_process` the search for credentials would run: the selected one, or one that it has
    /// its keys from.
    pub(crate) async fn process(&self) -> Option<String> {
        let selected = self.profile.clone().map(Cow::Owned);
        let files = EnvConfigFiles::default();
        let profiles = aws_config::profile::load(&Fs::real(), &Env::real(), &files, selected)
            .await
            .ok()?;
        let mut name = profiles.selected_profile();
        // A ring of profiles is an error of the SDK's; here it must only end.
        for _ in 0..profiles.profiles().count() {
            let profile = profiles.get_profile(name)?;
            if profile.get("credential_process").is_some() {
                return Some(name.to_owned());
            }
            name = profile.get("source_profile")?;
        }
        None
    }

    /// The HTTP status of the last answer to the search for credentials, where there was one.
    pub(crate) fn last_status(&self) -> Option<u16> {
        self.connector.last_status()
    }

    /// The profile that the backend names.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

/// The SDK's own retries, with the number of tries that `AWS_MAX_ATTEMPTS` says, and with the waits of all backends:
/// its own may be 20 s long.
fn retry(context: &Context) -> Result<RetryConfig, Error> {
    const VARIABLE: &str = "AWS_MAX_ATTEMPTS";
    let ours = Retry::default();
    let tries = match context.environment.var(VARIABLE)? {
        None => ours.tries,
        Some(tries) => match tries.trim().parse() {
            Ok(tries) if tries > 0 => tries,
            _ => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("the environment variable `{VARIABLE}` is not a number of tries"),
                ));
            }
        },
    };
    Ok(RetryConfig::standard()
        .with_max_attempts(tries)
        .with_initial_backoff(ours.first_wait)
        .with_max_backoff(ours.longest_wait))
}

impl fmt::Debug for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sdk")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
