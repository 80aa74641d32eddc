//! Why principals are not changed as asked, and how a change is tried until nobody else's comes between.

use keyfold_protocol::KmsError;

use super::policies::POLICY_LEN_MAX;
use super::sessions::{SESSION_SECONDS_MAX, SESSION_SECONDS_MIN};
use crate::authz::policy::PolicyError;
use crate::error::{Fault, RecordError};

/// Why the directory of principals does not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PrincipalError {
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// There is such an account already.
    #[error("there is such an account already")]
    AccountExists,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is a user of this name already, perhaps in other letter case.
    #[error("there is such a user already")]
    UserExists,
    /// There is no such role.
    #[error("there is no such role")]
    NoSuchRole,
    /// There is a role of this name already, perhaps in other letter case.
    #[error("there is such a role already")]
    RoleExists,
    /// There is no such access key.
    #[error("there is no such access key")]
    NoSuchAccessKey,
    /// Only users and the roots of accounts have access keys.
    #[error("a session has no access keys of its own")]
    NoAccessKeysForSessions,
    /// The user or role has no policy of this name.
    #[error("there is no such policy")]
    NoSuchPolicy,
    /// There are as many as there can be.
    #[error("there can be no more than {max} {what}")]
    LimitExceeded {
        /// Of what.
        what: &'static str,
        /// How many there can be.
        max: usize,
    },
    /// A policy document is longer than [`POLICY_LEN_MAX`].
    #[error("the policy document is longer than {POLICY_LEN_MAX} bytes")]
    PolicyTooLong,
    /// A session shall last for another time than [`SESSION_SECONDS_MIN`] to [`SESSION_SECONDS_MAX`].
    #[error("a session lasts {SESSION_SECONDS_MIN} to {SESSION_SECONDS_MAX} seconds")]
    SessionSeconds,
    /// A policy document says nothing that can be evaluated.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The service failed.
    #[error(transparent)]
    Service(#[from] KmsError),
}

impl From<RecordError> for PrincipalError {
    fn from(error: RecordError) -> Self {
        Self::Service(error.into())
    }
}

/// How an attempt ends early.
pub(super) enum Stop {
    Refused(PrincipalError),
    Conflict,
}

impl<E: Into<PrincipalError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Answer(error) => Self::Refused(error.into()),
            Fault::Conflict => Self::Conflict,
        }
    }
}

/// Tries until no other change comes between reading and writing.
macro_rules! settled {
    ($attempt:expr) => {{
        for _ in 0..$crate::principals::error::ATTEMPTS_MAX {
            match $attempt {
                Ok(done) => return Ok(done),
                Err($crate::principals::error::Stop::Refused(error)) => return Err(error),
                Err($crate::principals::error::Stop::Conflict) => {}
            }
        }
        Err($crate::error::RecordError::Contention.into())
    }};
}

pub(super) use settled;

/// How often a change is tried while others change the same records.
pub(super) const ATTEMPTS_MAX: usize = 64;
