//! Who calls: the one place where a request turns into a [`Caller`].
//!
//! The signature is judged by [`keyfold_protocol::sigv4`]; here a request is taken apart for it, and the access key
//! is looked up, or the session token opened that has it. An access key that nobody has, one that is switched off and
//! a wrong signature have one answer, after the same work. A session token that is not ours, or whose role is gone,
//! has an answer of its own, as there is no telling a signature wrong then; that a session is over is told to who has
//! signed rightly.

use hyper::HeaderMap;
use hyper::header::HOST;
use hyper::http::request::Parts;
use keyfold_kms::principals::AccessKeyId;
use keyfold_kms::{Caller, Principal, Service};
use keyfold_protocol::sigv4::{
    AuthError, Body, Claims, Expected, Header, InvalidCredential, Refusal as NotAuthentic, RequestParts,
    SecretAccessKey, Service as ServiceName, SessionToken, UnverifiedRequest,
};
use keyfold_protocol::{KmsError, Timestamp};

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

    // Not in the form of ours, so nobody's.
    let id = claims.access_key_id().as_str().parse::<AccessKeyId>().ok();
    let found = id.as_ref().map_or(Ok(None), |id| find(service, id, &claims)).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "access keys can't be looked up");
        Refusal::INTERNAL
    })?;
    let key = claims.derive_key(found.as_ref().map(|found| &found.secret));
    let session = found.as_ref().and_then(|found| found.session.as_ref());
    let session_token = session.map(|session| &session.token);
    let verified = claims.verify(key.as_ref().map(|key| Expected { key, session_token }));
    match (verified, &found) {
        (Ok(_), _) if session.is_some_and(|session| session.expiration <= now) => {
            Err(refusal(&NotAuthentic::SessionExpired.into()))
        }
        (Ok(verified), Some(found)) => {
            let mut caller = Caller::new(found.principal.clone(), verified.region().clone());
            if let Principal::User { .. } = found.principal {
                caller.access_key = id;
            }
            Ok(caller)
        }
        (Ok(_), None) => Err(Refusal::INTERNAL),
        (Err(_), None) if id.is_some_and(|id| id.is_temporary()) => Err(nobody()),
        (Err(error), _) => Err(refusal(&error)),
    }
}

/// The answer to credentials that are nobody's any more.
pub(crate) fn nobody() -> Refusal {
    refusal(&NotAuthentic::SessionTokenMismatch.into())
}

/// What a signature is verified with.
struct Found {
    secret: SecretAccessKey,
    principal: Principal,
    session: Option<Session>,
}

struct Session {
    token: SessionToken,
    expiration: Timestamp,
}

/// Who has the access key that a request claims to be signed with: it is kept, or a session token has it.
fn find(service: &Service, id: &AccessKeyId, claims: &Claims<'_>) -> Result<Option<Found>, KmsError> {
    let invalid = |error: InvalidCredential| KmsError::internal(error);
    if !id.is_temporary() {
        let Some(key) = pollster::block_on(service.find_access_key(id))? else { return Ok(None) };
        let secret = SecretAccessKey::copied_from(key.secret.expose()).map_err(invalid)?;
        return Ok(Some(Found { secret, principal: key.principal, session: None }));
    }
    let Some(token) = claims.session_token() else { return Ok(None) };
    let Some(opened) = pollster::block_on(service.open_session(id, token))? else { return Ok(None) };
    let secret = SecretAccessKey::copied_from(opened.secret.expose()).map_err(invalid)?;
    let token = SessionToken::copied_from(token).map_err(invalid)?;
    let session = Session { token, expiration: opened.expiration };
    Ok(Some(Found { secret, principal: opened.principal, session: Some(session) }))
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
