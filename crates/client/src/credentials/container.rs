//! Containers: a service on the machine, at an address in the environment, gives credentials (Amazon ECS and EKS).
//!
//! The address is one of AWS's own, or this machine, or it has `https`: a variable must not send a token across a
//! network in the open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use zeroize::Zeroizing;

use super::document::Document;
use super::sts::token;
use super::{Asking, Credentials};
use crate::endpoint::Endpoint;
use crate::environment::{Environment, var};
use crate::error::{ConfigError, CredentialsError, Place, RequestError};
use crate::outgoing;
use crate::retry::{self, Verdict};

/// The service of a container.
pub(crate) struct Container {
    endpoint: Endpoint,
    authorization: Authorization,
}

/// What is sent as `authorization`.
enum Authorization {
    None,
    Text(Zeroizing<String>),
    /// A file whose content is replaced now and then.
    File(PathBuf),
}

impl Container {
    /// The service that the environment names, if it does.
    pub(super) fn find(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let (variable, text) = if let Some(path) = environment.get(var::CONTAINER_RELATIVE_URI) {
            (var::CONTAINER_RELATIVE_URI, format!("http://{ECS}{path}"))
        } else if let Some(url) = environment.get(var::CONTAINER_FULL_URI) {
            (var::CONTAINER_FULL_URI, url.to_owned())
        } else {
            return Ok(None);
        };
        let endpoint = Endpoint::parse_any(&text).map_err(|reason| ConfigError::endpoint(&text, reason))?;
        let is_known = endpoint.ip().is_some_and(|ip| [IpAddr::V4(ECS), EKS, EKS_IPV6].contains(&ip));
        if !endpoint.is_https() && !endpoint.is_loopback() && !is_known {
            return Err(CredentialsError::ContainerAddress { variable }.into());
        }
        let authorization = if let Some(path) = environment.get(var::CONTAINER_AUTHORIZATION_TOKEN_FILE) {
            Authorization::File(PathBuf::from(path))
        } else if let Some(text) = environment.get(var::CONTAINER_AUTHORIZATION_TOKEN) {
            Authorization::Text(Zeroizing::new(text.to_owned()))
        } else {
            Authorization::None
        };
        Ok(Some(Self { endpoint, authorization }))
    }

    pub(super) async fn fetch(&self, asking: &Asking<'_>) -> Result<Credentials, CredentialsError> {
        let authorization = match &self.authorization {
            Authorization::None => None,
            Authorization::Text(text) => Some(text.clone()),
            Authorization::File(path) => Some(token(path)?),
        };
        let headers: Vec<_> = authorization.iter().map(|text| ("authorization", text.trim())).collect();
        asking.retry.run(|| self.attempt(asking, &headers)).await
    }

    async fn attempt(
        &self,
        asking: &Asking<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<Credentials, (Verdict, CredentialsError)> {
        let failed = |error: RequestError| {
            let source = Box::new(error);
            (Verdict::from(&*source), CredentialsError::Service { place: Place::Container, source })
        };
        let request =
            outgoing::unsigned(Method::GET, &self.endpoint, headers, Bytes::new()).map_err(failed)?;
        let answer = asking.http.send(&self.endpoint, request, asking.timeout).await.map_err(failed)?;
        let document = Document::parse(&answer.body).filter(|_| answer.status == 200);
        let Some(document) = document else {
            let error =
                RequestError::Answer { endpoint: crate::http::shown(&self.endpoint), status: answer.status };
            return Err((retry::of_answer(answer.status, None), failed(error).1));
        };
        document.credentials(&Place::Container).map_err(|error| (Verdict::Final, error))
    }
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Container({})", self.endpoint)
    }
}

const ECS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
const EKS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23));
const EKS_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23));
