//! Reading one secret, and telling apart why there is none.
//!
//! Source: the API pages of `projects.secrets.versions`, methods `access` and `get`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cargo_credential_bridge_backend::{
    Error, ExposeSecret as _, Fetched, Kind, Known, Payload, SecretSlice,
};
use serde::Deserialize;

use crate::answer::{Answer, Refusal};
use crate::client::Target;
use crate::error::{self, Action, State};
use crate::metadata;
use crate::name::Version;
use crate::session::Ask;

/// The method that gives a version's value.
pub(crate) const ACCESS: &str = ":access";

/// Google's limit for one version (page "Quotas and limits").
const PAYLOAD_LIMIT: usize = 64 << 10;

/// Bytes in JSON, which protobuf lets end with padding or without.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `AccessSecretVersionResponse`, as protobuf's JSON has it.
#[derive(Deserialize)]
struct Accessed<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    payload: WirePayload<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePayload<'a> {
    /// An empty value is left out.
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    data_crc32c: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(crate) struct Described<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Cow<'a, str>,
    #[serde(borrow, default)]
    state: Cow<'a, str>,
    #[serde(borrow, default, rename = "createTime")]
    pub(crate) created: Cow<'a, str>,
}

/// A version that could be read.
pub(crate) struct Found {
    pub(crate) number: Option<u64>,
    pub(crate) payload: Payload,
    pub(crate) warnings: Vec<String>,
}

/// Whether what came is what Google sent.
enum Checked {
    Whole(SecretSlice<u8>),
    Damaged,
    /// Google sent no checksum with it.
    Unknown(SecretSlice<u8>),
}

impl Target<'_> {
    /// Reads the version.
    pub(crate) async fn fetch(&self) -> Result<Fetched, Error> {
        match self.access(&self.secret.version).await? {
            Ok(found) => Ok(Fetched {
                payload: found.payload,
                lifetime: None,
                binding: self.binding().await?,
                warnings: found.warnings,
                known: Known {
                    version: found.number.map(|number| number.to_string()),
                    identity: self.login.principal.clone(),
                },
            }),
            Err(refusal) => Err(self.refused(&refusal).await.0),
        }
    }

    /// Reads a version of the secret. What arrives damaged is asked for once more.
    pub(crate) async fn access(&self, version: &Version) -> Result<Result<Found, Refusal>, Error> {
        let url = self.url(version, ACCESS);
        for _ in 0..2 {
            let answer = self.session.ask(self.authorized(Ask::get(&url))).await?;
            if !answer.is_ok() {
                return Ok(Err(answer.refusal(&self.session.transport)));
            }
            let (payload, warnings) = match checked(&answer)? {
                Checked::Damaged => continue,
                Checked::Whole(payload) => (payload, Vec::new()),
                Checked::Unknown(payload) => (payload, vec![self.unchecked()]),
            };
            let accessed: Accessed<'_> = answer.read()?;
            return Ok(Ok(Found {
                number: number(&accessed.name),
                payload: Payload::Bytes(payload),
                warnings,
            }));
        }
        Err(Error::new(
            Kind::Invalid,
            format!("{} arrived damaged, twice", self.reference),
        )
        .because("its CRC32C is not the one that Google sent with it")
        .help("something between Google and this machine changes what passes: a proxy?"))
    }

    /// What is said of a version that Google keeps no checksum for.
    ///
    /// Source: Secret Manager's page "Data integrity assurance": those encrypted by a customer's key before July 2021.
    fn unchecked(&self) -> String {
        format!(
            "{} came without a checksum, as a version does that is older than Google's checksums: add a new version",
            self.reference
        )
    }

    /// The error for a refusal, with what else is known of the version.
    pub(crate) async fn refused(&self, refusal: &Refusal) -> (Error, State) {
        let code = refusal.code();
        let state = match code {
            Some("FAILED_PRECONDITION") => self.state().await,
            _ => State::Unknown,
        };
        // The metadata server does not say with a token whose it is.
        let machine = match (self.login.is_machine, code) {
            (true, Some("PERMISSION_DENIED" | "UNAUTHENTICATED")) => self.machine().await,
            _ => None,
        };
        let action = Action::Secret {
            access: self.access,
            place: self.reference.to_string(),
            secret: self.secret,
            principal: self.login.principal.as_deref().or(machine.as_deref()),
            state: state.clone(),
        };
        (error::classify(&action, refusal), state)
    }

    /// The state of the version: one code stands for several. Whoever may not ask gets the message without it.
    async fn state(&self) -> State {
        let body = self.description().await;
        let state =
            serde_json::from_slice(&body).map(|described: Described<'_>| match &*described.state {
                "ENABLED" => State::Enabled,
                // Its name has the number in it, whatever it was asked for by.
                "DISABLED" => State::Disabled(
                    described
                        .name
                        .rsplit('/')
                        .next()
                        .and_then(|number| number.parse().ok()),
                ),
                "DESTROYED" => State::Destroyed,
                _ => State::Unknown,
            });
        state.unwrap_or(State::Unknown)
    }

    /// What Google says of the version, to whoever may ask; empty for anybody else.
    pub(crate) async fn description(&self) -> Vec<u8> {
        let url = self.url(&self.secret.version, "");
        let Ok(request) = self.authorized(Ask::get(&url)).build() else {
            return Vec::new();
        };
        let limit = self.session.context.deadline.for_detail();
        let said = self.session.transport.exchange(request, Some(limit)).await;
        said.map(http::Response::into_body).unwrap_or_default()
    }

    /// Who this machine is.
    pub(crate) async fn machine(&self) -> Option<String> {
        // It only makes a message better.
        let email = metadata::email(self.session).await.ok()??;
        Some(format!("serviceAccount:{email}"))
    }

    /// With all that Google wants to know of who asks.
    pub(crate) fn authorized<'a>(&'a self, ask: Ask<'a>) -> Ask<'a> {
        let ask = ask.bearer(&self.login.token);
        match self.quota_project {
            Some(project) => ask.header("x-goog-user-project", project.as_ref()),
            None => ask,
        }
    }
}

/// The number at the end of a version's name, which is there whatever the version was asked for by.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.rsplit('/').next()?.parse().ok()
}

/// The payload of an answer, compared with its checksum.
fn checked(answer: &Answer) -> Result<Checked, Error> {
    let accessed: Accessed<'_> = answer.read()?;
    let refused = |why: &str| {
        Error::new(
            Kind::Invalid,
            "what Google Secret Manager gave can't be used",
        )
        .because(format!(
            "{} answered {} with {why}",
            answer.asked, answer.status
        ))
    };
    let data = accessed.payload.data.as_bytes();
    if data.len() > PAYLOAD_LIMIT.div_ceil(3) * 4 {
        return Err(refused("more than the 64 KiB that a secret may have"));
    }
    let payload = BASE64
        .decode(data)
        .map_err(|_| refused("data that is not base64"))?;
    let payload = SecretSlice::from(payload);
    let bytes = payload.expose_secret();
    if bytes.len() > PAYLOAD_LIMIT {
        return Err(refused("more than the 64 KiB that a secret may have"));
    }
    let Some(sent) = accessed.payload.data_crc32c else {
        return Ok(Checked::Unknown(payload));
    };
    let sent: u32 = sent
        .parse()
        .map_err(|_| refused("a checksum that is no number"))?;
    Ok(match crc32c::crc32c(bytes) == sent {
        true => Checked::Whole(payload),
        false => Checked::Damaged,
    })
}
