//! Why a request is not authentic: one text for the caller, one for the log.
//!
//! The caller gets [`AuthErrorKind`] and [`AuthError::message`], by the names and with the texts that AWS
//! answers where they are known. The log gets [`Refusal`], which says exactly what was wrong and quotes nothing
//! but header names and dates. Neither holds a secret, a session token or a signature.

use std::borrow::Cow;
use std::fmt;

use super::{AmzDate, CLOCK_SKEW_MAX_MS, HEADER_NAME_LEN_MAX, Service};
use crate::Timestamp;

/// A request that did not authenticate. It displays what the caller may see; the [`Refusal`] is its
/// [source](std::error::Error::source).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthError(Refusal);

impl AuthError {
    /// What to answer.
    #[must_use]
    pub fn kind(&self) -> AuthErrorKind {
        self.0.kind()
    }

    /// The message for the caller.
    #[must_use]
    pub fn message(&self) -> Cow<'static, str> {
        self.0.message()
    }

    /// What was wrong, for the log alone: it tells an unknown access key from a wrong signature.
    #[must_use]
    pub fn detail(&self) -> &Refusal {
        &self.0
    }
}

impl From<Refusal> for AuthError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message())
    }
}

impl std::error::Error for AuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// The kind of an authentication error, one per name that AWS has for it. The names are those of the JSON
/// protocols; the Query protocol has others (`SignatureDoesNotMatch`, …), which are its codec's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// The request is not signed.
    MissingAuthenticationToken,
    /// The signature lacks a part, or a part is malformed.
    IncompleteSignature,
    /// The signature does not hold for this request, here and now.
    InvalidSignature,
    /// The session token is not the one that goes with the access key.
    UnrecognizedClient,
    /// The session is over.
    ExpiredToken,
}

impl AuthErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::MissingAuthenticationToken,
        Self::IncompleteSignature,
        Self::InvalidSignature,
        Self::UnrecognizedClient,
        Self::ExpiredToken,
    ];

    /// The name on the wire (`__type`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::ExpiredToken => "ExpiredTokenException",
        }
    }

    /// The HTTP status that goes with it: 400 for all of them, as the JSON 1.1 services of AWS answer.
    #[must_use]
    pub fn http_status(self) -> u16 {
        400
    }
}

impl fmt::Display for AuthErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parameter of the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthParameter {
    /// `Credential=access key id/YYYYMMDD/region/service/aws4_request`
    Credential,
    /// `SignedHeaders=name;name;…`
    SignedHeaders,
    /// `Signature=64 hexadecimal digits`
    Signature,
}

impl AuthParameter {
    /// The name, as in the header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "Credential",
            Self::SignedHeaders => "SignedHeaders",
            Self::Signature => "Signature",
        }
    }
}

impl fmt::Display for AuthParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a header in lower case: 1 to [`HEADER_NAME_LEN_MAX`] token characters (RFC 9110, 5.6.2), so safe
/// in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderName(Box<str>);

