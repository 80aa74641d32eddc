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
use crate::key::grant::{self, GrantRecord, GrantUse};
use crate::key::state::{self, StateRow};
use crate::key::usage::UsageLog;
use crate::key::{Accepts, Key, resolve_key};
use crate::validation::Validation;

pub(crate) use keys::ensure_default_key;

/// Every operation of this service, by name.
pub static OPERATIONS: &[OperationRow] = &[
    row::<CancelKeyDeletionRequest>(&["kms:CancelKeyDeletion"], WRITES, Some(state::CANCEL_DELETION)),
    row::<CreateAliasRequest>(&["kms:CreateAlias"], WRITES, Some(state::NAME)),
    row::<CreateGrantRequest>(&["kms:CreateGrant"], WRITES, Some(state::GRANT)).across_accounts(),
    row::<CreateKeyRequest>(&["kms:CreateKey", "kms:TagResource"], WRITES, None),
    row::<DecryptRequest>(&["kms:Decrypt"], READS, Some(state::USE)).across_accounts(),
    row::<DeleteAliasRequest>(&["kms:DeleteAlias"], WRITES, Some(state::ANY)),
    row::<DescribeKeyRequest>(&["kms:DescribeKey"], READS, Some(state::ANY)).across_accounts(),
    row::<DisableKeyRequest>(&["kms:DisableKey"], WRITES, Some(state::SWITCH)),
    row::<DisableKeyRotationRequest>(&["kms:DisableKeyRotation"], WRITES, Some(state::USE)),
    row::<EnableKeyRequest>(&["kms:EnableKey"], WRITES, Some(state::SWITCH)),
    row::<EnableKeyRotationRequest>(&["kms:EnableKeyRotation"], WRITES, Some(state::USE)),
    row::<EncryptRequest>(&["kms:Encrypt"], READS, Some(state::USE)).across_accounts(),
    row::<GenerateDataKeyRequest>(&["kms:GenerateDataKey"], READS, Some(state::USE)).across_accounts(),
    row::<GenerateDataKeyWithoutPlaintextRequest>(
        &["kms:GenerateDataKeyWithoutPlaintext"],
        READS,
        Some(state::USE),
    )
    .across_accounts(),
    row::<GenerateRandomRequest>(&["kms:GenerateRandom"], READS, None),
    row::<GetKeyLastUsageRequest>(&["kms:GetKeyLastUsage"], READS, Some(state::ANY)),
    row::<GetKeyPolicyRequest>(&["kms:GetKeyPolicy"], READS, Some(state::ANY)),
    row::<GetKeyRotationStatusRequest>(&["kms:GetKeyRotationStatus"], READS, Some(state::ROTATION_STATUS))
        .across_accounts(),
    row::<ListAliasesRequest>(&["kms:ListAliases"], READS, Some(state::ANY)),
    row::<ListGrantsRequest>(&["kms:ListGrants"], READS, Some(state::ANY)).across_accounts(),
    row::<ListKeyPoliciesRequest>(&["kms:ListKeyPolicies"], READS, Some(state::ANY)),
    row::<ListKeyRotationsRequest>(&["kms:ListKeyRotations"], READS, Some(state::ANY)),
    row::<ListKeysRequest>(&["kms:ListKeys"], READS, None),
    row::<ListResourceTagsRequest>(&["kms:ListResourceTags"], READS, Some(state::ANY)),
    row::<ListRetirableGrantsRequest>(&["kms:ListRetirableGrants"], READS, None),
    row::<PutKeyPolicyRequest>(&["kms:PutKeyPolicy"], WRITES, Some(state::ANY)),
    row::<ReEncryptRequest>(&["kms:ReEncryptFrom", "kms:ReEncryptTo"], READS, Some(state::USE))
        .across_accounts(),
    row::<RetireGrantRequest>(&["kms:RetireGrant"], WRITES, Some(state::ANY)).across_accounts(),
    row::<RevokeGrantRequest>(&["kms:RevokeGrant"], WRITES, Some(state::ANY)).across_accounts(),
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
    (OperationName::CreateGrant, "`GranteeServicePrincipal`, `RetiringServicePrincipal`, `SourceArn`"),
    (OperationName::Decrypt, "`Recipient`"),
    (OperationName::GenerateDataKey, "`Recipient`"),
    (OperationName::GenerateRandom, "`CustomKeyStoreId`, `Recipient`"),
    (
        OperationName::GetKeyLastUsage,
        "nothing, but answers no `CloudTrailEventId`, as there is no audit trail yet",
    ),
    (OperationName::ListGrants, "`GranteeServicePrincipal`"),
    (OperationName::ListKeys, "`OTHER_ACCOUNTS_VIA_RAM`"),
    (
        OperationName::ListRetirableGrants,
        "`RetiringServicePrincipal`; grants on keys of other accounts are not listed",
    ),
];

/// What is known of an operation.
pub struct OperationRow {
    /// Its name.
    pub name: OperationName,
    /// The permissions it needs: one for all of its resources, or one for each.
    pub actions: &'static [&'static str],
    /// Whether it changes anything in the store.
    pub mutates: bool,
    /// Whether it acts on keys of other accounts than the caller's too (API reference: "Cross-account use").
    pub cross_account: bool,
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

