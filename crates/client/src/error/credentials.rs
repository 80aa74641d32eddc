//! Credentials that can't be had.

use std::fmt;
use std::path::PathBuf;

use super::{Cause, RequestError};

/// Why there are no credentials.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Nothing that could have some is set up.
    #[error(
        "there are no AWS credentials: not in the environment, not in the profile {profile}, and none from a container \
         or an instance"
    )]
    None {
        /// The profile.
        profile: Box<str>,
    },
    /// One half of an access key.
    #[error("{place} has no {missing}")]
    Half {
        /// Where the other half is.
        place: Place,
        /// What is missing.
        missing: &'static str,
    },
    /// Something that is not what it must be.
    #[error("{place}: {what}")]
    Invalid {
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        what: keyfold_protocol::sigv4::InvalidCredential,
    },
    /// A profile that can't be used: what is wrong with it.
    #[error("the profile {profile} {what}")]
    Profile {
        /// The profile.
        profile: Box<str>,
        /// What is wrong with it.
        what: ProfileFault,
    },
    /// A token file that can't be read.
    #[error("can't read the token file {}: {source}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Cause,
    },
    /// An address that credentials are not asked from.
    #[error("{variable}: plain http:// is for this machine and the metadata addresses of AWS alone")]
    ContainerAddress {
        /// The variable that has it.
        variable: &'static str,
    },
    /// A process that gave no credentials.
    #[error("the credential_process of the profile {profile} {what}")]
    Process {
        /// The profile.
        profile: Box<str>,
        /// What it did.
        what: ProcessFault,
    },
    /// A service that gave no credentials.
    #[error("{place} gave no credentials: {source}")]
    Service {
        /// The service.
        place: Place,
        /// Why.
        source: Box<RequestError>,
    },
    /// A service that refused to give credentials.
    #[error("{place} gave no credentials: {answer}")]
    Refused {
        /// The service.
        place: Place,
        /// What it said.
        answer: Box<str>,
    },
}

/// Where credentials are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Environment variables.
    Environment,
    /// A profile.
    Profile(Box<str>),
    /// The token service (STS).
    TokenService,
    /// The service of a container.
    Container,
    /// The metadata service of an instance (IMDSv2).
    Instance,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("the environment"),
            Self::Profile(name) => write!(f, "the profile {name}"),
            Self::TokenService => f.write_str("the token service (STS)"),
            Self::Container => f.write_str("the container's credential service"),
            Self::Instance => f.write_str("the instance's metadata service"),
        }
    }
}

/// What is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileFault {
    /// It has nothing to get credentials from.
    #[error("has no credentials")]
    Empty,
    /// It is referred to and not there.
    #[error("is the source_profile of another one, and is not there")]
    Missing,
    /// Its `source_profile` leads back to it.
    #[error("is in a circle of source_profile")]
    Circle,
    /// A role, and nothing to assume it with.
    #[error("has role_arn, and neither source_profile nor credential_source")]
    NoSource,
    /// A role, and two things to assume it with.
    #[error("has both source_profile and credential_source")]
    TwoSources,
    /// A token for a role, and no role.
    #[error("has web_identity_token_file and no role_arn")]
    NoRole,
    /// A `credential_source` that there is not.
    #[error("has a credential_source other than Environment, Ec2InstanceMetadata and EcsContainer")]
    UnknownSource,
    /// The source that `credential_source` names has no credentials.
    #[error("has a credential_source that is not set up here")]
    NoSuchSource,
    /// A `duration_seconds` that is no number.
    #[error("has a duration_seconds that is not a number")]
    Duration,
    /// A role that asks for a code.
    #[error("has mfa_serial, and codes are not asked for here")]
    Mfa,
    /// IAM Identity Center.
    #[error("uses {0}, which is not supported here")]
    Unsupported(&'static str),
}

/// What a process did instead of giving credentials.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessFault {
    /// It could not be run.
    #[error("can't be run: {0}")]
    NotRun(Cause),
    /// It failed.
    #[error("failed: {0}")]
    Failed(std::process::ExitStatus),
    /// It did not end.
    #[error("did not end within {0} s")]
    Timeout(u64),
    /// It printed something else.
    #[error("did not print credentials in JSON of version 1")]
    Output,
}
