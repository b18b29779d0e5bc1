//! The signed request by which somebody else learns who we are: Vault or Google sends it to AWS's STS and reads the answer.
//!
//! Source: Vault's page "AWS auth method", "IAM auth method"; AIP-4117, "Determining the subject token in AWS".

use core::fmt;
use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use cargo_credential_bridge_backend::http::Settings;
use cargo_credential_bridge_backend::{Context, Error, Kind, Running, SecretString};
use http::{HeaderValue, Request, Uri};

use crate::config::{Identity, roots};
use crate::method::Method;
use crate::name::Region;
use crate::sdk::Sdk;

/// Signs for all regions at the global endpoint, which Vault asks unless it is told otherwise.
const GLOBAL_REGION: &str = "us-east-1";
const GLOBAL_HOST: &str = "sts.amazonaws.com";

const QUESTION: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// Who is to send the request on. It is signed for them alone: what one was shown can't be shown to another.
#[derive(Clone, Copy, Debug)]
pub enum Recipient<'a> {
    /// A Vault, with the value that it wants in `X-Vault-AWS-IAM-Server-ID`. Without a region it is for STS's global
    /// endpoint.
    Vault {
        /// The region whose STS Vault asks.
        region: Option<&'a Region>,
        /// The header's value, which goes into the signature.
        server_id: Option<&'a str>,
    },
    /// Google's STS.
    Google {
        /// The provider that is to vouch for the identity, which goes into the signature.
        audience: &'a str,
        /// The URL to sign for, with `{region}` in it; Google's default if there is none.
        url: Option<&'a str>,
    },
}

/// A signed `GetCallerIdentity`. Whoever has it can show it as ours for a quarter of an hour, and nothing else.
pub struct CallerIdentity {
    /// The method: POST.
    pub method: &'static str,
    /// The URL that it is signed for.
    pub url: String,
    /// The body.
    pub body: &'static str,
    /// The headers, signed ones and the signature.
    pub headers: Vec<(String, String)>,
    /// What nobody may get to say: the session token and the signature in the headers.
    pub concealed: Vec<SecretString>,
}

/// The request before it is signed, and the region to sign it for.
struct Unsigned {
    url: String,
    body: &'static str,
    headers: Vec<(String, String)>,
    region: String,
}

/// Signs `GetCallerIdentity` as the identity of this job: by the first of `auth` whose inputs exist here, without any by
/// what the SDK finds.
///
/// # Errors
///
/// [`Kind::NotAvailable`] if there is no identity here, and those of getting one.
pub fn sign_caller_identity<'a>(
    auth: &'a [Method],
    recipient: Recipient<'a>,
    context: &'a Context,
) -> Running<'a, Result<CallerIdentity, Error>> {
    Box::pin(async move {
        let http = Settings {
            roots: roots(None, &context.environment)?,
            ..Settings::default()
        };
        let sdk = Sdk::new(http, None, context)?;
        let identity = Identity {
            methods: auth.to_vec(),
            ..Identity::default()
        };
        // Tokens are traded in the region of the job where it has one, as the SDK does.
        let trading = match recipient {
            Recipient::Vault {
                region: Some(region),
                ..
            } => region.clone(),
            Recipient::Vault { region: None, .. } => match sdk.region().await {
                Err(error) if error.kind() == Kind::NotAvailable => global_region()?,
                region => region?,
            },
            Recipient::Google { .. } => sdk.region().await?,
        };
        let config = sdk.config(&trading, context.deadline.remaining()).await;
        let login = identity.login(&sdk, &config).await?;

        let failed = |why: String| {
            Error::new(
                Kind::Invalid,
                "can't sign the request that says who this job is to AWS",
            )
            .because(why)
        };
        let Unsigned {
            url,
            body,
            mut headers,
            region,
        } = recipient.request(&trading).map_err(failed)?;
        let identity = login.credentials.into();
        let signature = signature(&identity, &url, body, &headers, &region).map_err(failed)?;
        let concealed = signature
            .iter()
            .filter(|(name, _)| name != "x-amz-date")
            .map(|(_, value)| SecretString::from(value.as_str()))
            .collect();
        headers.extend(signature);
        Ok(CallerIdentity {
            method: "POST",
            url,
            body,
            headers,
            concealed,
        })
    })
}

