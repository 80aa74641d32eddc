//! An answer that is an error: AWS's name, its text, and the HTTP status.
//!
//! The service's own errors are [`KmsError`]; the front has some more, which no service model lists. Nothing here
//! tells what went wrong inside: that is logged where it is known.

use std::borrow::Cow;

use keyfold_protocol::KmsError;

/// An error, as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its name (`__type`, `Code`).
    pub(crate) name: &'static str,
    /// What it says; a few say nothing.
    pub(crate) message: Option<Cow<'static, str>>,
    /// The HTTP status.
    pub(crate) status: u16,
}

impl Refusal {
    const fn fixed(name: &'static str, status: u16, message: &'static str) -> Self {
        Self { name, message: Some(Cow::Borrowed(message)), status }
    }

    /// Not `POST /`.
    pub(crate) const NO_ROUTE: Self = Self::fixed("UnknownOperationException", 404, "There is nothing here.");
    /// A method that nothing answers to.
    pub(crate) const METHOD: Self =
        Self::fixed("UnknownOperationException", 405, "Only POST is answered here.");
    /// No such operation in the API, or none named.
    pub(crate) const UNKNOWN_OPERATION: Self =
        Self { name: "UnknownOperationException", message: None, status: 400 };
    /// A body that is longer than is read.
    pub(crate) const TOO_LARGE: Self =
        Self::fixed("RequestEntityTooLargeException", 413, "The request body is too large.");
    /// More headers, or longer ones, than are read.
    pub(crate) const HEADERS: Self = Self::fixed(
        "RequestHeaderFieldsTooLargeException",
        431,
        "The request has too many or too long headers.",
    );
    /// A body that did not come in time.
    pub(crate) const TIMEOUT: Self =
        Self::fixed("RequestTimeoutException", 408, "The request body did not arrive in time.");
    /// A body that ended before its length.
    pub(crate) const CUT: Self = Self::fixed("SerializationException", 400, "The request body ended early.");
    /// A body of another kind than the protocol has.
    pub(crate) const MEDIA_TYPE: Self =
        Self::fixed("SerializationException", 415, "The Content-Type is not the protocol's.");
    /// An account that asks more often than it may. The text is AWS's.
    pub(crate) const THROTTLED: Self = Self::fixed(
        "ThrottlingException",
        400,
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    );
    /// Everybody together asks more than can be done; trying again helps.
    pub(crate) const OVERLOADED: Self =
        Self::fixed("ServiceUnavailableException", 503, "The service is overloaded. Try again.");
    /// The server itself failed.
    pub(crate) const INTERNAL: Self = Self::fixed(
        "KMSInternalException",
        500,
        "The request was rejected because an internal error occurred.",
    );

    /// A body that is not what the protocol or the operation has.
    pub(crate) fn serialization(message: impl Into<Cow<'static, str>>) -> Self {
        Self { name: "SerializationException", message: Some(message.into()), status: 400 }
    }

    /// A body that breaks a rule of the service model.
    pub(crate) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self { name: "ValidationException", message: Some(message.into()), status: 400 }
    }

    /// An operation of the API that this service does not have.
    pub(crate) fn not_built(operation: &str) -> Self {
        let message = format!("{operation} is not supported by this service.");
        Self { name: "UnsupportedOperationException", message: Some(message.into()), status: 400 }
    }
}

impl From<&KmsError> for Refusal {
    fn from(error: &KmsError) -> Self {
        Self {
            name: error.kind().as_str(),
            message: error.message().map(|message| Cow::Owned(message.to_owned())),
            status: error.kind().http_status(),
        }
    }
}
