//! The `Authorization` header.
//!
//! ```text
//! AWS4-HMAC-SHA256 Credential=id/YYYYMMDD/region/service/aws4_request, SignedHeaders=a;b;c, Signature=64 hex digits
//! ```
//!
//! The parameters may stand in any order, each once; spaces around the commas do not matter. What the names and
//! dates in it are worth is not decided here.

use super::date::DAY_LEN;
use super::error::{AuthParameter, HeaderName, Refusal};
use super::{ALGORITHM, AUTHORIZATION_LEN_MAX, AccessKeyId, SIGNED_HEADERS_MAX, Service, TERMINATOR};
use crate::Region;

/// A well-formed `Authorization` header, believed by nobody yet.
pub(super) struct Authorization<'a> {
    pub(super) access_key_id: AccessKeyId,
    /// [`DAY_LEN`] bytes, of any kind.
    pub(super) day: &'a str,
    pub(super) region: Region,
    pub(super) service: Service,
    /// Sorted, different, in lower case; at most [`SIGNED_HEADERS_MAX`].
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: [u8; SIGNATURE_LEN],
}

impl<'a> Authorization<'a> {
    /// Parses the value of the header.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Refusal> {
        if value.len() > AUTHORIZATION_LEN_MAX {
            return Err(Refusal::Authorization);
        }
        let value = std::str::from_utf8(value).map_err(|_| Refusal::Authorization)?;
        let (algorithm, parameters) = value.split_once(' ').unwrap_or((value, ""));
        if algorithm != ALGORITHM {
            return Err(Refusal::Algorithm);
        }
        let parameters = parameters.trim_matches(' ');
        if parameters.is_empty() {
            return Err(Refusal::MissingParameter(AuthParameter::Credential));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for parameter in parameters.split(',').map(|parameter| parameter.trim_matches(' ')) {
            let (place, name, value) = match parameter.split_once('=') {
                Some(("Credential", value)) => (&mut credential, AuthParameter::Credential, value),
                Some(("SignedHeaders", value)) => (&mut signed_headers, AuthParameter::SignedHeaders, value),
                Some(("Signature", value)) => (&mut signature, AuthParameter::Signature, value),
                _ => return Err(Refusal::Authorization),
            };
            if place.replace(value).is_some() {
                return Err(Refusal::DuplicateParameter(name));
            }
        }
        let required = |value: Option<&'a str>, name| value.ok_or(Refusal::MissingParameter(name));
        let credential = required(credential, AuthParameter::Credential)?;
        let signed_headers = required(signed_headers, AuthParameter::SignedHeaders)?;
        let signature = required(signature, AuthParameter::Signature)?;

        let mut elements = credential.split('/');
        let mut next = || elements.next().ok_or(Refusal::Credential);
        let (access_key_id, day, region, service, terminator) = (next()?, next()?, next()?, next()?, next()?);
        if elements.next().is_some() || day.len() != DAY_LEN {
            return Err(Refusal::Credential);
        }
        if terminator != TERMINATOR {
            return Err(Refusal::Terminator);
        }
        Ok(Self {
            access_key_id: access_key_id.parse().map_err(|_| Refusal::Credential)?,
            day,
            region: region.parse().map_err(|_| Refusal::Credential)?,
            service: service.parse().map_err(|_| Refusal::Credential)?,
            signed_headers: parse_signed_headers(signed_headers)?,
            signature: parse_signature(signature)?,
        })
    }
}

fn parse_signed_headers(list: &str) -> Result<Vec<&str>, Refusal> {
    let names: Vec<&str> = list.split(';').take(SIGNED_HEADERS_MAX + 1).collect();
    let is_name = |name: &&str| HeaderName::new(name).is_some_and(|lower| lower.as_str() == *name);
    let is_valid = names.len() <= SIGNED_HEADERS_MAX
        && names.iter().all(is_name)
        && names.windows(2).all(|pair| pair[0] < pair[1]);
    if is_valid { Ok(names) } else { Err(Refusal::SignedHeaders) }
}

fn parse_signature(digits: &str) -> Result<[u8; SIGNATURE_LEN], Refusal> {
    let mut signature = [0; SIGNATURE_LEN];
    let has_upper_case = digits.bytes().any(|digit| digit.is_ascii_uppercase());
    if has_upper_case || hex::decode_to_slice(digits, &mut signature).is_err() {
        return Err(Refusal::MalformedSignature);
    }
    Ok(signature)
}

pub(super) const SIGNATURE_LEN: usize = 32;
