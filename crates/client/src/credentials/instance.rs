//! Instances: the metadata service of Amazon EC2, version 2 alone, gives the credentials of the instance's role.
//!
//! A token is fetched with `PUT`, which a tricked proxy does not send, and goes with every question after it. The
//! truth is the EC2 user guide, "Use the Instance Metadata Service".

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use zeroize::Zeroizing;

use super::document::Document;
use super::{Asking, Credentials};
use crate::endpoint::Endpoint;
use crate::environment::{Environment, var};
use crate::error::{ConfigError, CredentialsError, InvalidEndpoint, Place, RequestError};
use crate::outgoing;

/// The metadata service.
#[derive(Debug)]
pub(crate) struct Instance {
    endpoint: Endpoint,
    /// For the text that there are no credentials.
    profile: Box<str>,
}

impl Instance {
    /// The service, unless the environment forbids to ask it.
    pub(super) fn find(environment: &Environment, profile: &str) -> Result<Option<Self>, ConfigError> {
        if environment.flag(var::METADATA_DISABLED)?.unwrap_or(false) {
            return Ok(None);
        }
        let text = environment.get(var::METADATA_ENDPOINT).unwrap_or(ADDRESS);
        let invalid = |reason| ConfigError::endpoint(text, reason);
        let endpoint = Endpoint::parse_any(text).map_err(invalid)?;
        let is_known = [ADDRESS, ADDRESS_IPV6].contains(&endpoint.to_string().as_str());
        if !endpoint.is_https() && !endpoint.is_loopback() && !is_known {
            return Err(invalid(InvalidEndpoint::PlainHttp));
        }
        Ok(Some(Self { endpoint, profile: profile.into() }))
    }

    pub(super) async fn fetch(&self, asking: &Asking<'_>) -> Result<Credentials, CredentialsError> {
        // No answer at all: this is no instance.
        let nobody = |_| CredentialsError::None { profile: self.profile.clone() };
        let ttl = [("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_S)];
        let token = self.ask(asking, Method::PUT, TOKEN, &ttl).await.map_err(nobody)?;
        let failed = |error| CredentialsError::Service { place: Place::Instance, source: Box::new(error) };
        let token = self.text(&token).map_err(failed)?;
        let headers = [("x-aws-ec2-metadata-token", token)];
        let role = self.ask(asking, Method::GET, ROLES, &headers).await.map_err(failed)?;
        let role = self.text(&role).map_err(failed)?;
        let path = format!("{ROLES}{}", role.lines().next().unwrap_or_default());
        let document = self.ask(asking, Method::GET, &path, &headers).await.map_err(failed)?;
        let document = Document::parse(&document).ok_or_else(|| failed(self.odd_answer(200)))?;
        match document.code.as_deref() {
            None | Some("Success") => document.credentials(&Place::Instance),
            Some(code) => Err(CredentialsError::Refused { place: Place::Instance, answer: code.into() }),
        }
    }

    async fn ask(
        &self,
        asking: &Asking<'_>,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Zeroizing<Vec<u8>>, RequestError> {
        let endpoint = self.endpoint.with_path(path).ok_or_else(|| self.odd_answer(200))?;
        let request = outgoing::unsigned(method, &endpoint, headers, Bytes::new())?;
        let answer = asking.http.send(&endpoint, request, TIMEOUT).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(self.odd_answer(answer.status)) }
    }

    fn text<'a>(&self, body: &'a [u8]) -> Result<&'a str, RequestError> {
        std::str::from_utf8(body).map(str::trim).map_err(|_| self.odd_answer(200))
    }

    fn odd_answer(&self, status: u16) -> RequestError {
        RequestError::Answer { endpoint: crate::http::shown(&self.endpoint), status }
    }
}

const ADDRESS: &str = "http://169.254.169.254";
const ADDRESS_IPV6: &str = "http://[fd00:ec2::254]";
const TOKEN: &str = "/latest/api/token";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const TOKEN_TTL_S: &str = "21600";
/// The service is next door, or not there.
const TIMEOUT: Duration = Duration::from_secs(1);
