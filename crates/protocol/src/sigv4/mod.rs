//! AWS Signature Version 4: signing requests and verifying them, over one canonical form.
//!
//! It is no HTTP: requests come as method, path, query, headers and body. It asks no clock, looks up no key and
//! keeps no state, so a request that is sent twice within [`CLOCK_SKEW_MAX_MS`] verifies twice; who needs more
//! than that makes the operation idempotent. Only the `Authorization` header with `AWS4-HMAC-SHA256` is
//! understood, with the path rules of every service but S3. The truth is the AWS guide "Signature Version 4
//! signing process" and its signing test suite; where this verifier asks for more than AWS does, the rule says
//! so.
//!
//! # Verifying
//!
//! Each step has a type that only the step before can make. Everything that needs no secret is checked before
//! the key is looked up, and everything that needs one is one comparison afterwards, so an access key that
//! nobody has and a signature that is wrong have one answer, after the same work:
//!
//! ```
//! use keyfold_protocol::Timestamp;
//! use keyfold_protocol::sigv4::{
//!     AuthError, Expected, RequestParts, SecretAccessKey, Service, UnverifiedRequest, Verified,
//! };
//!
//! fn authenticate(
//!     parts: RequestParts<'_>,
//!     now: Timestamp,
//!     find: impl Fn(&str) -> Option<SecretAccessKey>,
//! ) -> Result<Verified, AuthError> {
//!     let claims = UnverifiedRequest::new(parts).claims(&Service::KMS, now)?;
//!     let secret = find(claims.access_key_id().as_str());
//!     let key = claims.derive_key(secret.as_ref());
//!     claims.verify(key.as_ref().map(|key| Expected { key, session_token: None }))
//! }
//! ```
//!
//! # What is signed
//!
//! ```text
//! string to sign                      canonical request
//! ──────────────                      ─────────────────
//! AWS4-HMAC-SHA256 ⏎                  method ⏎
//! YYYYMMDDTHHMMSSZ ⏎                  path ⏎
//! YYYYMMDD/region/service/            query ⏎
//!     aws4_request ⏎                  name:value ⏎         for each signed header, sorted
//! hex SHA-256(canonical request)      ⏎
//!                                     name;name;… ⏎
//!                                     hex SHA-256(body)
//!
//! key       = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, YYYYMMDD), region), service), "aws4_request")
//! signature = hex HMAC(key, string to sign)                                 HMAC with SHA-256
//! ```
//!
//! * **path**: empty and dot segments removed (RFC 3986, 5.2.4), then every byte but unreserved ones and `/`
//!   percent-encoded, those of an encoding already there included.
//! * **query**: names and values decoded, encoded again in the one way, sorted by name.
//! * **headers**: name in lower case; value without surrounding spaces, each run of spaces as one space; the
//!   values of a repeated name joined by commas in the order they came in.
//!
//! # What verifies alike
//!
//! A signature covers the canonical form, so these, and only these, differences leave a request valid: the order
//! of headers of different names; the case of header names; spaces at the ends of a header value, and how many
//! there are between its words; a repeated header as one with commas; headers that are not signed and need not
//! be; the order of parameters in `Authorization` and the spaces after its commas; path segments that
//! normalisation removes; the order of query parameters, another percent-encoding of the same bytes, `a` for
//! `a=`. A service routes on the exact path, not on what normalises to it.

mod authorization;
mod canonical;
mod credential;
mod date;
mod error;
mod request;
mod sign;
mod verify;

pub use credential::{
    AccessKeyId, InvalidCredential, Scope, SecretAccessKey, Service, SessionToken, SigningKey,
};
pub use date::AmzDate;
pub use error::{AuthError, AuthErrorKind, AuthParameter, HeaderName, Refusal};
pub use request::{Body, Header, RequestParts};
pub use sign::{SignError, Signature, sign};
pub use verify::{Claims, Expected, UnverifiedRequest, Verified};

/// How far a signature's time may be from the verifier's, either way and inclusive, in milliseconds. Five
/// minutes, as AWS has it for everything but S3.
pub const CLOCK_SKEW_MAX_MS: u64 = 5 * 60 * 1000;

// Limits on what comes from outside, in bytes where nothing else is said. AWS documents few of them; each is
// several times what any SDK sends to a key service.

/// Length of a method.
pub const METHOD_LEN_MAX: usize = 16;
/// Length of a path, as received.
pub const PATH_LEN_MAX: usize = 2048;
/// Length of a query, as received.
pub const QUERY_LEN_MAX: usize = 4096;
/// Number of query parameters.
pub const QUERY_PARAMETERS_MAX: usize = 64;
/// Number of headers.
pub const HEADERS_MAX: usize = 100;
/// Length of a header's name.
pub const HEADER_NAME_LEN_MAX: usize = 128;
/// Length of all headers' names and values.
pub const HEADERS_LEN_MAX: usize = 32 * 1024;
/// Length of the `Authorization` header's value: as many signed names, as long as there may be, and the rest.
pub const AUTHORIZATION_LEN_MAX: usize = SIGNED_HEADERS_MAX * (HEADER_NAME_LEN_MAX + 1) + 1024;
/// Number of names in `SignedHeaders`.
pub const SIGNED_HEADERS_MAX: usize = 64;
/// Length of an access key id (IAM API reference: `accessKeyIdType`, 16 to 128).
pub const ACCESS_KEY_ID_LEN_MAX: usize = 128;
/// Length of a secret access key; those of AWS have 40.
pub const SECRET_ACCESS_KEY_LEN_MAX: usize = 128;
/// Length of a service's name in a credential scope.
pub const SERVICE_LEN_MAX: usize = 64;
/// Length of a session token. AWS promises no maximum; theirs have less than 4096.
pub const SESSION_TOKEN_LEN_MAX: usize = 8192;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// Names of headers, in lower case.
mod header {
    pub(super) const AUTHORIZATION: &str = "authorization";
    pub(super) const CONTENT_LENGTH: &str = "content-length";
    pub(super) const CONTENT_TYPE: &str = "content-type";
    pub(super) const HOST: &str = "host";
    pub(super) const CONTENT_SHA256: &str = "x-amz-content-sha256";
    pub(super) const DATE: &str = "x-amz-date";
    pub(super) const SECURITY_TOKEN: &str = "x-amz-security-token";
    /// What every header (and query parameter) that means something to AWS starts with.
    pub(super) const AMZ_PREFIX: &str = "x-amz-";
}

/// Whether `name` starts with `x-amz-` in any case.
fn is_amz(name: &[u8]) -> bool {
    name.get(..header::AMZ_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(header::AMZ_PREFIX.as_bytes()))
}
