//! What can be wrong with a configuration, and why a request had no answer.
//!
//! What a service answers is a [`KmsError`](keyfold_protocol::KmsError) with an [`Answered`] as its source; what keeps
//! an answer from coming is one with a [`RequestError`]. No text here has a secret in it.

mod config;
mod credentials;
mod request;

pub use config::{ConfigError, Grammar, InvalidEndpoint};
pub use credentials::{CredentialsError, Place, ProcessFault, ProfileFault};
pub use request::{Answered, Cause, RequestError};
