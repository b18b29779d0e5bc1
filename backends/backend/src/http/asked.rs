use core::fmt;

use http::Request;

use super::client::Tried;
use crate::log::{Public, Timer};
use crate::step;

/// Method and URL for messages; a query may hold what is not for everyone.
pub(super) fn describe(request: &Request<Vec<u8>>) -> String {
    let uri = request.uri();
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            // Whatever is before the `@` is for the server alone.
            let host = authority.as_str().rsplit('@').next().unwrap_or_default();
            format!("{} {scheme}://{host}{}", request.method(), uri.path())
        }
        _ => format!("{} {}", request.method(), uri.path()),
    }
}

/// Says in the log what a request that was [described](describe) came to.
pub(super) fn log(described: &str, tried: &Tried, timer: Timer) {
    let asked = Asked(described);
    match tried {
        Ok(response) => {
            let status = response.status().as_u16();
            step!(
                "http",
                request = asked,
                status = status,
                took = timer.took()
            );
        }
        Err((error, _)) => {
            step!(
                "http",
                request = asked,
                failed = error.kind(),
                took = timer.took()
            );
        }
    }
}

/// A request as [`describe`] has it, for the log.
struct Asked<'a>(&'a str);

impl Public for Asked<'_> {}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_user_nor_a_query_is_told() {
        for (uri, told) in [
            (
                "https://me:s3cret@vault.example.com:8200/v1/secret?key=s3cret",
                "GET https://vault.example.com:8200/v1/secret",
            ),
            ("/v1/secret?key=s3cret", "GET /v1/secret"),
        ] {
            let request = Request::get(uri).body(Vec::new()).unwrap();
            assert_eq!(Asked(&describe(&request)).to_string(), told);
        }
    }
}
