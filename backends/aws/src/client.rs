use core::fmt;

use aws_config::SdkConfig;
use cargo_credential_bridge_backend::http::Settings;
use cargo_credential_bridge_backend::{
    Backend, Binding, Change, Context, Edit, Error, Fetched, Inspection, Kind, Step, Written,
};

use crate::by_hand;
use crate::config::{Config, Identity, Reference, Resolved};
use crate::credentials::Login;
use crate::explain;
use crate::name::{Region, SecretId};
use crate::policy::Access;
use crate::read::Target;
use crate::sdk::Sdk;
use crate::write;

/// AWS Secrets Manager.
pub struct Aws {
    pub(crate) sdk: Sdk,
    regions: Vec<Region>,
    endpoint: Option<String>,
    pub(crate) identity: Identity,
    pub(crate) index_url_tag: Option<String>,
    login: Option<Login>,
}

impl Backend for Aws {
    type Config = Config;
    type Reference = Reference;

    fn open(_: &str, config: &Config, context: &Context) -> Result<Self, Error> {
        Self::with(config, context, Sdk::new)
    }

    async fn explain(
        _: &str,
        config: &Config,
        reference: &Reference,
        context: &Context,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        explain::explain(config, reference, context, steps).await
    }

    /// Asks one region after the other, the next only if nobody answers in the one before: a refusal holds for all.
    async fn fetch(&mut self, reference: &Reference) -> Result<Fetched, Error> {
        let environment = &self.sdk.context.environment;
        let secret = reference.secret.resolve("secret", environment)?;
        let regions = self.regions_for(&secret).await?;
        let mut away: Vec<Error> = Vec::new();
        for (position, region) in regions.iter().enumerate() {
            let outcome = self
                .fetch_from(region, &secret, reference, regions.len() - position)
                .await;
            match outcome {
                Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Timeout) => {
                    away.push(error);
                }
                Ok(mut fetched) => {
                    fetched
                        .warnings
                        .extend(away.iter().zip(&regions).map(|(error, before)| {
                        format!(
                            "{reference} is from the region `{region}`; before it, `{before}`: {}",
                            error.what()
                        )
                    }));
                    return Ok(fetched);
                }
                refused => return refused,
            }
        }
        Err(no_region_answers(away, &regions))
    }

    async fn inspect(&mut self, reference: &Reference) -> Inspection {
        // Why it can't be asked, a fetch has said.
        self.inspected(reference).await.unwrap_or_default()
    }

    const IS_WRITABLE: bool = true;

    /// Writes in the first region alone: a replica follows its primary.
    async fn write(&mut self, reference: &Reference, edit: &Edit<'_>) -> Result<Written, Error> {
        write::check(reference)?;
        if let Change::Set(token) = edit.change {
            self.sdk.transport.conceal(token);
        }
        let (region, secret) = self.primary(reference).await?;
        let config = self
            .sdk
            .config(&region, self.sdk.context.deadline.remaining())
            .await;
        let login = self.identity.login(&self.sdk, &config).await?;
        let target = self.target(
            write::access(edit),
            &config,
            &login,
            &region,
            &secret,
            reference,
        );
        target.write(edit).await
    }

    fn by_hand(config: &Config, reference: &Reference, edit: &Edit<'_>) -> String {
        by_hand::by_hand(config, reference, edit)
    }
}

impl Aws {
    /// The instance with an SDK of choice.
    pub(crate) fn with(
        config: &Config,
        context: &Context,
        sdk: impl FnOnce(Settings, Option<String>, &Context) -> Result<Sdk, Error>,
    ) -> Result<Self, Error> {
        let Resolved {
            regions,
            profile,
            endpoint,
            http,
            identity,
            index_url_tag,
        } = config.resolve(context)?;
        Ok(Self {
            sdk: sdk(http, profile, context)?,
            regions,
            endpoint,
            identity,
            index_url_tag,
            login: None,
        })
    }

