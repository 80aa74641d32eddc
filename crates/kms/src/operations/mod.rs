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
mod grants;
mod keys;
mod lifecycle;
mod policies;
mod rotation;
mod tags;

use std::fmt;
use std::future::Future;

use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DecryptRequest,
    DeleteAliasRequest, DescribeKeyRequest, DisableKeyRequest, DisableKeyRotationRequest, EnableKeyRequest,
    EnableKeyRotationRequest, EncryptRequest, GenerateDataKeyRequest, GenerateDataKeyWithoutPlaintextRequest,
    GenerateRandomRequest, GetKeyLastUsageRequest, GetKeyPolicyRequest, GetKeyRotationStatusRequest,
    ListAliasesRequest, ListGrantsRequest, ListKeyPoliciesRequest, ListKeyRotationsRequest, ListKeysRequest,
    ListResourceTagsRequest, ListRetirableGrantsRequest, Operation, OperationName, PutKeyPolicyRequest,
    ReEncryptRequest, Request, Response, RetireGrantRequest, RevokeGrantRequest, RotateKeyOnDemandRequest,
    ScheduleKeyDeletionRequest, TagResourceRequest, UntagResourceRequest, UpdateAliasRequest,
    UpdateKeyDescriptionRequest,
};
use keyfold_protocol::{AliasArn, BoxFuture, KeyArn, KmsError};

use crate::authz::check::{Authorized, authorize};
use crate::call::Call;
use crate::error::{Fault, RecordError};
use crate::key::Key;
use crate::key::grant::{self, GrantRecord, GrantUse};
use crate::key::state::{self, StateRow};
use crate::key::usage::UsageLog;

pub(crate) use keys::ensure_default_key;

/// Every operation of this service, by name.
pub static OPERATIONS: &[OperationRow] = &[
    row::<CancelKeyDeletionRequest>(&["kms:CancelKeyDeletion"], WRITES, Some(state::CANCEL_DELETION)),
    row::<CreateAliasRequest>(&["kms:CreateAlias"], WRITES, Some(state::NAME)),
    row::<CreateGrantRequest>(&["kms:CreateGrant"], WRITES, Some(state::GRANT)),
    row::<CreateKeyRequest>(&["kms:CreateKey", "kms:TagResource"], WRITES, None),
    row::<DecryptRequest>(&["kms:Decrypt"], READS, Some(state::USE)),
    row::<DeleteAliasRequest>(&["kms:DeleteAlias"], WRITES, Some(state::ANY)),
    row::<DescribeKeyRequest>(&["kms:DescribeKey"], READS, Some(state::ANY)),
    row::<DisableKeyRequest>(&["kms:DisableKey"], WRITES, Some(state::SWITCH)),
    row::<DisableKeyRotationRequest>(&["kms:DisableKeyRotation"], WRITES, Some(state::USE)),
    row::<EnableKeyRequest>(&["kms:EnableKey"], WRITES, Some(state::SWITCH)),
    row::<EnableKeyRotationRequest>(&["kms:EnableKeyRotation"], WRITES, Some(state::USE)),
    row::<EncryptRequest>(&["kms:Encrypt"], READS, Some(state::USE)),
    row::<GenerateDataKeyRequest>(&["kms:GenerateDataKey"], READS, Some(state::USE)),
    row::<GenerateDataKeyWithoutPlaintextRequest>(
        &["kms:GenerateDataKeyWithoutPlaintext"],
        READS,
        Some(state::USE),
    ),
    row::<GenerateRandomRequest>(&["kms:GenerateRandom"], READS, None),
    row::<GetKeyLastUsageRequest>(&["kms:GetKeyLastUsage"], READS, Some(state::ANY)),
    row::<GetKeyPolicyRequest>(&["kms:GetKeyPolicy"], READS, Some(state::ANY)),
    row::<GetKeyRotationStatusRequest>(&["kms:GetKeyRotationStatus"], READS, Some(state::ROTATION_STATUS)),
    row::<ListAliasesRequest>(&["kms:ListAliases"], READS, Some(state::ANY)),
    row::<ListGrantsRequest>(&["kms:ListGrants"], READS, Some(state::ANY)),
    row::<ListKeyPoliciesRequest>(&["kms:ListKeyPolicies"], READS, Some(state::ANY)),
    row::<ListKeyRotationsRequest>(&["kms:ListKeyRotations"], READS, Some(state::ANY)),
    row::<ListKeysRequest>(&["kms:ListKeys"], READS, None),
    row::<ListResourceTagsRequest>(&["kms:ListResourceTags"], READS, Some(state::ANY)),
    row::<ListRetirableGrantsRequest>(&["kms:ListRetirableGrants"], READS, None),
    row::<PutKeyPolicyRequest>(&["kms:PutKeyPolicy"], WRITES, Some(state::ANY)),
    row::<ReEncryptRequest>(&["kms:ReEncryptFrom", "kms:ReEncryptTo"], READS, Some(state::USE)),
    row::<RetireGrantRequest>(&["kms:RetireGrant"], WRITES, Some(state::ANY)),
    row::<RevokeGrantRequest>(&["kms:RevokeGrant"], WRITES, Some(state::ANY)),
    row::<RotateKeyOnDemandRequest>(&["kms:RotateKeyOnDemand"], WRITES, Some(state::USE)),
    row::<ScheduleKeyDeletionRequest>(&["kms:ScheduleKeyDeletion"], WRITES, Some(state::SCHEDULE_DELETION)),
    row::<TagResourceRequest>(&["kms:TagResource"], WRITES, Some(state::NAME)),
    row::<UntagResourceRequest>(&["kms:UntagResource"], WRITES, Some(state::NAME)),
    row::<UpdateAliasRequest>(&["kms:UpdateAlias"], WRITES, Some(state::NAME)),
    row::<UpdateKeyDescriptionRequest>(&["kms:UpdateKeyDescription"], WRITES, Some(state::NAME)),
];

