//! Settings that can't be used.

use std::io;
use std::path::PathBuf;

use super::{Cause, CredentialsError};

/// Settings from which no client can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An environment variable that is not UTF-8.
    #[error("{name} is not text")]
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// A setting that is neither `true` nor `false`.
    #[error("{name} is neither true nor false")]
    NotBoolean {
        /// The variable or property.
        name: Box<str>,
    },
    /// A file that can't be read.
    #[error("can't read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A configuration file that breaks the grammar.
    #[error("{}, line {line}: {grammar}", path.display())]
    Grammar {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        grammar: Grammar,
    },
    /// A profile that neither file has.
    #[error("there is no profile {name}")]
    NoSuchProfile {
        /// Its name.
        name: Box<str>,
    },
    /// A profile that refers to services that are not there.
    #[error("the profile {profile} refers to the section [services {services}], and there is none")]
    NoSuchServices {
        /// The profile.
        profile: Box<str>,
        /// The section.
        services: Box<str>,
    },
    /// No Region was set.
    #[error("no Region is set")]
    NoRegion,
    /// Text that can't be a Region.
    #[error("{text} is not a Region")]
    InvalidRegion {
        /// The text.
        text: Box<str>,
    },
    /// A Region of no known partition, for which no address of AWS can be made.
    #[error("{region} is not a Region of AWS")]
    NotAwsRegion {
        /// The Region.
        region: Box<str>,
    },
    /// Text that can't be an endpoint.
    #[error("the endpoint {text}: {reason}")]
    Endpoint {
        /// The text, with `***` in place of a user and a password.
        text: Box<str>,
        /// What is wrong.
        reason: InvalidEndpoint,
    },
    /// A CA bundle without a certificate that can be used.
    #[error("the CA bundle {} has no certificate in PEM", path.display())]
    CaBundle {
        /// The file.
        path: PathBuf,
    },
    /// The system has no CA certificates.
    #[error("this system has no CA certificates to trust")]
    NoRoots,
    /// TLS can't be set up.
    #[error("TLS can't be set up")]
    Tls(#[source] Cause),
    /// Credentials that are set up wrongly.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl ConfigError {
    /// Text that can't be an endpoint. All before its last `@` may be a user and a password, even where the text is no
    /// URL, since people put any character into a password; it is not kept.
    pub(crate) fn endpoint(text: &str, reason: InvalidEndpoint) -> Self {
        let text = match text.rsplit_once('@') {
            Some((before, rest)) => {
                let scheme = ["https://", "http://"].into_iter().find(|scheme| before.starts_with(scheme));
                format!("{}***@{rest}", scheme.unwrap_or_default()).into()
            }
            None => text.into(),
        };
        Self::Endpoint { text, reason }
    }
}

/// What is wrong with a line of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Grammar {
    /// A heading without its closing bracket.
    #[error("a heading must end with ]")]
    NoBracket,
    /// A property before the first heading.
    #[error("a heading must come first, such as [default]")]
    NoSection,
    /// An indented line that continues nothing.
    #[error("an indented line must follow a property")]
    NoProperty,
    /// A property without `=`.
    #[error("a property must look like NAME = VALUE")]
    NoEquals,
    /// A property without a name.
    #[error("the property has no name")]
    NoName,
}

/// Why text can't be an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// Not `https://HOST[:PORT][/PATH]`.
    #[error("it must look like https://HOST[:PORT]")]
    Url,
    /// Plain HTTP to another machine.
    #[error("plain http:// is for this machine alone (localhost, 127.0.0.1, [::1])")]
    PlainHttp,
}
