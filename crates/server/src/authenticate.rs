//! Who calls: the one place where a request turns into a [`Caller`].
//!
//! The signature is judged by [`keyfold_protocol::sigv4`]; here a request is taken apart for it, and the access key
//! is looked up. An access key that nobody has, one that is switched off and a wrong signature have one answer, after
//! the same work.

use hyper::HeaderMap;
use hyper::header::HOST;
use hyper::http::request::Parts;
use keyfold_kms::{Caller, Service};
use keyfold_protocol::Timestamp;
use keyfold_protocol::sigv4::{
    AuthError, Body, Expected, Header, RequestParts, SecretAccessKey, Service as ServiceName,
    UnverifiedRequest,
};

use crate::wire::Refusal;

/// Authenticates a request that is for `service_name`, or tells what to answer.
pub(crate) fn authenticate(
    service: &Service,
    service_name: &ServiceName,
    now: Timestamp,
    parts: &Parts,
    body: &[u8],
) -> Result<Caller, Refusal> {
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let headers = headers(&parts.headers, authority)?;
    let request = RequestParts {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
        body: Body::Bytes(body),
    };
    let claims =
        UnverifiedRequest::new(request).claims(service_name, now).map_err(|error| refusal(&error))?;

    let found = match claims.access_key_id().as_str().parse() {
        Ok(id) => pollster::block_on(service.find_access_key(&id)).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "access keys can't be looked up");
            Refusal::INTERNAL
        })?,
        // Not in the form of ours, so nobody's.
        Err(_) => None,
    };
    let secret = found.as_ref().and_then(|key| SecretAccessKey::copied_from(key.secret.expose()).ok());
    let key = claims.derive_key(secret.as_ref());
    let verified = claims.verify(key.as_ref().map(|key| Expected { key, session_token: None }));
    match (verified, found) {
        (Ok(verified), Some(found)) => Ok(Caller::new(found.principal, verified.region().clone())),
        (Ok(_), None) => Err(Refusal::INTERNAL),
        (Err(error), _) => Err(refusal(&error)),
    }
}

/// The headers, with the authority of HTTP/2 as the `host` that it stands for.
fn headers<'h>(headers: &'h HeaderMap, authority: Option<&'h str>) -> Result<Vec<Header<'h>>, Refusal> {
    let mut all: Vec<_> =
        headers.iter().map(|(name, value)| Header::new(name.as_str(), value.as_bytes())).collect();
    match (authority, headers.get(HOST)) {
        (Some(authority), None) => all.push(Header::new("host", authority.as_bytes())),
        (Some(authority), Some(host)) if host.as_bytes() != authority.as_bytes() => {
            return Err(Refusal::serialization(
                "The request is for one host by its target and for another by Host.",
            ));
        }
        _ => {}
    }
    Ok(all)
}

/// What the caller may know; the rest goes to the log.
fn refusal(error: &AuthError) -> Refusal {
    tracing::info!(why = %error.detail(), "not authentic");
    Refusal {
        name: error.kind().as_str(),
        message: Some(error.message()),
        status: error.kind().http_status(),
    }
}
