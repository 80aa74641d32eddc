//! Where a service is: an address that was configured, or the one that AWS has for it in a Region.
//!
//! Plain HTTP goes to this machine only, so that no signature or secret crosses a network in the open. The addresses
//! of AWS are those of botocore's endpoint rules and `partitions.json`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use keyfold_protocol::Region;
use keyfold_protocol::sigv4::Service;

use crate::error::InvalidEndpoint;

/// The address of a service: scheme, host, port, path.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
    /// As it stands in a `host` header: no port where it is the usual one.
    host: Box<str>,
}

impl Endpoint {
    /// The address that AWS has for `service` in `region`; `None` for a Region of no known partition.
    pub(crate) fn of_aws(service: &Service, region: &Region, variant: Variant) -> Option<Self> {
        let region = region.as_str();
        let (prefixes, suffix, dual_stack_suffix) =
            PARTITIONS.iter().find(|(prefixes, ..)| is_in(region, prefixes))?;
        // The usual address of the token service is the FIPS one there, and another is not known.
        let is_fips_anyway =
            *service == Service::STS && prefixes.contains(&GOVERNMENT_PREFIX) && !variant.dual_stack;
        let fips = if variant.fips && !is_fips_anyway { "-fips" } else { "" };
        let suffix = if variant.dual_stack { dual_stack_suffix } else { suffix };
        format!("https://{service}{fips}.{region}.{suffix}").parse().ok()
    }

    /// An address that is not checked to be one that plain HTTP may go to.
    pub(crate) fn parse_any(text: &str) -> Result<Self, InvalidEndpoint> {
        let uri: Uri = text.parse().map_err(|_| InvalidEndpoint::Url)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(InvalidEndpoint::Url);
        };
        let usual_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(InvalidEndpoint::Url),
        };
        // Anywhere, since a password with a slash in it would pass for a path.
        let has_userinfo = text.contains('@');
        let is_whole = !authority.host().is_empty() && uri.query().is_none() && !text.contains('#');
        if has_userinfo || !is_whole {
            return Err(InvalidEndpoint::Url);
        }
        let host = match authority.port_u16() {
            Some(port) if port != usual_port => format!("{}:{port}", authority.host()),
            // A port that is no number.
            None if authority.as_str() != authority.host() => return Err(InvalidEndpoint::Url),
            _ => authority.host().to_owned(),
        };
        let authority: Authority = host.parse().map_err(|_| InvalidEndpoint::Url)?;
        Self::new(scheme.clone(), authority, uri.path()).ok_or(InvalidEndpoint::Url)
    }

    /// The same machine, another path.
    pub(crate) fn with_path(&self, path: &str) -> Option<Self> {
        Self::new(self.uri.scheme()?.clone(), self.uri.authority()?.clone(), path)
    }

    fn new(scheme: Scheme, authority: Authority, path: &str) -> Option<Self> {
        let host = authority.as_str().into();
        let path: PathAndQuery = path.parse().ok()?;
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build().ok()?;
        Some(Self { uri, host })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// What the `host` header says.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// The address of the host, if it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.uri.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether the host is this machine, by name or address.
    pub(crate) fn is_loopback(&self) -> bool {
        self.uri.host().is_some_and(|host| host.eq_ignore_ascii_case("localhost"))
            || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let endpoint = Self::parse_any(text)?;
        if !endpoint.is_https() && !endpoint.is_loopback() {
            return Err(InvalidEndpoint::PlainHttp);
        }
        Ok(endpoint)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.uri.scheme_str().unwrap_or_default(),
            self.host,
            self.uri.path().trim_end_matches('/')
        )
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which of the addresses that AWS has for a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) fips: bool,
    pub(crate) dual_stack: bool,
}

