//! The service: a store, opened with its root of trust, that performs requests.
//!
//! It is its account's owner who calls here; callers who have to prove who they are come through another door. A
//! request is performed on the thread that polls it, disk included.

use std::sync::Arc;

use keyfold_crypto::SecretBytes;
use keyfold_protocol::operations::{Request, Response};
use keyfold_protocol::{AliasName, BoxFuture, ErrorKind, KeyArn, Kms, KmsError};

use crate::call::{Call, Clock, Principal, Scope};
use crate::error::{Fault, RecordError, ServiceError};
use crate::key::record::{from_json, to_json};
use crate::operations;
use crate::root::Root;
use crate::root::barrier::{Barrier, Place, Record};
use crate::store::Store;

/// A key service. Cheap to share behind an `Arc`; all methods take `&self`.
#[derive(Debug)]
pub struct Service {
    barrier: Barrier,
    scope: Scope,
    clock: Arc<dyn Clock>,
}

/// The key that is used when none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultKey {
    /// Its ARN.
    pub arn: KeyArn,
    /// Whether it was made just now.
    pub is_new: bool,
}

impl Service {
    /// The alias of the key that is used when none is named.
    pub const DEFAULT_ALIAS: &'static str = "alias/default";

    /// Opens a service on a store that was [initialised](Self::initialise).
    ///
    /// # Errors
    /// [`ServiceError::NotInitialised`] if it was not; [`ServiceError::Root`] if `root` is not the one it was
    /// initialised with; [`ServiceError::Store`], [`ServiceError::Record`]. Nothing is written in any case.
    pub async fn open(
        store: Arc<dyn Store>,
        root: &dyn Root,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServiceError> {
        let barrier = Barrier::open(store, root).await?.ok_or(ServiceError::NotInitialised)?;
        let home = barrier.get::<Scope>(&Place::home()).await?.ok_or(RecordError::Incomplete)?;
        Ok(Self { barrier, scope: home.record, clock })
    }

    /// Prepares an empty store for an account and Region, in one commit. Does nothing to a store that is not empty.
    ///
    /// # Errors
    /// [`ServiceError::Root`], [`ServiceError::Store`].
    pub async fn initialise(
        store: Arc<dyn Store>,
        root: &dyn Root,
        scope: &Scope,
    ) -> Result<(), ServiceError> {
        Barrier::initialise(store, root, Place::home(), scope).await
    }

    /// The account and Region of this service.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Makes sure that there is a key with the alias [`Self::DEFAULT_ALIAS`]. Key and alias are made in one commit,
    /// so no crash leaves one without the other, and two that do this at the same time get the same key.
    ///
    /// # Errors
    /// Those of CreateKey and CreateAlias.
    pub async fn ensure_default_key(&self) -> Result<DefaultKey, KmsError> {
        let name: AliasName = Self::DEFAULT_ALIAS
            .parse()
            .map_err(|_| KmsError::without_message(ErrorKind::InvalidAliasName))?;
        loop {
            match operations::ensure_default_key(&self.call_of_owner(), &name).await {
                Ok((arn, is_new)) => return Ok(DefaultKey { arn, is_new }),
                Err(Fault::Answer(error)) => return Err(error),
                // Somebody else has made it; now it is there.
                Err(Fault::Conflict) => {}
            }
        }
    }

    fn call_of_owner(&self) -> Call<'_> {
        self.call_of(Principal::AccountRoot(self.scope.account.clone()))
    }

    /// A call of `principal`, who has proven to be it.
    pub(crate) fn call_of(&self, principal: Principal) -> Call<'_> {
        Call { principal, scope: &self.scope, now: self.clock.now(), barrier: &self.barrier }
    }
}

impl Kms for Service {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        Box::pin(async move { operations::dispatch(&self.call_of_owner(), request).await })
    }
}

/// The record at [`Place::home`].
impl Record for Scope {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}
