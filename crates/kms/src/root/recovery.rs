//! The recovery copy: shares of the domain key ([`super::shares`]), and the note in the store that there is one.
//!
//! The domain key is shared and not the root, so that shares stay good when the root is replaced, and are the same
//! thing for every kind of root. Any number of sets may be made; none makes another one worthless.

use keyfold_crypto::SecretBytes;
use keyfold_locked::Protection;
use keyfold_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::barrier::{Place, Record};
use super::shares::{Share, ShareError};
use crate::error::{RecordError, ServiceError};
use crate::key::record::{from_json, to_json};
use crate::service::Service;

/// That a recovery copy was made: the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryCopy {
    /// When shares of it, at least as many as are needed, were shown to open the store.
    pub proven: Timestamp,
    /// The set of its shares.
    pub set: String,
}

impl Service {
    /// A new set of recovery shares. They are worth as much as the root of trust.
    ///
    /// # Errors
    /// [`ShareError::Crypto`].
    pub fn recovery_shares(&self) -> Result<Vec<Share>, ShareError> {
        self.barrier().share()
    }

    /// Proves that `shares` open this store, and notes that they do.
    ///
    /// # Errors
    /// [`ServiceError::Shares`] if they do not; [`ServiceError::Record`] if that can't be noted.
    pub async fn prove_recovery(&self, shares: &[Share]) -> Result<(), ServiceError> {
        if !self.barrier().is_shared_by(shares)? {
            return Err(ShareError::WrongStore.into());
        }
        let set = shares.first().map(Share::set).unwrap_or_default();
        let copy = RecoveryCopy { proven: self.now(), set };
        Ok(self.barrier().put_latest(Place::recovery(), &copy).await?)
    }

    /// The last recovery copy that was made, if one was.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn recovery_copy(&self) -> Result<Option<RecoveryCopy>, RecordError> {
        let stored = self.barrier().get::<RecoveryCopy>(&Place::recovery()).await?;
        Ok(stored.map(|stored| stored.record))
    }

    /// What the memory is like that this service's own keys are in.
    #[must_use]
    pub fn key_memory(&self) -> Protection {
        self.barrier().protection()
    }
}

impl Record for RecoveryCopy {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}
