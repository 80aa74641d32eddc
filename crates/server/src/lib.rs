//! The key service over HTTP and TLS: the AWS KMS API as every AWS SDK speaks it.
//!
//! [`Server`] listens, authenticates with AWS Signature Version 4, bounds everything that comes from outside, and
//! hands requests to a [`Service`]. What an operation does and who may do it is decided there. Not here: where the
//! store is, who starts and stops the process, and where logs go (`tracing` events; none has a secret, a body or a
//! signature in it).
//!
//! ```text
//! listener ─▶ tls ─▶ front: route ─▶ limits ─▶ wire (check) ─▶ authenticate ─▶ limits ─▶ wire ─▶ Service::call_as
//! admin    ─▶ health, metrics                           traces ─▶ a collector
//! ```
//!
//! The truth about the wire is AWS's: the service model in botocore, Smithy's AWS JSON 1.1, and what AWS's own
//! service was recorded to answer.

mod admin;
mod authenticate;
mod config;
mod error;
mod front;
mod limits;
mod listener;
mod local_ca;
mod metrics;
mod record;
mod route;
mod server;
mod shutdown;
mod tls;
mod traces;
mod upkeep;
mod wire;

pub use config::{Config, Limits, Rates, TlsFiles, TlsMin, Transport};
pub use error::{ServeError, TlsError, TracesError};
pub use local_ca::{LocalCa, VALID_DAYS};
pub use server::{Liveness, Server};
pub use traces::{CollectorTrust, Traces, TracesConfig, TracesEncoding};

#[cfg(doc)]
use keyfold_kms::Service;
