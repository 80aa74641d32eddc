//! A request in the parts that a signature covers, and the rules that hold for one whether it is being signed or
//! verified.
//!
//! The rules leave no two ways to read a request: what stands there twice, or could be decoded in two ways, is
//! refused before anything is computed from it.

use std::fmt;

use keyfold_crypto::digest::Hash;

use super::canonical::Query;
use super::error::{HeaderName, Refusal};
use super::{HEADERS_LEN_MAX, HEADERS_MAX, METHOD_LEN_MAX, PATH_LEN_MAX, header, is_amz};

/// A header as received: the name in any case, the value in bytes.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    /// The name.
    pub name: &'a str,
    /// The value, spaces around it or not.
    pub value: &'a [u8],
}

impl<'a> Header<'a> {
    /// A header.
    #[must_use]
    pub fn new(name: &'a str, value: &'a [u8]) -> Self {
        Self { name, value }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value without spaces and tabs around it, which are no part of it (RFC 9110, 5.5).
    pub(super) fn trimmed(&self) -> &'a [u8] {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = self.value.iter().position(|byte| !is_space(byte)).unwrap_or(self.value.len());
        let end = self.value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
        &self.value[start..end]
    }
}

/// Values can be secret, so the name alone.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({:?})", self.name)
    }
}

/// The body, or what a signature covers of it.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// All of it.
    Bytes(&'a [u8]),
    /// Its SHA-256, computed while it arrived.
    Sha256(&'a [u8; 32]),
}

impl Body<'_> {
    fn hex_sha256(&self) -> String {
        match self {
            Self::Bytes(bytes) => hex::encode(Hash::Sha256.digest(bytes)),
            Self::Sha256(digest) => hex::encode(digest),
        }
    }
}

/// Bodies can be secret.
impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Self::Sha256(_) => f.write_str("Body(hash)"),
        }
    }
}

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The path as it stands in the request, nothing decoded or removed; starts with `/`.
    pub path: &'a str,
    /// The query as it stands in the request, without the `?`; empty if there is none.
    pub query: &'a str,
    /// Every header as received, the repeated ones too. The authority of an HTTP/2 request is its `host`.
    pub headers: &'a [Header<'a>],
    /// The body.
    pub body: Body<'a>,
}

/// What is left to do with parts once their rules hold.
pub(super) struct Checked {
    pub(super) query: Query,
    pub(super) hex_body_sha256: String,
}

impl<'a> RequestParts<'a> {
    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&Header<'a>> {
        self.headers.iter().find(|header| header.is(name))
    }

    /// Checks every rule that asks for nothing but the request: limits, characters, no duplicates of what
    /// matters, no other hash of the body than its own.
    pub(super) fn check(&self) -> Result<Checked, Refusal> {
        self.check_limits()?;
        let query = Query::parse(self.query)?;
        self.check_duplicates()?;
        if self.header(header::HOST).is_none() {
            return Err(Refusal::NoHost);
        }
        let hex_body_sha256 = self.body.hex_sha256();
        if let Some(declared) = self.header(header::CONTENT_SHA256) {
            let declared = declared.trimmed();
            if declared == UNSIGNED_PAYLOAD || declared.starts_with(STREAMING_PREFIX) {
                return Err(Refusal::UnsignedPayload);
            }
            if declared != hex_body_sha256.as_bytes() {
                return Err(Refusal::BodyHash);
            }
        }
        Ok(Checked { query, hex_body_sha256 })
    }

    /// Limits and characters of method, path and headers; those of the query are [`Query::parse`]'s.
    fn check_limits(&self) -> Result<(), Refusal> {
        if !(1..=METHOD_LEN_MAX).contains(&self.method.len())
            || !self.method.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            return Err(Refusal::Method);
        }
        if self.path.len() > PATH_LEN_MAX || !self.path.starts_with('/') {
            return Err(Refusal::Path);
        }
        let len = self
            .headers
            .iter()
            .map(|header| header.name.len().saturating_add(header.value.len()))
            .fold(0, usize::saturating_add);
        if self.headers.len() > HEADERS_MAX || len > HEADERS_LEN_MAX {
            return Err(Refusal::TooManyHeaders);
        }
        if self.headers.iter().any(|header| HeaderName::new(header.name).is_none()) {
            return Err(Refusal::HeaderName);
        }
        Ok(())
    }

    /// A header that decides something is there once: whoever reads the request must not see another one than
    /// the verifier did.
    fn check_duplicates(&self) -> Result<(), Refusal> {
        for (index, header) in self.headers.iter().enumerate() {
            let decides = is_amz(header.name.as_bytes()) || SINGLE.iter().any(|name| header.is(name));
            if decides && self.headers[..index].iter().any(|earlier| earlier.is(header.name)) {
                return Err(refuse(header.name, Refusal::DuplicateHeader));
            }
        }
        Ok(())
    }
}

/// A refusal that names a header.
pub(super) fn refuse(name: &str, refusal: impl FnOnce(HeaderName) -> Refusal) -> Refusal {
    HeaderName::new(name).map_or(Refusal::HeaderName, refusal)
}

/// Headers that may be there once, beside all of `x-amz-*`.
const SINGLE: [&str; 4] = [header::AUTHORIZATION, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::HOST];
const UNSIGNED_PAYLOAD: &[u8] = b"UNSIGNED-PAYLOAD";
const STREAMING_PREFIX: &[u8] = b"STREAMING-";