impl HeaderName {
    /// `name` in lower case, if it is a name.
    pub(super) fn new(name: &str) -> Option<Self> {
        let is_valid = (1..=HEADER_NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(is_token);
        is_valid.then(|| Self(name.to_ascii_lowercase().into()))
    }

    /// The text of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Exactly what is wrong with a request, for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no `Authorization` header.
    #[error("no Authorization header")]
    NoAuthorization,
    /// The query has a parameter of a presigned request (`X-Amz-…`).
    #[error("signed in the query string, which is not supported")]
    Presigned,
    /// Not `AWS4-HMAC-SHA256`.
    #[error("signed with another algorithm than AWS4-HMAC-SHA256")]
    Algorithm,
    /// The `Authorization` header is too long, or not a list of the three parameters.
    #[error("malformed Authorization header")]
    Authorization,
    /// A parameter of the `Authorization` header is missing.
    #[error("no {0} in the Authorization header")]
    MissingParameter(AuthParameter),
    /// A parameter of the `Authorization` header stands there twice.
    #[error("more than one {0} in the Authorization header")]
    DuplicateParameter(AuthParameter),
    /// The credential is not five elements, each well-formed.
    #[error("malformed Credential")]
    Credential,
    /// The credential does not end in `aws4_request`.
    #[error("Credential does not end in aws4_request")]
    Terminator,
    /// The credential is for another service.
    #[error("Credential is not for {0}")]
    Service(Service),
    /// The credential's day is not that of `x-amz-date`.
    #[error("Credential is not for the day of {0}")]
    ScopeDate(AmzDate),
    /// There is no `x-amz-date` header.
    #[error("no x-amz-date header")]
    NoDate,
    /// `x-amz-date` is not `YYYYMMDDTHHMMSSZ`.
    #[error("malformed x-amz-date header")]
    Date,
    /// Signed too long ago.
    #[error("signed at {signed_at}, too long before {now}")]
    Expired {
        /// `x-amz-date`.
        signed_at: AmzDate,
        /// The verifier's time.
        now: AmzDate,
    },
    /// Signed too far in the future.
    #[error("signed at {signed_at}, too long after {now}")]
    NotYetCurrent {
        /// `x-amz-date`.
        signed_at: AmzDate,
        /// The verifier's time.
        now: AmzDate,
    },
    /// `SignedHeaders` is not a sorted list of different names in lower case, or too long.
    #[error("malformed SignedHeaders")]
    SignedHeaders,
    /// A header named in `SignedHeaders` is not there.
    #[error("header {0} is signed, but not there")]
    SignedHeaderAbsent(HeaderName),
    /// A header is there that must be signed, and is not.
    #[error("header {0} is not signed")]
    UnsignedHeader(HeaderName),
    /// A header that must be there once is there more often.
    #[error("more than one header {0}")]
    DuplicateHeader(HeaderName),
    /// There is no `host` header.
    #[error("no host header")]
    NoHost,
    /// A header's name is empty, too long, or has characters that no name has.
    #[error("malformed header name")]
    HeaderName,
    /// A header's value has control characters, or is not what this header holds.
    #[error("malformed value of header {0}")]
    HeaderValue(HeaderName),
    /// More headers than [`super::HEADERS_MAX`], or longer than [`super::HEADERS_LEN_MAX`].
    #[error("too many headers")]
    TooManyHeaders,
    /// The method is empty, too long, or not in upper-case letters.
    #[error("malformed method")]
    Method,
    /// The path does not start with `/`, or is too long.
    #[error("malformed path")]
    Path,
    /// The query is too long, or can be read in more than one way.
    #[error("malformed query")]
    Query,
    /// A query parameter is there twice.
    #[error("duplicate query parameter")]
    DuplicateQueryParameter,
    /// `x-amz-content-sha256` leaves the body out, or asks for a signed stream.
    #[error("the body is not signed as a whole")]
    UnsignedPayload,
    /// `x-amz-content-sha256` is not the hash of the body.
    #[error("x-amz-content-sha256 is not the hash of the body")]
    BodyHash,
    /// `Signature` is not 64 lower-case hexadecimal digits.
    #[error("malformed Signature")]
    MalformedSignature,
    /// Nobody has this access key.
    #[error("unknown access key")]
    UnknownAccessKey,
    /// The signing key is of another access key or another scope than the request's: the caller's mistake.
    #[error("verified with the key of another access key or scope")]
    KeyOfAnother,
    /// The signature is not that of this request under this key.
    #[error("the signature does not match")]
    SignatureMismatch,
    /// The access key goes with a session token, and there is none.
    #[error("no session token where one is expected")]
    NoSessionToken,
    /// There is a session token, and the access key goes without.
    #[error("a session token where none is expected")]
    UnexpectedSessionToken,
    /// The session token is another one.
    #[error("the session token does not match")]
    SessionTokenMismatch,
    /// The session is over. A verifier does not know that; its caller does.
    #[error("the session is over")]
    SessionExpired,
}

impl Refusal {
    /// What to answer.
    #[must_use]
    pub fn kind(&self) -> AuthErrorKind {
        match self {
            Self::NoAuthorization => AuthErrorKind::MissingAuthenticationToken,
            Self::Presigned
            | Self::Algorithm
            | Self::Authorization
            | Self::MissingParameter(_)
            | Self::DuplicateParameter(_)
            | Self::Credential
            | Self::NoDate
            | Self::Date
            | Self::SignedHeaders
            | Self::DuplicateHeader(_)
            | Self::NoHost
            | Self::HeaderName
            | Self::HeaderValue(_)
            | Self::TooManyHeaders
            | Self::Method
            | Self::Path
            | Self::Query
            | Self::DuplicateQueryParameter
            | Self::MalformedSignature => AuthErrorKind::IncompleteSignature,
            Self::Terminator
            | Self::Service(_)
            | Self::ScopeDate(_)
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::SignedHeaderAbsent(_)
            | Self::UnsignedHeader(_)
            | Self::UnsignedPayload
            | Self::BodyHash
            | Self::UnknownAccessKey
            | Self::KeyOfAnother
            | Self::SignatureMismatch => AuthErrorKind::InvalidSignature,
            Self::NoSessionToken | Self::UnexpectedSessionToken | Self::SessionTokenMismatch => {
                AuthErrorKind::UnrecognizedClient
            }
            Self::SessionExpired => AuthErrorKind::ExpiredToken,
        }
    }

