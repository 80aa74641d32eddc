//! Answers that did not come, and what is known of those that were errors.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::CredentialsError;

/// Why a request has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There are no credentials to sign with.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// There is no address to send to.
    #[error("{region} is not a Region of AWS")]
    NoAddress {
        /// The Region, of the key's ARN.
        region: Box<str>,
    },
    /// The request can't be made.
    #[error("the request can't be made: {0}")]
    Request(Cause),
    /// There is no connection.
    #[error("can't connect to {endpoint}: {cause}")]
    Connect {
        /// The service.
        endpoint: Box<str>,
        /// Why.
        cause: Cause,
    },
    /// The certificate of the service is not trusted, or TLS can't be agreed on.
    #[error("can't trust {endpoint}: {cause}")]
    Untrusted {
        /// The service.
        endpoint: Box<str>,
        /// Why.
        cause: Cause,
    },
    /// The connection broke.
    #[error("the connection to {endpoint} broke: {cause}")]
    Broken {
        /// The service.
        endpoint: Box<str>,
        /// Why.
        cause: Cause,
    },
    /// No answer came in time.
    #[error("no answer from {endpoint} within {timeout_ms} ms")]
    Timeout {
        /// The service.
        endpoint: Box<str>,
        /// How long was waited.
        timeout_ms: u128,
    },
    /// An answer that is longer than is read.
    #[error("the answer of {endpoint} is longer than {len_max} bytes")]
    TooLong {
        /// The service.
        endpoint: Box<str>,
        /// How long it may be.
        len_max: usize,
    },
    /// An answer that is not one to the request.
    #[error("{endpoint} gave an answer that means nothing here (HTTP status {status})")]
    Answer {
        /// The service.
        endpoint: Box<str>,
        /// The HTTP status.
        status: u16,
    },
    /// What the client runs on is gone.
    #[error("the client has stopped")]
    Stopped,
}

/// Which answer of a service an error was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The id that the service gave to the request.
    pub request_id: Option<Box<str>>,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request_id {
            Some(id) => write!(f, "HTTP status {}, request {id}", self.status),
            None => write!(f, "HTTP status {}", self.status),
        }
    }
}

impl Error for Answered {}

/// An error of something underneath. It says what was first: "connection refused", not that a request failed.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }

    /// Whether there is an error of this type in the chain.
    pub(crate) fn has<E: Error + 'static>(&self) -> bool {
        self.chain().any(|error| error.is::<E>())
    }

    fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let first: &(dyn Error + 'static) = &*self.0;
        std::iter::successors(Some(first), |error| beneath(*error))
    }
}

/// What an error comes from. An I/O error hides what it was made of from its own source.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.chain().last().map(ToString::to_string).unwrap_or_default();
        // Without the number that Rust adds to what the system says.
        match text.split_once(" (os error") {
            Some((text, _)) => f.write_str(&text.to_lowercase()),
            None => f.write_str(&text),
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Cause {}