/// An operation on one key, named by key id or key ARN, that no grant token and no dry run goes with.
pub(crate) trait HandleKey: Operation + Sync + 'static {
    /// What names the key.
    fn key_id(&self) -> &str;

    /// Judges the other members by the service model.
    fn judge(&self, _: &mut Validation) {}

    /// Judges them by the rules that are not in the model.
    fn check(&self) -> Result<(), KmsError> {
        Ok(())
    }

    /// Does it.
    fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

impl<O: HandleKey> Handle for O {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        let mut validation = Validation::default();
        self.judge(validation.key_id("keyId", self.key_id()));
        validation.finish()?;
        self.check()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, self.key_id(), Accepts::KeyOnly).await
    }

    fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send {
        Self::perform_on_key(call, authorized)
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
#[derive(Debug, Clone)]
pub(crate) struct Protected {
    /// The account it belongs to.
    pub(crate) account: String,
    /// Its ARN, or `*` for the account as such.
    pub(crate) arn: String,
    /// The key, if it is one: a key has a policy of its own.
    pub(crate) key: Option<KeyArn>,
    /// How the request names it; `None` if a ciphertext does.
    pub(crate) named: Option<String>,
    /// What is answered once it is its turn, if it is not there. What comes before it is judged first, there or not.
    pub(crate) not_there: Option<KmsError>,
}

impl Protected {
    /// Something that is not there.
    pub(crate) fn not_there(error: KmsError) -> Self {
        let (account, arn) = (String::new(), String::new());
        Self { account, arn, key: None, named: None, not_there: Some(error) }
    }
}

impl From<&Key> for Protected {
    fn from(key: &Key) -> Self {
        Self { named: key.named.clone(), ..Self::from(&key.arn) }
    }
}

impl From<&KeyArn> for Protected {
    fn from(arn: &KeyArn) -> Self {
        let (account, text) = (arn.as_arn().account().to_owned(), arn.to_string());
        Self { account, named: Some(text.clone()), arn: text, key: Some(arn.clone()), not_there: None }
    }
}

impl From<&AliasArn> for Protected {
    fn from(arn: &AliasArn) -> Self {
        let (account, text) = (arn.as_arn().account().to_owned(), arn.to_string());
        Self { account, named: Some(text.clone()), arn: text, key: None, not_there: None }
    }
}

/// The account as such.
#[derive(Debug)]
pub(crate) struct Account;

impl Target for Account {
    fn resources(&self, call: &Call<'_>) -> Vec<Protected> {
        let (account, all) = (call.scope.account.to_string(), "*".to_owned());
        vec![Protected { account, named: Some(all.clone()), arn: all, key: None, not_there: None }]
    }

    fn keys(&self) -> Vec<&Key> {
        Vec::new()
    }
}

impl Target for Key {
    fn resources(&self, _: &Call<'_>) -> Vec<Protected> {
        vec![Protected::from(self)]
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
    OperationRow { name: O::NAME, actions, mutates, cross_account: false, states, handler: boxed::<O> }
}

impl OperationRow {
    const fn across_accounts(self) -> Self {
        Self { cross_account: true, ..self }
    }
}

fn boxed<'a, O: Handle>(
    call: &'a Call<'a>,
    row: &'static OperationRow,
    request: Request,
) -> BoxFuture<'a, Result<Response, KmsError>> {
    Box::pin(run::<O>(call, row, request))
}

async fn run<O: Handle>(call: &Call<'_>, row: &OperationRow, request: Request) -> Result<Response, KmsError> {
    let action = row.actions.first().copied().unwrap_or_default();
    let request = O::try_from(request).map_err(KmsError::internal)?;
    let (reaches_abroad, is_dry_run) = (row.cross_account, request.is_dry_run());
    let call = &Call { reaches_abroad, is_dry_run, ..call.asking(action) };
    request.validate()?;
    request.grant_tokens().iter().try_for_each(|token| grant::open_token(call, token).map(|_| ()))?;
    for _ in 0..ATTEMPTS_MAX {
        let target = request.resolve(call).await?;
        let authorized = authorize(call, row, &request, target).await?;
        // From here on the call is where its key is.
        let scope = authorized.target().keys().first().map_or(call.scope, |key| &key.scope).clone();
        for key in authorized.target().keys() {
            if let Some(states) = &row.states {
                states.check(&key.arn, &key.stored.record.state)?;
            }
        }
        let used: Vec<_> = match UsageLog::tracks(row.name) {
            true => authorized.target().keys().iter().map(|key| (key.scope.clone(), key.id)).collect(),
            false => Vec::new(),
        };
        match O::perform(&call.at(&scope), authorized).await {
            Ok(_) if request.is_dry_run() => return Err(KmsError::dry_run()),
            Ok(output) if !used.is_empty() => {
                used.into_iter()
                    .for_each(|(scope, key_id)| call.usage.note(&call.at(&scope), key_id, row.name));
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