    /// The message for the caller.
    fn message(&self) -> Cow<'static, str> {
        match self {
            Self::NoAuthorization => "Missing Authentication Token".into(),
            Self::Presigned => {
                "Signing in the query string is not supported; sign with the Authorization header.".into()
            }
            Self::Algorithm => {
                "Unsupported AWS 'algorithm': the Authorization header must start with 'AWS4-HMAC-SHA256'."
                    .into()
            }
            Self::Authorization => "The Authorization header is malformed.".into(),
            Self::MissingParameter(parameter) => {
                format!("Authorization header requires '{parameter}' parameter.").into()
            }
            Self::DuplicateParameter(parameter) => {
                format!("Authorization header has more than one '{parameter}' parameter.").into()
            }
            Self::Credential => "Credential must have exactly 5 slash-delimited elements, e.g. \
                                 keyid/date/region/service/term."
                .into(),
            Self::Terminator => "Credential should be scoped with a valid terminator: 'aws4_request'.".into(),
            Self::Service(service) => {
                format!("Credential should be scoped to correct service: '{service}'. ").into()
            }
            Self::ScopeDate(_) => {
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of \
                                   date from HTTP. "
                    .into()
            }
            Self::NoDate => "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                             header; this service takes 'X-Amz-Date' alone."
                .into(),
            Self::Date => "Date must be in ISO-8601 'basic format': YYYYMMDD'T'HHMMSS'Z'.".into(),
            Self::Expired { signed_at, now } => {
                let limit = shifted(now, -1);
                format!("Signature expired: {signed_at} is now earlier than {limit} ({now} - 5 min.)").into()
            }
            Self::NotYetCurrent { signed_at, now } => {
                let limit = shifted(now, 1);
                format!("Signature not yet current: {signed_at} is still later than {limit} ({now} + 5 min.)")
                    .into()
            }
            Self::SignedHeaders => {
                "SignedHeaders must be a sorted list of header names in lower case.".into()
            }
            Self::UnsignedHeader(name) if name.as_str() == super::header::HOST => {
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into()
            }
            Self::UnsignedHeader(_) => {
                "There were headers present in the request which were not signed".into()
            }
            Self::DuplicateHeader(name) => format!("The request has more than one '{name}' header.").into(),
            Self::NoHost => "The request has no 'Host' header.".into(),
            Self::HeaderName => "The name of a header is malformed.".into(),
            Self::HeaderValue(name) => format!("The value of the '{name}' header is malformed.").into(),
            Self::TooManyHeaders => "The headers of the request are too many or too long.".into(),
            Self::Method => "The method of the request is malformed.".into(),
            Self::Path => "The path of the request is malformed or too long.".into(),
            Self::Query => "The query of the request is malformed or too long.".into(),
            Self::DuplicateQueryParameter => "A query parameter is there more than once.".into(),
            Self::UnsignedPayload => {
                "The payload must be signed: 'X-Amz-Content-SHA256' must be the SHA-256 hash of the body."
                    .into()
            }
            Self::MalformedSignature => "Signature must be 64 lower-case hexadecimal digits.".into(),
            Self::SignedHeaderAbsent(_)
            | Self::BodyHash
            | Self::UnknownAccessKey
            | Self::KeyOfAnother
            | Self::SignatureMismatch => {
                "The request signature we calculated does not match the signature you \
                                          provided. Check your AWS Secret Access Key and signing method. \
                                          Consult the service documentation for details."
                    .into()
            }
            Self::NoSessionToken | Self::UnexpectedSessionToken | Self::SessionTokenMismatch => {
                "The security token included in the request is invalid.".into()
            }
            Self::SessionExpired => "The security token included in the request is expired".into(),
        }
    }
}

/// `now` and the greatest skew in a direction.
fn shifted(now: &AmzDate, direction: i64) -> AmzDate {
    let skew = direction.saturating_mul(CLOCK_SKEW_MAX_MS.cast_signed());
    AmzDate::at(Timestamp::from_epoch_ms(now.timestamp().epoch_ms().saturating_add(skew)))
}