/// Where tokens are traded if nothing names a region.
pub(crate) fn global_region() -> Result<Region, Error> {
    GLOBAL_REGION
        .parse()
        .map_err(|why: String| Error::new(Kind::Invalid, why))
}

impl fmt::Debug for CallerIdentity {
    /// The headers are left out: the signature is in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerIdentity")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Recipient<'_> {
    /// The request, for an identity that is traded in the region `trading`.
    fn request(&self, trading: &Region) -> Result<Unsigned, String> {
        match *self {
            Self::Vault { region, server_id } => {
                let host = region.map_or_else(|| GLOBAL_HOST.to_owned(), regional_host);
                let url = format!("https://{host}/");
                let mut headers = vec![
                    ("Host".to_owned(), host),
                    (
                        "Content-Type".to_owned(),
                        "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
                    ),
                ];
                if let Some(id) = server_id {
                    headers.push(("X-Vault-AWS-IAM-Server-ID".to_owned(), id.to_owned()));
                }
                Ok(Unsigned {
                    url,
                    body: QUESTION,
                    headers,
                    region: region.map_or(GLOBAL_REGION, Region::as_str).to_owned(),
                })
            }
            Self::Google { audience, url } => {
                let url = match url {
                    Some(url) => url.replace("{region}", trading.as_str()),
                    None => format!("https://{}?{QUESTION}", regional_host(trading)),
                };
                let uri: Uri = url
                    .parse()
                    .map_err(|_| "the URL to sign for is not one".to_owned())?;
                let host = uri.authority().ok_or("the URL to sign for names no host")?;
                Ok(Unsigned {
                    headers: vec![
                        ("Host".to_owned(), host.to_string()),
                        (
                            "x-goog-cloud-target-resource".to_owned(),
                            audience.to_owned(),
                        ),
                    ],
                    url,
                    body: "",
                    region: trading.to_string(),
                })
            }
        }
    }
}

/// STS in one region.
fn regional_host(region: &Region) -> String {
    match region.as_str().starts_with("cn-") {
        true => format!("sts.{region}.amazonaws.com.cn"),
        false => format!("sts.{region}.amazonaws.com"),
    }
}

/// The headers that the signature adds.
fn signature(
    identity: &aws_smithy_runtime_api::client::identity::Identity,
    url: &str,
    body: &str,
    headers: &[(String, String)],
    region: &str,
) -> Result<Vec<(String, String)>, String> {
    let said = |error: &dyn core::error::Error| error.to_string();
    let params = SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("sts")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| said(&error))?
        .into();
    let signable = SignableRequest::new(
        "POST",
        url,
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Bytes(body.as_bytes()),
    )
    .map_err(|error| said(&error))?;
    let (instructions, _) = sign(signable, &params)
        .map_err(|error| said(&error))?
        .into_parts();
    let mut request = Request::new(());
    instructions.apply_to_request_http1x(&mut request);
    Ok(request
        .headers()
        .iter()
        .filter_map(|(name, value): (_, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    #[test]
    fn the_header_for_vault_is_signed() {
        let credentials = Credentials::new(
            "AKIAEXAMPLE",
            "s3cret",
            Some("t0ken".to_owned()),
            None,
            "test",
        );
        let headers = [
            ("Host".to_owned(), GLOBAL_HOST.to_owned()),
            (
                "X-Vault-AWS-IAM-Server-ID".to_owned(),
                "vault.example.com".to_owned(),
            ),
        ];
        let signed = signature(
            &credentials.into(),
            "https://sts.amazonaws.com/",
            QUESTION,
            &headers,
            GLOBAL_REGION,
        )
        .unwrap();
        let header = |name: &str| {
            let (_, value) = signed.iter().find(|(known, _)| known == name).unwrap();
            value.as_str()
        };
        assert_eq!(header("x-amz-security-token"), "t0ken");
        let authorization = header("authorization");
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"),
            "{authorization}"
        );
        assert!(
            authorization.contains("/us-east-1/sts/aws4_request"),
            "{authorization}"
        );
        assert!(
            authorization.contains(
                "SignedHeaders=host;x-amz-date;x-amz-security-token;x-vault-aws-iam-server-id"
            ),
            "{authorization}"
        );
    }
}
