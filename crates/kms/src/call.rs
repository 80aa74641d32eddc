//! A call: one request in progress, and everything that it may know.
//!
//! Who calls, where, when, and the store behind its barrier arrive in this one value; nothing in the service
//! reads a clock, an environment or a global. Randomness is the exception: it is `keyfold_crypto::rand`, since a
//! key service whose randomness can be replaced has no keys. What a call may do is not decided here
//! ([`crate::authz`]).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use keyfold_protocol::{
    AccountId, AliasArn, AliasName, KeyArn, KeyId, KmsError, Partition, Region, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::key::usage::UsageLog;
use crate::principals::{AccessKeyId, Principal};
use crate::root::barrier::Barrier;

/// Where a service gets the time from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
    fn now(&self) -> Timestamp {
        // Before 1970 a clock is not set; the epoch then, which is as wrong and breaks nothing.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_epoch_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The account and Region in which keys and aliases are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The partition that the Region is in.
    pub partition: Partition,
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

impl Scope {
    /// The ARN of a key here.
    pub(crate) fn key_arn(&self, key_id: &KeyId) -> KeyArn {
        KeyArn::new(&self.partition, &self.region, &self.account, key_id)
    }

    /// The ARN of an alias here.
    pub(crate) fn alias_arn(&self, name: &AliasName) -> AliasArn {
        AliasArn::new(&self.partition, &self.region, &self.account, name)
    }
}

/// Who calls, and where: what a front knows of a request once it has authenticated it.
///
/// Whoever makes one vouches for it; the service believes it and judges only what the principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// Who has proven to call. Keys are looked up in its account.
    pub principal: Principal,
    /// The Region that is addressed.
    pub region: Region,
    /// The access key that it has proven to have, if it is one of a user that is kept. Who has the user's name when the
    /// request is judged must have it too: it may be another by then.
    pub access_key: Option<AccessKeyId>,
    /// What the front calls the request in its answer and its log, if it does.
    pub request_id: Option<String>,
}

impl Caller {
    /// `principal`, in `region`, with no access key and a request that has no id.
    #[must_use]
    pub fn new(principal: Principal, region: Region) -> Self {
        Self { principal, region, access_key: None, request_id: None }
    }
}

/// One request in progress.
#[derive(Debug, Clone)]
pub(crate) struct Call<'s> {
    /// Who calls.
    pub(crate) principal: Principal,
    /// The access key that it has proven to have, if it must have it still.
    pub(crate) access_key: Option<AccessKeyId>,
    /// The permission that is asked for, `kms:Decrypt`; work of the service itself asks for none.
    pub(crate) action: &'static str,
    /// Whether the operation acts on keys of other accounts than the caller's too.
    pub(crate) reaches_abroad: bool,
    /// Whether everything is to be checked and nothing made or answered.
    pub(crate) is_dry_run: bool,
    /// In which account and Region things are looked up: the caller's, or those of a key that it uses.
    pub(crate) scope: &'s Scope,
    /// What the front calls the request.
    pub(crate) request_id: Option<String>,
    /// When. One moment for the whole call.
    pub(crate) now: Timestamp,
    /// The store behind its barrier.
    pub(crate) barrier: &'s Barrier,
    /// Where the use of keys is noted.
    pub(crate) usage: &'s UsageLog,
    /// The account that the store was made for, which is there without a record of it.
    pub(crate) home: &'s AccountId,
}

impl<'s> Call<'s> {
    /// The same call, asking for a permission.
    pub(crate) fn asking(&self, action: &'static str) -> Self {
        Self { action, ..self.clone() }
    }

    /// The same call, looking things up elsewhere.
    pub(crate) fn at<'a>(&'a self, scope: &'a Scope) -> Call<'a>
    where
        's: 'a,
    {
        let call: Call<'a> = self.clone();
        Call { scope, ..call }
    }

    /// Whether what is looked up here belongs to another account than the caller.
    pub(crate) fn is_abroad(&self) -> bool {
        self.scope.account != *self.principal.account()
    }

    /// What is answered about something of another account that is not there, as if it were and no permission given.
    pub(crate) fn not_accessible(&self, named: &str) -> KmsError {
        KmsError::access_denied_elsewhere(&self.principal.arn(&self.scope.partition), self.action, named)
    }
}
