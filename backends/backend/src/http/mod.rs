//! The HTTP client that every networked backend shares: [`Client`], and [`Transport`] for SDKs over it.
//!
//! What it holds to, whatever the store: TLS 1.2 or 1.3 with ring; the system's certificate authorities, or
//! exactly those that were given; no redirect off the origin; plain HTTP to loopback only; a limit on every
//! answer; three tries at most, for what is transient only, or breaks off and is [`Repeatable`]; everything
//! inside the [`Deadline`](crate::Deadline).

mod address;
mod asked;
mod authorities;
mod client;
mod concealed;
mod names;
mod pem;
mod refusal;
mod retry;
mod roots;
mod tls;
mod transport;

pub use address::endpoint;
pub use client::{Client, Repeatable, Settings};
use concealed::Concealed;
#[cfg(any(test, fuzzing))]
pub use pem::fuzzing;
pub use retry::Retry;
pub use roots::Roots;
pub use tls::ClientCertificate;
pub use transport::{Failure, Transport};
