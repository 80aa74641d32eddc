//! Where the service is, for which Region, who asks and whom to trust: from options, the environment and the profile,
//! in this order.

use std::path::PathBuf;
use std::time::Duration;

use keyfold_protocol::Region;
use keyfold_protocol::sigv4::Service;

use crate::credentials::{self, Source};
use crate::endpoint::{Endpoint, Variant};
use crate::environment::{Environment, boolean, var};
use crate::error::ConfigError;
use crate::profile::{DEFAULT, Profiles};
use crate::retry;

/// What a caller sets by hand. It goes before environment and profile.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Address of the key service.
    pub endpoint_url: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The profile; its credentials then go before those of the environment.
    pub profile: Option<String>,
    /// File with the CA certificates to trust, in PEM, instead of the system's.
    pub ca_bundle: Option<PathBuf>,
}

/// All that a [`Client`](crate::Client) has to know.
#[derive(Debug)]
pub struct Config {
    pub(crate) region: Region,
    pub(crate) addresses: Addresses,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) source: Source,
    pub(crate) attempt_timeout: Duration,
    pub(crate) retry_base: Duration,
}

/// Where services are.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    kms: Option<Endpoint>,
    sts: Option<Endpoint>,
    variant: Variant,
}

impl Config {
    /// Puts together what options, environment and the shared configuration files say. Nothing is asked over a
    /// network.
    ///
    /// # Errors
    /// [`ConfigError`]: what is missing, or can't be understood.
    pub fn load(options: &Options, environment: &Environment) -> Result<Self, ConfigError> {
        let profiles = Profiles::load(environment)?;
        let named = options.profile.as_deref().or_else(|| environment.get(var::PROFILE));
        let profile = named.unwrap_or(DEFAULT);
        let section = profiles.get(profile);
        if section.is_none() && named.is_some_and(|name| name != DEFAULT) {
            return Err(ConfigError::NoSuchProfile { name: profile.into() });
        }
        let property = |name| section.and_then(|section| section.get(name));
        let flag = |variable, name| match environment.flag(variable)? {
            Some(value) => Ok(value),
            None => property(name).map_or(Ok(false), |text| boolean(name, text)),
        };

        let region = options.region.as_deref().or_else(|| environment.get(var::REGION));
        let region = region.or_else(|| environment.get(var::DEFAULT_REGION)).or_else(|| property("region"));
        let region = region.ok_or(ConfigError::NoRegion)?;
        let region: Region =
            region.parse().map_err(|_| ConfigError::InvalidRegion { text: region.into() })?;

        let is_ignored = flag(var::IGNORE_ENDPOINT_URLS, "ignore_configured_endpoint_urls")?;
        let configured = |variable, service: &Service| -> Result<Option<Endpoint>, ConfigError> {
            if is_ignored {
                return Ok(None);
            }
            let of_environment = environment.get(variable).or_else(|| environment.get(var::ENDPOINT_URL));
            let url = match of_environment {
                Some(url) => Some(url),
                None => profiles.endpoint_url(profile, service.as_str())?,
            };
            url.map(endpoint).transpose()
        };
        let addresses = Addresses {
            kms: match &options.endpoint_url {
                Some(url) => Some(endpoint(url)?),
                None => configured(var::ENDPOINT_URL_KMS, &Service::KMS)?,
            },
            sts: configured(var::ENDPOINT_URL_STS, &Service::STS)?,
            variant: Variant {
                fips: flag(var::USE_FIPS_ENDPOINT, "use_fips_endpoint")?,
                dual_stack: flag(var::USE_DUALSTACK_ENDPOINT, "use_dualstack_endpoint")?,
            },
        };
        if addresses.of(&Service::KMS, &region).is_none() {
            return Err(ConfigError::NotAwsRegion { region: region.as_str().into() });
        }

        let ca_bundle = environment.get(var::CA_BUNDLE).or_else(|| property("ca_bundle"));
        let ca_bundle = options.ca_bundle.clone().or_else(|| ca_bundle.map(|path| environment.path(path)));
        let source = credentials::find(environment, &profiles, profile, options.profile.is_some())?;
        Ok(Self {
            region,
            addresses,
            ca_bundle,
            source,
            attempt_timeout: ATTEMPT_TIMEOUT,
            retry_base: retry::BASE,
        })
    }

    /// The configured address of the key service; `None` if it is the one of AWS.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.addresses.kms.as_ref()
    }

    /// The Region of keys that are not named by ARN.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// How long one attempt of a request may take, answer included: 30 s if nothing else is said.
    #[must_use]
    pub fn attempt_timeout(self, timeout: Duration) -> Self {
        Self { attempt_timeout: timeout, ..self }
    }

    /// The longest wait before the second attempt, 1 s if nothing else is said; it doubles for the third.
    #[must_use]
    pub fn retry_base(self, base: Duration) -> Self {
        Self { retry_base: base, ..self }
    }
}

impl Addresses {
    /// The address of a service for a Region: the configured one, which answers for all of them, or AWS's.
    pub(crate) fn of(&self, service: &Service, region: &Region) -> Option<Endpoint> {
        let configured = if *service == Service::STS { &self.sts } else { &self.kms };
        configured.clone().or_else(|| Endpoint::of_aws(service, region, self.variant))
    }
}

fn endpoint(text: &str) -> Result<Endpoint, ConfigError> {
    text.parse().map_err(|reason| ConfigError::endpoint(text, reason))
}

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
