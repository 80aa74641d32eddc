//! The operations: one table, and the way that every request takes through it.
//!
//! ```text
//! request → validate → resolve (which key, which alias) → authorize → key state → perform → response
//!                         └───────────── again, if a record changed meanwhile ──────────┘
//! ```
//!
//! [`OPERATIONS`] has a row for every operation; whatever needs to know something of all operations reads it there.
//! The modules below have one file per family, with only what differs. Wire formats are not here.

mod aliases;
mod cryptography;
mod keys;
mod lifecycle;

use std::fmt;
use std::future::Future;

use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateKeyRequest, DecryptRequest, DeleteAliasRequest,
    DescribeKeyRequest, DisableKeyRequest, EnableKeyRequest, EncryptRequest, GenerateDataKeyRequest,
    GenerateDataKeyWithoutPlaintextRequest, GenerateRandomRequest, ListAliasesRequest, ListKeysRequest,
    Operation, OperationName, ReEncryptRequest, Request, Response, RotateKeyOnDemandRequest,
    ScheduleKeyDeletionRequest, UpdateAliasRequest,
};
use keyfold_protocol::{AliasArn, BoxFuture, KeyArn, KmsError};

use crate::authz::check::{Authorized, authorize};
use crate::call::Call;
use crate::error::{Fault, RecordError};
use crate::key::Key;
use crate::key::state::{self, StateRow};

pub(crate) use keys::ensure_default_key;

/// Every operation of this service, by name.
pub static OPERATIONS: &[OperationRow] = &[
    row::<CancelKeyDeletionRequest>(&["kms:CancelKeyDeletion"], WRITES, Some(state::CANCEL_DELETION)),
    row::<CreateAliasRequest>(&["kms:CreateAlias"], WRITES, Some(state::NAME)),
    row::<CreateKeyRequest>(&["kms:CreateKey"], WRITES, None),
    row::<DecryptRequest>(&["kms:Decrypt"], READS, Some(state::USE)),
    row::<DeleteAliasRequest>(&["kms:DeleteAlias"], WRITES, Some(state::ANY)),
    row::<DescribeKeyRequest>(&["kms:DescribeKey"], READS, Some(state::ANY)),
    row::<DisableKeyRequest>(&["kms:DisableKey"], WRITES, Some(state::SWITCH)),
    row::<EnableKeyRequest>(&["kms:EnableKey"], WRITES, Some(state::SWITCH)),
    row::<EncryptRequest>(&["kms:Encrypt"], READS, Some(state::USE)),
    row::<GenerateDataKeyRequest>(&["kms:GenerateDataKey"], READS, Some(state::USE)),
    row::<GenerateDataKeyWithoutPlaintextRequest>(
        &["kms:GenerateDataKeyWithoutPlaintext"],
        READS,
        Some(state::USE),
    ),
    row::<GenerateRandomRequest>(&["kms:GenerateRandom"], READS, None),
    row::<ListAliasesRequest>(&["kms:ListAliases"], READS, Some(state::ANY)),
    row::<ListKeysRequest>(&["kms:ListKeys"], READS, None),
    row::<ReEncryptRequest>(&["kms:ReEncryptFrom", "kms:ReEncryptTo"], READS, Some(state::USE)),
    row::<RotateKeyOnDemandRequest>(&["kms:RotateKeyOnDemand"], WRITES, Some(state::USE)),
    row::<ScheduleKeyDeletionRequest>(&["kms:ScheduleKeyDeletion"], WRITES, Some(state::SCHEDULE_DELETION)),
    row::<UpdateAliasRequest>(&["kms:UpdateAlias"], WRITES, Some(state::NAME)),
];

/// What is known of an operation.
pub struct OperationRow {
    /// Its name.
    pub name: OperationName,
    /// The permissions it needs: one for all of its resources, or one for each.
    pub actions: &'static [&'static str],
    /// Whether it changes anything in the store.
    pub mutates: bool,
    /// In which states it takes a key; `None` if it acts on no key.
    pub states: Option<StateRow>,
    handler: Handler,
}

