//! The environment variables that decide where the service is and who asks it, as a value.
//!
//! Nothing here reads the process's environment: the program does, and hands over what it found. Names and meanings
//! are those of the AWS SDKs and Tools Reference Guide.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::ConfigError;

/// Environment variables and the home directory. What is set to nothing counts as not set.
#[derive(Default)]
pub struct Environment {
    values: BTreeMap<&'static str, Zeroizing<String>>,
    home: Option<PathBuf>,
}

impl Environment {
    /// Every variable that is looked at.
    pub const VARIABLES: &'static [&'static str] = &[
        var::ACCESS_KEY_ID,
        var::CA_BUNDLE,
        var::CONFIG_FILE,
        var::CONTAINER_AUTHORIZATION_TOKEN,
        var::CONTAINER_AUTHORIZATION_TOKEN_FILE,
        var::CONTAINER_FULL_URI,
        var::CONTAINER_RELATIVE_URI,
        var::CREDENTIALS_FILE,
        var::DEFAULT_REGION,
        var::ENDPOINT_URL,
        var::ENDPOINT_URL_KMS,
        var::ENDPOINT_URL_STS,
        var::IGNORE_ENDPOINT_URLS,
        var::METADATA_DISABLED,
        var::METADATA_ENDPOINT,
        var::PROFILE,
        var::REGION,
        var::ROLE_ARN,
        var::ROLE_SESSION_NAME,
        var::SECRET_ACCESS_KEY,
        var::SESSION_TOKEN,
        var::USE_DUALSTACK_ENDPOINT,
        var::USE_FIPS_ENDPOINT,
        var::WEB_IDENTITY_TOKEN_FILE,
    ];

    /// What `get` has of [`VARIABLES`](Self::VARIABLES), and the user's home directory.
    ///
    /// # Errors
    /// [`ConfigError::NotText`] for a value that is not UTF-8.
    pub fn new(get: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for name in Self::VARIABLES.iter().copied() {
            let Some(value) = get(name).filter(|value| !value.is_empty()) else { continue };
            let value = value.into_string().map_err(|_| ConfigError::NotText { name })?;
            values.insert(name, Zeroizing::new(value));
        }
        Ok(Self { values, home })
    }

    /// Whether a variable names an endpoint of the key service.
    ///
    /// # Errors
    /// [`ConfigError::NotBoolean`] if `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is neither `true` nor `false`.
    pub fn has_endpoint(&self) -> Result<bool, ConfigError> {
        let is_named = self.get(var::ENDPOINT_URL_KMS).or_else(|| self.get(var::ENDPOINT_URL)).is_some();
        Ok(is_named && !self.flag(var::IGNORE_ENDPOINT_URLS)?.unwrap_or(false))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.as_str())
    }

    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        self.get(name).map(|text| boolean(name, text)).transpose()
    }

    /// A path; `~/` at its start is the home directory.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(text),
        }
    }

    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }
}

/// `true` or `false`, in any case.
pub(crate) fn boolean(name: &str, text: &str) -> Result<bool, ConfigError> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ConfigError::NotBoolean { name: name.into() }),
    }
}

/// Some values are secret, so the names alone.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Names of variables.
pub(crate) mod var {
    pub(crate) const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
    pub(crate) const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
    pub(crate) const CONFIG_FILE: &str = "AWS_CONFIG_FILE";
    pub(crate) const CONTAINER_AUTHORIZATION_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    pub(crate) const CONTAINER_AUTHORIZATION_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    pub(crate) const CONTAINER_FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    pub(crate) const CONTAINER_RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    pub(crate) const CREDENTIALS_FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
    pub(crate) const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
    pub(crate) const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
    pub(crate) const ENDPOINT_URL_KMS: &str = "AWS_ENDPOINT_URL_KMS";
    pub(crate) const ENDPOINT_URL_STS: &str = "AWS_ENDPOINT_URL_STS";
    pub(crate) const IGNORE_ENDPOINT_URLS: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
    pub(crate) const METADATA_DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
    pub(crate) const METADATA_ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    pub(crate) const PROFILE: &str = "AWS_PROFILE";
    pub(crate) const REGION: &str = "AWS_REGION";
    pub(crate) const ROLE_ARN: &str = "AWS_ROLE_ARN";
    pub(crate) const ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";
    pub(crate) const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
    pub(crate) const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
    pub(crate) const USE_DUALSTACK_ENDPOINT: &str = "AWS_USE_DUALSTACK_ENDPOINT";
    pub(crate) const USE_FIPS_ENDPOINT: &str = "AWS_USE_FIPS_ENDPOINT";
    pub(crate) const WEB_IDENTITY_TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
}
