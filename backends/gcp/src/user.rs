//! A user who has logged in with gcloud on this machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cargo_credential_bridge_backend::{Error, ExposeSecret as _, SecretString};

use crate::credentials_file::CredentialsFile;
use crate::error::Action;
use crate::login::Login;
use crate::session::{Ask, Session};
use crate::sts::Granted;

/// Google's token endpoint, for a file that names none.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// What a sign-in is renewed with.
struct SignIn<'a> {
    id: &'a str,
    secret: &'a SecretString,
    refresh: &'a SecretString,
}

/// The access token of a Google account, for its refresh token (RFC 6749, section 6).
pub(crate) async fn login(file: &CredentialsFile, session: &Session) -> Result<Login, Error> {
    let SignIn {
        id,
        secret,
        refresh,
    } = SignIn::of(file, session)?;
    let url = token_uri(file);
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", id),
        ("client_secret", secret.expose_secret()),
        ("refresh_token", refresh.expose_secret()),
    ];
    granted(Ask::form(url, &fields), file, session).await
}

/// Where the sign-in of a Google account is renewed.
pub(crate) fn token_uri(file: &CredentialsFile) -> &str {
    file.content.token_uri.as_deref().unwrap_or(TOKEN_URI)
}

/// The access token of a workforce pool's user, which STS renews for its client.
pub(crate) async fn workforce_login(
    file: &CredentialsFile,
    session: &Session,
) -> Result<Login, Error> {
    let SignIn {
        id,
        secret,
        refresh,
    } = SignIn::of(file, session)?;
    let url = file.need("token_url", file.content.token_url.as_deref())?;
    let client = STANDARD
        .encode(format!("{id}:{}", secret.expose_secret()))
        .into();
    session.transport.conceal(&client);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.expose_secret()),
    ];
    let ask = Ask::form(url, &fields).authorized("Basic", &client);
    granted(ask, file, session).await
}

impl<'a> SignIn<'a> {
    /// What is in the file; nobody gets to say it.
    fn of(file: &'a CredentialsFile, session: &Session) -> Result<Self, Error> {
        let content = &file.content;
        let sign_in = Self {
            id: file.need("client_id", content.client_id.as_deref())?,
            secret: file.need("client_secret", content.client_secret.as_ref())?,
            refresh: file.need("refresh_token", content.refresh_token.as_ref())?,
        };
        for concealed in [sign_in.secret, sign_in.refresh] {
            session.transport.conceal(concealed);
        }
        Ok(sign_in)
    }
}

async fn granted(ask: Ask<'_>, file: &CredentialsFile, session: &Session) -> Result<Login, Error> {
    let action = Action::Refresh {
        origin: &file.origin,
    };
    let answer = session.granted(ask, &action).await?;
    let token = answer.read::<Granted>()?.token(&answer.asked)?;
    Ok(Login::new(token, None))
}
