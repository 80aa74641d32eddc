//! What can go wrong inside the service, and what of it becomes an answer.
//!
//! A caller gets a [`KmsError`] with AWS's name and text; the errors here are its cause, for the log and for the
//! owner of an embedded store.

use keyfold_protocol::KmsError;

use crate::root::RootError;
use crate::root::shares::ShareError;
use crate::store::StoreError;

/// Why a record can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// A record does not open, so it was altered, or moved from another place, or is of a newer version.
    #[error("a record of the key store is damaged or does not belong where it is")]
    Damaged,
    /// Records that belong together are not all there.
    #[error("a record is missing that another one refers to")]
    Incomplete,
    /// The cryptography failed, which it does without memory or randomness.
    #[error("the cryptography library failed")]
    Crypto,
    /// Others changed the same records again and again.
    #[error("the records were changed by others at every attempt")]
    Contention,
}

/// Why a service can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The store has never been given a domain key.
    #[error("the key store is empty")]
    NotInitialised,
    /// The root of trust does not open the store.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The recovery shares are not usable, or not of this store.
    #[error(transparent)]
    Shares(#[from] ShareError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record that every store has can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// How an attempt at an operation ends early.
#[derive(Debug)]
pub(crate) enum Fault {
    /// With an answer for the caller.
    Answer(KmsError),
    /// With records that changed since they were read: everything is to be judged again.
    Conflict,
}

impl From<RecordError> for KmsError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(StoreError::Busy { .. }) | RecordError::Contention => {
                Self::dependency_timeout(error)
            }
            RecordError::Store(_) | RecordError::Damaged | RecordError::Incomplete | RecordError::Crypto => {
                Self::internal(error)
            }
        }
    }
}

impl From<KmsError> for Fault {
    fn from(error: KmsError) -> Self {
        Self::Answer(error)
    }
}

impl From<RecordError> for Fault {
    fn from(error: RecordError) -> Self {
        Self::Answer(error.into())
    }
}
