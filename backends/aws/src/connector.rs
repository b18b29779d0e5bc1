//! The SDK's requests over the HTTP client that all backends share.

use core::time::Duration;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use cargo_credential_bridge_backend::http::{Failure, Transport};
use cargo_credential_bridge_backend::{Error, Kind};

/// Where nothing answers for an instance's metadata, nobody waits for it longer than this: a machine outside of AWS,
/// or a pod that is kept from it.
const METADATA_LIMIT: Duration = Duration::from_secs(1);

/// The HTTP client of the SDK.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    transport: Arc<Transport>,
    /// Set when nothing answered for metadata. Region and keys are asked for one after the other, and one wait is enough.
    metadata_is_silent: Arc<AtomicBool>,
    /// The HTTP status of the last answer, 0 if nothing answered the last request. Not all of the SDK's errors keep it.
    last_status: Arc<AtomicU16>,
    limit: Option<Duration>,
    /// Where requests are noted instead of sent.
    noted: Option<Noted>,
}

/// Requests that were not sent, by method and URL.
pub(crate) type Noted = Arc<Mutex<Vec<(String, String)>>>;

impl Connector {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self {
            transport,
            metadata_is_silent: Arc::default(),
            last_status: Arc::default(),
            limit: None,
            noted: None,
        }
    }

    /// A connector that sends nothing: what should be sent is noted, and fails.
    pub(crate) fn noting(transport: Arc<Transport>, noted: Noted) -> Self {
        Self {
            noted: Some(noted),
            ..Self::new(transport)
        }
    }

    /// Forgets the last answer: what is asked from here on is another matter.
    pub(crate) fn forget_status(&self) {
        self.last_status.store(0, Ordering::Relaxed);
    }

    /// The HTTP status of the last answer since [`Self::forget_status`], where the last request had one.
    pub(crate) fn last_status(&self) -> Option<u16> {
        Some(self.last_status.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        // Nothing that is asked here streams what it sends.
        let body = body.bytes().map(<[u8]>::to_vec).unwrap_or_default();
        if let Some(noted) = &self.noted {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.push((head.method.to_string(), head.uri.to_string()));
            let error = Error::new(Kind::NotAvailable, "nothing is sent");
            return Err(ConnectorError::other(error.into(), None));
        }
        let is_metadata = is_metadata(head.uri.path());
        if is_metadata && self.metadata_is_silent.load(Ordering::Relaxed) {
            return Err(ConnectorError::other(
                Error::new(Kind::NotAvailable, "no instance metadata here").into(),
                None,
            ));
        }
        let limit = match (is_metadata, self.limit) {
            (true, limit) => Some(limit.map_or(METADATA_LIMIT, |limit| limit.min(METADATA_LIMIT))),
            (false, limit) => limit,
        };
        let request = http::Request::from_parts(head, body);
        self.forget_status();
        match self.transport.exchange(request, limit).await {
            Ok(response) => {
                let status = response.status().as_u16();
                self.last_status.store(status, Ordering::Relaxed);
                response.map(SdkBody::from).try_into().map_err(
                    |error: aws_smithy_runtime_api::http::HttpError| {
                        ConnectorError::other(error.into(), None)
                    },
                )
            }
            Err(Failure {
                error,
                is_transient,
            }) => {
                if is_metadata {
                    self.metadata_is_silent.store(true, Ordering::Relaxed);
                }
                Err(if is_transient {
                    ConnectorError::io(error.into())
                } else {
                    ConnectorError::other(error.into(), None)
                })
            }
        }
    }
}

/// The paths of the instance metadata service, which may have another address than the usual one.
fn is_metadata(path: &str) -> bool {
    path.ends_with("/latest/api/token") || path.contains("/latest/meta-data/")
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // The shared client has its own limit for connecting, so the SDK's two are one.
        let limit = settings
            .read_timeout()
            .map(|read| read + settings.connect_timeout().unwrap_or_default());
        SharedHttpConnector::new(Self {
            limit,
            ..self.clone()
        })
    }
}
