//! A request as it leaves: to an endpoint, with a body, signed or not.

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use keyfold_protocol::sigv4::{Body, Header, RequestParts, Scope, Service, SigningKey, sign};
use keyfold_protocol::{Region, Timestamp, sigv4::AmzDate};

use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::{Cause, RequestError};

/// Who signs, and for what.
pub(crate) struct Signer<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) region: &'a Region,
    pub(crate) service: Service,
    pub(crate) now: Timestamp,
}

/// `POST` of a body with these headers beside it. All of them are signed, but for `user-agent`.
pub(crate) fn post(
    endpoint: &Endpoint,
    headers: &[(&'static str, &str)],
    body: &Bytes,
    signer: Option<&Signer<'_>>,
) -> Result<Request<Full<Bytes>>, RequestError> {
    let mut request = unsigned(Method::POST, endpoint, headers, body.clone())?;
    let Some(signer) = signer else { return Ok(request) };
    let mut signed: Vec<_> =
        headers.iter().map(|(name, value)| Header::new(name, value.as_bytes())).collect();
    // The host goes with the connection; nothing here sets it a second time.
    signed.push(Header::new("host", endpoint.host().as_bytes()));
    let parts = RequestParts {
        method: "POST",
        path: endpoint.uri().path(),
        query: "",
        headers: &signed,
        body: Body::Bytes(body),
    };
    let Credentials { access_key_id, secret, session_token, .. } = signer.credentials;
    let scope = Scope::new(&AmzDate::at(signer.now), signer.region.clone(), signer.service.clone());
    let key = SigningKey::derive(access_key_id.clone(), secret, scope);
    let signature = sign(&parts, &key, session_token.as_ref(), signer.now)
        .map_err(|error| RequestError::Request(Cause::new(error)))?;
    for (name, value) in signature.headers() {
        let mut value = header_value(value)?;
        value.set_sensitive(true);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// A request without a signature.
pub(crate) fn unsigned(
    method: Method,
    endpoint: &Endpoint,
    headers: &[(&'static str, &str)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, RequestError> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = endpoint.uri().clone();
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::from_static(name), header_value(value)?);
    }
    Ok(request)
}

fn header_value(text: &str) -> Result<HeaderValue, RequestError> {
    HeaderValue::from_str(text).map_err(|error| RequestError::Request(Cause::new(error)))
}

/// The name of the header that says what a body is.
pub(crate) const CONTENT_TYPE: &str = "content-type";
const USER_AGENT_TEXT: &str = concat!("keyfold/", env!("CARGO_PKG_VERSION"));
