//! The service: a store, opened with its root of trust, that performs requests.
//!
//! It has two doors. [`Kms`] is its owner's: the root of the account that the store was made for, in its Region.
//! [`Service::call_as`] is for a front that has authenticated a request: any principal, in any Region. A request is
//! performed on the thread that polls it, disk included.

use std::sync::Arc;

use keyfold_crypto::SecretBytes;
use keyfold_protocol::operations::{Request, Response};
use keyfold_protocol::{AliasName, BoxFuture, ErrorKind, KeyArn, Kms, KmsError, Timestamp};

use crate::call::{Call, Caller, Clock, Scope};
use crate::error::{Fault, RecordError, ServiceError};
use crate::key::record::{from_json, to_json};
use crate::key::usage::UsageLog;
use crate::operations;
use crate::principals::Principal;
use crate::root::Root;
use crate::root::barrier::{Barrier, Place, Record};
use crate::store::Store;

/// A key service. Cheap to share behind an `Arc`; all methods take `&self`.
#[derive(Debug)]
pub struct Service {
    barrier: Barrier,
    scope: Scope,
    clock: Arc<dyn Clock>,
    usage: UsageLog,
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
        Ok(Self { barrier, scope: home.record, clock, usage: UsageLog::default() })
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

    /// The account and Region that this service's owner is at home in.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The owner: who calls through [`Kms`].
    #[must_use]
    pub fn owner(&self) -> Caller {
        Caller::new(Principal::AccountRoot(self.scope.account.clone()), self.scope.region.clone())
    }

    /// Performs a request of `caller`, whom the front has authenticated, in the caller's account and Region.
    ///
    /// # Errors
    /// What the service answers. `AccessDeniedException` if the account or the user does not exist, or no policy
    /// allows the request.
    pub fn call_as(&self, caller: &Caller, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        let caller = caller.clone();
        Box::pin(async move {
            let scope = self.scope_of(&caller);
            let Caller { principal, access_key, request_id, .. } = caller;
            let call = Call { access_key, request_id, ..self.call_in(&scope, principal) };
            operations::dispatch(&call, request).await
        })
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
            match operations::ensure_default_key(&self.call_in(&self.scope, self.owner().principal), &name)
                .await
            {
                Ok((arn, is_new)) => return Ok(DefaultKey { arn, is_new }),
                Err(Fault::Answer(error)) => return Err(error),
                // Somebody else has made it; now it is there.
                Err(Fault::Conflict) => {}
            }
        }
    }

    /// The store behind its barrier.
    pub(crate) fn barrier(&self) -> &Barrier {
        &self.barrier
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes down what is only in memory: which keys were used last and when. A worker does this at every run; a
    /// program that ends does it last.
    ///
    /// # Errors
    /// `KMSInternalException`, `DependencyTimeoutException`: the store failed.
    pub async fn flush(&self) -> Result<(), KmsError> {
        self.usage.flush(&self.barrier).await
    }

    /// Tries whether the store reads and writes: a commit that changes no record, and is as durable as any other.
    ///
    /// # Errors
    /// `KMSInternalException`, `DependencyTimeoutException`: the store failed.
    pub async fn check_store(&self) -> Result<(), KmsError> {
        let home = self.barrier.get::<Scope>(&Place::home()).await?.ok_or(RecordError::Incomplete)?;
        let mut changes = self.barrier.changes();
        changes.unchanged(&home);
        match changes.commit().await {
            Ok(()) | Err(Fault::Conflict) => Ok(()),
            Err(Fault::Answer(error)) => Err(error),
        }
    }

    /// Where the keys are that `caller` names without saying where. There is one partition.
    fn scope_of(&self, caller: &Caller) -> Scope {
        Scope {
            partition: self.scope.partition.clone(),
            account: caller.principal.account().clone(),
            region: caller.region.clone(),
        }
    }

    /// A call of `principal`, who has proven to be it.
    pub(crate) fn call_in<'s>(&'s self, scope: &'s Scope, principal: Principal) -> Call<'s> {
        Call {
            principal,
            access_key: None,
            action: "",
            reaches_abroad: false,
            is_dry_run: false,
            scope,
            request_id: None,
            now: self.clock.now(),
            barrier: &self.barrier,
            usage: &self.usage,
            home: &self.scope.account,
        }
    }
}

impl Kms for Service {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        self.call_as(&self.owner(), request)
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