impl fmt::Debug for OperationRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationRow").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What an operation does, told to the pipeline in steps.
pub(crate) trait Handle: Operation + Sync + 'static {
    /// What it acts on.
    type Target: Target;

    /// Judges the request by itself: the service model, and what this service does not do.
    fn validate(&self) -> Result<(), KmsError>;

    /// Finds what the request names.
    fn resolve(&self, call: &Call<'_>) -> impl Future<Output = Result<Self::Target, KmsError>> + Send;

    /// Does it.
    fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;

    /// Whether everything is to be checked and nothing answered. Only for operations that don't write.
    fn is_dry_run(&self) -> bool {
        false
    }
}

/// What an operation acts on, as far as permission and key state are concerned.
pub(crate) trait Target: Send + Sync + fmt::Debug {
    /// The resources, in the order of the permissions in the table.
    fn resources(&self, call: &Call<'_>) -> Vec<Protected>;
    /// The keys whose state must allow it.
    fn keys(&self) -> Vec<&Key>;
}

/// A resource that permission is needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protected {
    /// The account it belongs to.
    pub(crate) account: String,
    /// Its ARN, or `*` for the account as such.
    pub(crate) arn: String,
}

impl From<&KeyArn> for Protected {
    fn from(arn: &KeyArn) -> Self {
        Self { account: arn.as_arn().account().to_owned(), arn: arn.to_string() }
    }
}

impl From<&AliasArn> for Protected {
    fn from(arn: &AliasArn) -> Self {
        Self { account: arn.as_arn().account().to_owned(), arn: arn.to_string() }
    }
}

/// The account as such.
#[derive(Debug)]
pub(crate) struct Account;

impl Target for Account {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        vec![Protected { account: call.scope.account.to_string(), arn: "*".to_owned() }]
    }

    fn keys(&self) -> Vec<&Key> {
        Vec::new()
    }
}

impl Target for Key {
    fn resources(&self, _: &Call<'_>) -> Vec<Protected> {
        vec![Protected::from(&self.arn)]
    }

    fn keys(&self) -> Vec<&Key> {
        vec![self]
    }
}

/// The row of an operation.
pub(crate) fn row_of(name: OperationName) -> Option<&'static OperationRow> {
    OPERATIONS.iter().find(|row| row.name == name)
}

/// Performs a request of any operation.
pub(crate) async fn dispatch(call: &Call<'_>, request: Request) -> Result<Response, KmsError> {
    let name = request.operation();
    let row = row_of(name).ok_or_else(|| KmsError::unsupported_member(name.as_str()))?;
    (row.handler)(call, row, request).await
}

type Handler =
    for<'a> fn(&'a Call<'a>, &'static OperationRow, Request) -> BoxFuture<'a, Result<Response, KmsError>>;

const fn row<O: Handle>(
    actions: &'static [&'static str],
    mutates: bool,
    states: Option<StateRow>,
) -> OperationRow {
    OperationRow { name: O::NAME, actions, mutates, states, handler: boxed::<O> }
}

fn boxed<'a, O: Handle>(
    call: &'a Call<'a>,
    row: &'static OperationRow,
    request: Request,
) -> BoxFuture<'a, Result<Response, KmsError>> {
    Box::pin(run::<O>(call, row, request))
}

async fn run<O: Handle>(call: &Call<'_>, row: &OperationRow, request: Request) -> Result<Response, KmsError> {
    let request = O::try_from(request).map_err(KmsError::internal)?;
    request.validate()?;
    for _ in 0..ATTEMPTS_MAX {
        let target = request.resolve(call).await?;
        let authorized = authorize(call, row, &request, target)?;
        for key in authorized.target().keys() {
            if let Some(states) = &row.states {
                states.check(&key.arn, &key.stored.record.state)?;
            }
        }
        match O::perform(call, authorized).await {
            Ok(_) if request.is_dry_run() => return Err(KmsError::dry_run()),
            Ok(output) => return Ok(output.into()),
            Err(Fault::Answer(error)) => return Err(error),
            Err(Fault::Conflict) => {}
        }
    }
    Err(RecordError::Contention.into())
}

const WRITES: bool = true;
const READS: bool = false;
/// How often a request is tried while others change the same records. Each failed attempt is another's success.
const ATTEMPTS_MAX: usize = 64;