/// The operations of AWS KMS that are not built yet. Together with [`OPERATIONS`] they are all
/// ([`KNOWN_OPERATIONS`](keyfold_protocol::operations::KNOWN_OPERATIONS)).
pub const NOT_BUILT: &[&str] = &[
    "ConnectCustomKeyStore",
    "CreateCustomKeyStore",
    "Decapsulate",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DisconnectCustomKeyStore",
    "Encapsulate",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ReplicateKey",
    "Sign",
    "UpdateCustomKeyStore",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

/// The operations that are built in part, and what they refuse with `UnsupportedOperationException`.
pub const BUILT_IN_PART: &[(OperationName, &str)] = &[
    (
        OperationName::CreateKey,
        "`KeySpec` other than `SYMMETRIC_DEFAULT`, `Origin` other than `AWS_KMS`, `MultiRegion`, `CustomKeyStoreId`, \
         `XksKeyId`",
    ),
    (
        OperationName::CreateGrant,
        "`GranteeServicePrincipal`, `RetiringServicePrincipal`, `SourceArn`; grants to other accounts have no effect",
    ),
    (OperationName::Decrypt, "`Recipient`, `DryRunModifiers`"),
    (OperationName::GenerateDataKey, "`Recipient`"),
    (OperationName::GenerateRandom, "`CustomKeyStoreId`, `Recipient`"),
    (OperationName::ListGrants, "`GranteeServicePrincipal`"),
    (OperationName::ListKeys, "`OTHER_ACCOUNTS_VIA_RAM`"),
    (OperationName::ListRetirableGrants, "`RetiringServicePrincipal`"),
    (OperationName::ReEncrypt, "`DryRunModifiers`"),
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

    /// The grant tokens of the request, which must be ours.
    fn grant_tokens(&self) -> &[String] {
        &[]
    }

    /// What the request tells a grant that shall allow `action`.
    fn grant_use(&self, _action: &str) -> GrantUse<'_> {
        GrantUse::Plain
    }

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
    /// The one grant that it acts on, if it does.
    fn grant(&self) -> Option<&GrantRecord> {
        None
    }
}

/// A resource that permission is needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protected {
    /// The account it belongs to.
    pub(crate) account: String,
    /// Its ARN, or `*` for the account as such.
    pub(crate) arn: String,
    /// The key, if it is one: a key has a policy of its own.
    pub(crate) key: Option<KeyArn>,
}

impl From<&KeyArn> for Protected {
    fn from(arn: &KeyArn) -> Self {
        Self { account: arn.as_arn().account().to_owned(), arn: arn.to_string(), key: Some(arn.clone()) }
    }
}

impl From<&AliasArn> for Protected {
    fn from(arn: &AliasArn) -> Self {
        Self { account: arn.as_arn().account().to_owned(), arn: arn.to_string(), key: None }
    }
}

/// The account as such.
#[derive(Debug)]
pub(crate) struct Account;

impl Target for Account {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        vec![Protected { account: call.scope.account.to_string(), arn: "*".to_owned(), key: None }]
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
    request.grant_tokens().iter().try_for_each(|token| grant::open_token(call, token).map(|_| ()))?;
    for _ in 0..ATTEMPTS_MAX {
        let target = request.resolve(call).await?;
        let authorized = authorize(call, row, &request, target).await?;
        for key in authorized.target().keys() {
            if let Some(states) = &row.states {
                states.check(&key.arn, &key.stored.record.state)?;
            }
        }
        let used: Vec<_> = match UsageLog::tracks(row.name) {
            true => authorized.target().keys().iter().map(|key| key.id).collect(),
            false => Vec::new(),
        };
        match O::perform(call, authorized).await {
            Ok(_) if request.is_dry_run() => return Err(KmsError::dry_run()),
            Ok(output) if !used.is_empty() => {
                used.into_iter().for_each(|key_id| call.usage.note(call.scope, key_id, row.name, call.now));
                return Ok(output.into());
            }
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
