//! Which operation a request is for: the one table of routes.
//!
//! ```text
//! POST /   X-Amz-Target: TrentService.<Op>               AWS JSON 1.1   KMS
//! POST /   application/x-www-form-urlencoded, no target  AWS Query      STS GetCallerIdentity
//! ```
//!
//! Nothing else is answered. Every route goes through the one authentication in [`crate::authenticate`].

use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use keyfold_protocol::operations::{KNOWN_OPERATIONS, OperationName};
use keyfold_protocol::sigv4::Service;

use crate::wire::{Refusal, json, query};

/// What a request is for, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// An operation of the key service that is built.
    Kms(OperationName),
    /// An operation of the key service that is not.
    NotBuilt(&'static str),
    /// STS's GetCallerIdentity.
    CallerIdentity,
}

impl Route {
    /// Finds the route. Which protocol an error is answered in depends on no more than the media type.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Refusal> {
        if parts.uri.path() != "/" || parts.uri.query().is_some() {
            return Err(Refusal::NO_ROUTE);
        }
        if parts.method != Method::POST {
            return Err(Refusal::METHOD);
        }
        let Some(target) = only(&parts.headers, "x-amz-target")? else {
            return if is_query(&parts.headers) {
                Ok(Self::CallerIdentity)
            } else {
                Err(Refusal::UNKNOWN_OPERATION)
            };
        };
        if media_type(&parts.headers) != Some(json::MEDIA_TYPE) {
            return Err(Refusal::MEDIA_TYPE);
        }
        let name = target.strip_prefix("TrentService.").ok_or(Refusal::UNKNOWN_OPERATION)?;
        match name.parse() {
            Ok(operation) => Ok(Self::Kms(operation)),
            Err(_) => KNOWN_OPERATIONS
                .iter()
                .find(|known| **known == name)
                .map(|known| Self::NotBuilt(known))
                .ok_or(Refusal::UNKNOWN_OPERATION),
        }
    }

    /// The name of the operation, for logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kms(operation) => operation.as_str(),
            Self::NotBuilt(name) => name,
            Self::CallerIdentity => "GetCallerIdentity",
        }
    }

    /// The service that a signature must be for.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::Kms(_) | Self::NotBuilt(_) => Service::KMS,
            Self::CallerIdentity => Service::STS,
        }
    }
}

/// Whether the caller speaks AWS Query.
pub(crate) fn is_query(headers: &HeaderMap) -> bool {
    media_type(headers) == Some(query::MEDIA_TYPE)
}

/// The media type of the body, without parameters.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim_end())
}

/// The value of a header that may be there once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refusal::UNKNOWN_OPERATION),
        (Some(_), Some(_)) => Err(Refusal::UNKNOWN_OPERATION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Route, &'static str> {
        let mut request = hyper::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Route::of(&request.body(()).unwrap().into_parts().0).map_err(|refusal| refusal.name)
    }

    #[test]
    fn one_spelling_of_each() {
        let json = ("content-type", json::MEDIA_TYPE);
        let target = |target: &str| route("POST", "/", &[json, ("x-amz-target", target)]);
        assert_eq!(target("TrentService.Decrypt"), Ok(Route::Kms(OperationName::Decrypt)));
        assert_eq!(target("TrentService.UpdatePrimaryRegion"), Ok(Route::NotBuilt("UpdatePrimaryRegion")));
        for unknown in ["TrentService.decrypt", "Decrypt", "TrentService.", "", "TrentService.Decrypt "] {
            assert_eq!(target(unknown), Err("UnknownOperationException"), "{unknown:?}");
        }
        let twice =
            [json, ("x-amz-target", "TrentService.Decrypt"), ("X-Amz-Target", "TrentService.Decrypt")];
        assert_eq!(route("POST", "/", &twice), Err("UnknownOperationException"));
        assert_eq!(route("POST", "/", &[twice[1]]), Err("SerializationException"));
        for (method, uri) in [("GET", "/"), ("POST", "/x"), ("POST", "/?x"), ("POST", "//"), ("PUT", "/")] {
            assert_eq!(route(method, uri, &twice[..2]), Err("UnknownOperationException"), "{method} {uri}");
        }
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(route("POST", "/", &[form]), Ok(Route::CallerIdentity));
    }
}
