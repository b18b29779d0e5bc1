use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use secrecy::SecretString;
use url::Url;

use super::address::{is_metadata, origin};
use super::{Client, Concealed, Settings};
use crate::{Context, Error, Kind};

/// The way to several origins, as one answer of a cloud's may need them: a [`Client`] for each, with what that holds to.
pub struct Transport {
    settings: Settings,
    context: Context,
    clients: Mutex<HashMap<String, Arc<Client>>>,
    concealed: Arc<Concealed>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What the user gets if nothing else helps.
    pub error: Error,
    /// Whether nothing was sent yet, so that another try may help.
    pub is_transient: bool,
}

impl Transport {
    /// The way there by these settings; nothing is opened yet.
    pub fn new(settings: Settings, context: &Context) -> Self {
        Self {
            settings,
            context: context.clone(),
            clients: Mutex::default(),
            concealed: Arc::default(),
        }
    }

    /// Sends a request, as [`Client::send`].
    ///
    /// # Errors
    ///
    /// As [`Client::send`], and [`Kind::Invalid`] where the address must not be talked to.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Error> {
        self.client(&request.uri().to_string())?.send(request).await
    }

    /// Sends a request exactly once, within `limit` and the deadline, for an SDK that signs its requests and tries again
    /// by itself: every answer is handed over as it is.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where there is no whole answer, or where the address must not be talked to.
    pub async fn exchange(
        &self,
        request: Request<Vec<u8>>,
        limit: Option<Duration>,
    ) -> Result<Response<Vec<u8>>, Failure> {
        let client = self
            .client(&request.uri().to_string())
            .map_err(|error| Failure {
                error,
                is_transient: false,
            })?;
        client
            .exchange(request, limit)
            .await
            .map_err(|(error, is_transient)| Failure {
                error,
                is_transient,
            })
    }

    /// Strikes `secret` out of everything that a server says from now on.
    pub fn conceal(&self, secret: &SecretString) {
        self.concealed.add(secret);
    }

    /// What a server said, fit for a message, as [`Client::quote`].
    pub fn quote(&self, said: &str) -> String {
        self.concealed.quote(said)
    }

    fn client(&self, address: &str) -> Result<Arc<Client>, Error> {
        let mut address = Url::parse(address).map_err(|error| {
            Error::new(Kind::Invalid, "can't ask an address that is not a URL")
                .because(error.to_string())
        })?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = origin(&address);
        if let Some(client) = clients.get(&origin) {
            return Ok(Arc::clone(client));
        }
        if !address.username().is_empty() || address.password().is_some() {
            return Err(Error::new(
                Kind::Invalid,
                format!("the address of `{origin}` has a user name or a password in it"),
            )
            .help("what is in an address is written down in many a log: leave it out"));
        }
        // Messages show the address of a client, and a query may hold what is not for everyone.
        address.set_path("/");
        address.set_query(None);
        let mut settings = self.settings.clone();
        // Metadata is served to this machine by its own host, in plain HTTP.
        settings.allow_http |= is_metadata(&address, settings.metadata_host.as_deref());
        let client = Client::new(&address, settings, &self.context)?;
        let client = Arc::new(client.concealing(Arc::clone(&self.concealed)));
        clients.insert(origin, Arc::clone(&client));
        Ok(client)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Deadline, Environment};

    #[test]
    fn plain_http_leaves_this_machine_for_metadata_only() {
        let context = Context {
            environment: Environment::fixed([("", ""); 0], "/"),
            deadline: Deadline::after(Duration::from_secs(5)),
        };
        let settings = Settings {
            metadata_host: Some("metadata.example:8080".to_owned()),
            ..Settings::default()
        };
        let transport = Transport::new(settings, &context);
        for address in [
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::254]/",
            "http://127.0.0.1:5000/",
            "http://metadata.example:8080/computeMetadata/v1/",
        ] {
            transport.client(address).unwrap();
        }
        let again = transport.client("http://127.0.0.1:5000/other").unwrap();
        let first = transport.client("http://127.0.0.1:5000/").unwrap();
        assert!(Arc::ptr_eq(&again, &first));
        let error = transport
            .client("http://sts.eu-west-1.amazonaws.com/")
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