/// Whether a Region is PREFIX-WORD-NUMBER, with one of the prefixes.
fn is_in(region: &str, prefixes: &[&str]) -> bool {
    let has_rest = |rest: &str| match rest.split_once('-') {
        Some((word, number)) => {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    };
    prefixes.iter().any(|prefix| region.strip_prefix(prefix).is_some_and(has_rest))
}

/// What Regions of a partition start with, and what its host names end with: usually, and where both IPv4 and IPv6
/// are answered.
const PARTITIONS: &[(&[&str], &str, &str)] = &[
    (&["us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"], "amazonaws.com", "api.aws"),
    (&["cn-"], "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    (&[GOVERNMENT_PREFIX], "amazonaws.com", "api.aws"),
    (&["eusc-de-"], "amazonaws.eu", "api.amazonwebservices.eu"),
    (&["us-iso-"], "c2s.ic.gov", "api.aws.ic.gov"),
    (&["us-isob-"], "sc2s.sgov.gov", "api.aws.scloud"),
    (&["eu-isoe-"], "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    (&["us-isof-"], "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];
/// What Regions of AWS GovCloud (US) start with.
const GOVERNMENT_PREFIX: &str = "us-gov-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_may_be_configured() {
        for (text, host, path) in [
            ("https://kms.example.org", "kms.example.org", "/"),
            ("https://kms.example.org:443/", "kms.example.org", "/"),
            ("https://kms.example.org:7443/kms", "kms.example.org:7443", "/kms"),
            ("https://[::1]:7443", "[::1]:7443", "/"),
            ("http://localhost:80", "localhost", "/"),
            ("http://127.0.0.2:8080", "127.0.0.2:8080", "/"),
            ("http://[::1]:8080", "[::1]:8080", "/"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host(), endpoint.uri().path()), (host, path), "{text}");
        }
        assert_eq!("https://a:443/".parse::<Endpoint>().unwrap().to_string(), "https://a");
    }

    #[test]
    fn addresses_that_may_not() {
        for text in [
            "",
            "kms.example.org",
            "kms.example.org:7443",
            "/kms",
            "ftp://a",
            "https://",
            "https://user@a",
            "https://user:secret@a",
            "https://user:1/secret@a",
            "https://a?x=1",
            "https://a#x",
            "https://a:x",
            "https://a:99999",
            "https://a b",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap_err(), InvalidEndpoint::Url, "{text}");
        }
        for text in
            ["http://kms.example.org", "http://10.0.0.1", "http://localhost.example.org", "http://[::2]"]
        {
            assert_eq!(text.parse::<Endpoint>().unwrap_err(), InvalidEndpoint::PlainHttp, "{text}");
        }
    }

    #[test]
    fn addresses_of_aws() {
        let address = |region: &str, fips, dual_stack| {
            let variant = Variant { fips, dual_stack };
            Endpoint::of_aws(&Service::KMS, &region.parse().unwrap(), variant).map(|it| it.to_string())
        };
        for (region, expected) in [
            ("eu-central-1", "https://kms.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "https://kms.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "https://kms.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", "https://kms.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "https://kms.us-isob-east-1.sc2s.sgov.gov"),
            ("eusc-de-east-1", "https://kms.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(address(region, false, false).as_deref(), Some(expected));
        }
        assert_eq!(address("us-east-1", true, false).unwrap(), "https://kms-fips.us-east-1.amazonaws.com");
        assert_eq!(address("us-east-1", true, true).unwrap(), "https://kms-fips.us-east-1.api.aws");
        assert_eq!(address("us-east-1", false, true).unwrap(), "https://kms.us-east-1.api.aws");
        let token_service = |region: &str, dual_stack| {
            let variant = Variant { fips: true, dual_stack };
            Endpoint::of_aws(&Service::STS, &region.parse().unwrap(), variant).unwrap().to_string()
        };
        assert_eq!(token_service("us-east-1", false), "https://sts-fips.us-east-1.amazonaws.com");
        assert_eq!(token_service("us-gov-west-1", false), "https://sts.us-gov-west-1.amazonaws.com");
        assert_eq!(token_service("us-gov-west-1", true), "https://sts-fips.us-gov-west-1.api.aws");
        assert_eq!(
            address("us-gov-west-1", true, false).unwrap(),
            "https://kms-fips.us-gov-west-1.amazonaws.com"
        );
        for region in ["local", "us", "us-east", "us-east-x", "xx-east-1", "us-east-1-x"] {
            assert_eq!(address(region, false, false), None, "{region}");
        }
    }
}
