//! The key service over HTTPS: [`Kms`](keyfold_protocol::Kms) for Keyfold's service and for AWS.
//!
//! It finds its settings as the AWS SDKs do, signs, sends and tries again, and gives the answers and errors of
//! `keyfold-protocol`. It does not read the process's environment (an [`Environment`] is handed in), keeps no keys and
//! caches none.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use keyfold_client::{Client, Config, Environment, Options, SystemClock};
//! use keyfold_protocol::{KmsExt as _, operations::DescribeKeyRequest};
//!
//! # async fn describe(environment: &Environment) -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options { region: Some("eu-central-1".to_owned()), ..Options::default() };
//! let client = Client::new(Config::load(&options, environment)?, Arc::new(SystemClock))?;
//! let response = client.send(DescribeKeyRequest::new("alias/backups")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Tries
//!
//! A request is tried three times at most, with random waits of up to 1 s and 2 s in between, as the "standard" mode of
//! the AWS SDKs has it: after failed connections and time-outs, the HTTP statuses 429, 500, 502, 503 and 504, and
//! throttling. That goes for operations that change something, too: **a `CreateKey` whose answer was lost may have made
//! a key that nobody knows of.** A certificate that is not trusted, a refusal, and a quota that is used up
//! (`LimitExceededException`, which the SDKs do try again) are final. After a refusal for its time a request is signed
//! once more by the service's clock.
//!
//! # Limits
//!
//! 5 s for a TCP connection, 30 s for an attempt ([`Config::attempt_timeout`]), 2 MiB for an answer. Idle connections are
//! closed after 15 s.

mod answer;
mod background;
mod client;
mod clock;
mod config;
mod credentials;
mod endpoint;
mod environment;
mod error;
mod http;
mod outgoing;
mod profile;
mod retry;
mod tls;

pub use background::Background;
pub use client::Client;
pub use clock::{Clock, SystemClock};
pub use config::{Config, Options};
pub use endpoint::Endpoint;
pub use environment::Environment;
pub use error::{
    Answered, Cause, ConfigError, CredentialsError, Grammar, InvalidEndpoint, Place, ProcessFault,
    ProfileFault, RequestError,
};