    /// The regions that the backend names; else the secret's own, where it is named by its ARN; else the machine's.
    pub(crate) async fn regions_for(&self, secret: &SecretId) -> Result<Vec<Region>, Error> {
        if !self.regions.is_empty() {
            return Ok(self.regions.clone());
        }
        match secret.region() {
            Some(region) => Ok(vec![region]),
            None => Ok(vec![self.sdk.region().await?]),
        }
    }

    async fn inspected(&self, reference: &Reference) -> Result<Inspection, Error> {
        let Some(login) = &self.login else {
            return Ok(Inspection::default());
        };
        let (region, secret) = self.primary(reference).await?;
        let limit = self.sdk.context.deadline.for_detail();
        let config = self.sdk.config(&region, limit).await;
        let target = self.target(Access::Read, &config, login, &region, &secret, reference);
        Ok(target.inspect().await)
    }

    /// Reads the secret in one region. `left` regions share the time that is left, this one included.
    async fn fetch_from(
        &mut self,
        region: &Region,
        secret: &SecretId,
        reference: &Reference,
        left: usize,
    ) -> Result<Fetched, Error> {
        let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
        let limit = self.sdk.context.deadline.remaining() / left;
        let config = self.sdk.config(region, limit).await;
        let login = match self.login.take() {
            Some(login) => login,
            // A region that is away has no STS either.
            None => self.identity.login(&self.sdk, &config).await?,
        };
        let outcome = self
            .read_in(region, &config, &login, secret, reference)
            .await;
        self.login = Some(login);
        outcome
    }

    /// Reads the secret, or its replica, with these keys.
    pub(crate) async fn read_in(
        &self,
        region: &Region,
        config: &SdkConfig,
        login: &Login,
        secret: &SecretId,
        reference: &Reference,
    ) -> Result<Fetched, Error> {
        let secret = self.in_region(secret, region);
        let target = self.target(Access::Read, config, login, region, &secret, reference);
        target.fetch().await
    }

    /// What is said of the secret, or of its replica, beside it.
    pub(crate) async fn binding_in(
        &self,
        region: &Region,
        config: &SdkConfig,
        login: &Login,
        secret: &SecretId,
        reference: &Reference,
    ) -> Result<Option<Binding>, Error> {
        let secret = self.in_region(secret, region);
        let target = self.target(Access::Describe, config, login, region, &secret, reference);
        target.binding().await
    }

    /// The secret as it is called in one of our regions.
    /// Where a secret is written, and its versions are known: the first region, which replicas follow.
    async fn primary(&self, reference: &Reference) -> Result<(Region, SecretId), Error> {
        let environment = &self.sdk.context.environment;
        let secret = reference.secret.resolve("secret", environment)?;
        let mut regions = self.regions_for(&secret).await?;
        // A backend has a region, or finds one.
        let region = regions.swap_remove(0);
        let secret = self.in_region(&secret, &region);
        Ok((region, secret))
    }

    fn target<'a>(
        &'a self,
        access: Access,
        config: &'a SdkConfig,
        login: &'a Login,
        region: &'a Region,
        secret: &'a SecretId,
        reference: &'a Reference,
    ) -> Target<'a> {
        Target {
            access,
            sdk: &self.sdk,
            config,
            login,
            endpoint: self.endpoint.as_deref(),
            region,
            secret,
            reference,
            index_url_tag: self.index_url_tag.as_deref(),
        }
    }

    fn in_region(&self, secret: &SecretId, region: &Region) -> SecretId {
        match self.regions.len() > 1 {
            true => secret.in_region(region),
            false => secret.clone(),
        }
    }
}

/// The error when no region answers.
fn no_region_answers(mut away: Vec<Error>, regions: &[Region]) -> Error {
    if away.len() == 1 {
        return away.remove(0);
    }
    let kind = away.last().map_or(Kind::Unavailable, Error::kind);
    away.iter().zip(regions).fold(
        Error::new(kind, "AWS can't be reached in any of the regions"),
        |error, (one, region)| error.because(format!("{region}: {one}")),
    )
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("sdk", &self.sdk)
            .field("regions", &self.regions)
            .finish_non_exhaustive()
    }
}
