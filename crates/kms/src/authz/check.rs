//! The only place that mints [`Authorized`].
//!
//! It judges principal, action and resource; it does not look at the state of a key, which is judged after it, so
//! that who may not use a key does not learn its state.
//!
//! ```text
//! a Deny in the key policy or an identity policy                             refused, whatever else is said
//! the key policy allows the principal itself, or everybody                   allowed
//! the key policy allows the account, and an identity policy the principal    allowed
//! a grant                                                                    allowed
//! nothing of these                                                           refused
//! ```
//!
//! What is no key has no policy of its own: there identity policies decide alone. The root of an account counts as
//! allowed by its identity everything in the account. A principal whose account or user does not exist may do
//! nothing, and nobody may do anything in another account. The truth is "Policy evaluation logic" of AWS IAM and
//! "Key policies in AWS KMS".

use keyfold_protocol::{KeyArn, KeyId, KmsError};

use super::key_policy;
use super::policy::{Access, AttachedTo, Policy, Says};
use crate::call::Call;
use crate::error::RecordError;
use crate::key::grant;
use crate::operations::{Handle, OperationRow, Protected, Target as _};
use crate::principals::{Principal, account_exists, find_user};

/// A request that may be performed on its target. There is no other way to get one than [`authorize`].
#[derive(Debug)]
pub(crate) struct Authorized<'r, O: Handle> {
    request: &'r O,
    target: O::Target,
}

impl<O: Handle> Authorized<'_, O> {
    /// The request.
    pub(crate) fn request(&self) -> &O {
        self.request
    }

    /// What it acts on.
    pub(crate) fn target(&self) -> &O::Target {
        &self.target
    }
}

/// Judges every access that `request` needs to act on `target`.
pub(crate) async fn authorize<'r, O: Handle>(
    call: &Call<'_>,
    row: &OperationRow,
    request: &'r O,
    target: O::Target,
) -> Result<Authorized<'r, O>, KmsError> {
    let identity = Identity::load(call).await?;
    // One permission for each resource; if there are fewer, the last is for all that follow.
    let last = row.actions.last().copied().into_iter().cycle();
    for (resource, action) in target.resources(call).iter().zip(row.actions.iter().copied().chain(last)) {
        let access = Access { principal: &call.principal, action, resource: &resource.arn };
        let Err(refusal) = judge(call, &identity, resource, access).await? else { continue };
        let is_granted = match refusal {
            Refusal::Denied(_) | Refusal::Nobody => false,
            Refusal::KeyPolicySilent | Refusal::IdentitySilent => {
                grant_allows(call, request, &target, access).await?
            }
        };
        if !is_granted {
            return Err(refusal.tell(call, access));
        }
    }
    Ok(Authorized { request, target })
}

/// Whether a grant allows what no policy allows and none denies.
async fn grant_allows<O: Handle>(
    call: &Call<'_>,
    request: &O,
    target: &O::Target,
    access: Access<'_>,
) -> Result<bool, KmsError> {
    let principal = access.principal.arn(&call.scope.partition);
    let wanted = (principal.as_str(), access.action, access.resource);
    Ok(grant::allows(call, wanted, request.grant_use(access.action), target.grant()).await?)
}

/// Whether `policy`, as the policy of the key `arn`, would let the caller replace it.
pub(crate) async fn may_put_policy_again(
    call: &Call<'_>,
    policy: &Policy,
    arn: &KeyArn,
) -> Result<bool, KmsError> {
    let arn = arn.to_string();
    let access = Access { principal: &call.principal, action: "kms:PutKeyPolicy", resource: &arn };
    Ok(decide(access, Some(policy), &Identity::load(call).await?).is_ok())
}

/// What the caller brings along.
#[derive(Debug)]
enum Identity {
    /// The account or the user does not exist.
    Nobody,
    /// The root of an account, for whom there are no identity policies: all of the account is its own.
    Root,
    /// A user, with its policies.
    User(Vec<Policy>),
}

impl Identity {
    async fn load(call: &Call<'_>) -> Result<Self, RecordError> {
        match &call.principal {
            Principal::AccountRoot(account) => {
                let exists = account_exists(call.barrier, call.home, account).await?;
                Ok(if exists { Self::Root } else { Self::Nobody })
            }
            Principal::User { account, name } => {
                let Some(user) = find_user(call.barrier, account, name).await? else {
                    return Ok(Self::Nobody);
                };
                let read = |document: &str| {
                    let policy = Policy::parse(document, AttachedTo::Identity, &call.scope.partition);
                    // It was read before it was stored. Passing it over could pass over a Deny.
                    policy.map_err(|_| RecordError::Damaged)
                };
                let policies = user.record.policies.iter().map(|attached| read(&attached.document));
                Ok(Self::User(policies.collect::<Result<_, _>>()?))
            }
        }
    }

    fn says(&self, access: Access<'_>) -> Says {
        match self {
            Self::Nobody => Says::default(),
            Self::Root => Says { allowed: true, ..Says::default() },
            Self::User(policies) => policies.iter().fold(Says::default(), |says, policy| {
                let also = policy.says(access);
                Says { denied: says.denied || also.denied, allowed: says.allowed || also.allowed, ..says }
            }),
        }
    }
}

/// Why an access is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// A policy of this type has a Deny.
    Denied(&'static str),
    /// The key policy allows neither the principal nor its account; or the resource is of another account.
    KeyPolicySilent,
    /// It is left to identity policies, and none allows it.
    IdentitySilent,
    /// The principal does not exist.
    Nobody,
}

impl Refusal {
    fn tell(self, call: &Call<'_>, access: Access<'_>) -> KmsError {
        let principal = access.principal.arn(&call.scope.partition);
        match self {
            Self::Denied(policy_type) => {
                KmsError::explicitly_denied(&principal, access.action, access.resource, policy_type)
            }
            Self::KeyPolicySilent => KmsError::access_denied(&principal, access.action, access.resource),
            Self::IdentitySilent | Self::Nobody => {
                KmsError::access_denied_by_identity(&principal, access.action, access.resource)
            }
        }
    }
}

async fn judge(
    call: &Call<'_>,
    identity: &Identity,
    resource: &Protected,
    access: Access<'_>,
) -> Result<Result<(), Refusal>, KmsError> {
    if resource.account != call.principal.account().as_str()
        || resource.account != call.scope.account.as_str()
    {
        return Ok(Err(Refusal::KeyPolicySilent));
    }
    let key_policy = match &resource.key {
        Some(arn) => {
            let key_id: KeyId = arn.resource_id().parse().map_err(|_| RecordError::Damaged)?;
            Some(key_policy::load(call, &key_id).await?)
        }
        None => None,
    };
    Ok(decide(access, key_policy.as_ref(), identity))
}

/// Who wins. Pure: the whole matrix is a test.
fn decide(access: Access<'_>, key_policy: Option<&Policy>, identity: &Identity) -> Result<(), Refusal> {
    if matches!(identity, Identity::Nobody) {
        return Err(Refusal::Nobody);
    }
    let (key_says, own) = (key_policy.map(|policy| policy.says(access)), identity.says(access));
    if key_says.is_some_and(|says| says.denied) {
        return Err(Refusal::Denied("a resource-based policy"));
    }
    if own.denied {
        return Err(Refusal::Denied("an identity-based policy"));
    }
    match key_says {
        Some(says) if says.allowed => Ok(()),
        Some(says) if !says.delegated => Err(Refusal::KeyPolicySilent),
        Some(_) | None if own.allowed => Ok(()),
        Some(_) | None => Err(Refusal::IdentitySilent),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyfold_crypto::SecretBytes;
    use keyfold_protocol::operations::{
        CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DecryptRequest,
        DeleteAliasRequest, DescribeKeyRequest, DisableKeyRequest, DisableKeyRotationRequest,
        EnableKeyRequest, EnableKeyRotationRequest, EncryptRequest, GenerateDataKeyRequest,
        GenerateDataKeyWithoutPlaintextRequest, GenerateRandomRequest, GetKeyLastUsageRequest,
        GetKeyPolicyRequest, GetKeyRotationStatusRequest, ListAliasesRequest, ListGrantsRequest,
        ListKeyPoliciesRequest, ListKeyRotationsRequest, ListKeysRequest, ListResourceTagsRequest,
        ListRetirableGrantsRequest, OperationName, PutKeyPolicyRequest, ReEncryptRequest, Request,
        RetireGrantRequest, RevokeGrantRequest, RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest,
        TagResourceRequest, UntagResourceRequest, UpdateAliasRequest, UpdateKeyDescriptionRequest,
    };
    use keyfold_protocol::{AccountId, ErrorKind, GrantOperation, KmsExt as _};

    use super::*;
    use crate::operations::{OPERATIONS, dispatch};
    use crate::{Embedded, RootOfTrust, SystemClock};

    /// A policy of one statement for each of `statements`: effect and principal.
    fn key_policy(statements: &[(&str, &str)]) -> Policy {
        let statement = |(effect, principal): &(&str, &str)| {
            format!(
                r#"{{"Effect":"{effect}","Principal":{{"AWS":"{principal}"}},"Action":"kms:Decrypt","Resource":"*"}}"#
            )
        };
        let statements: Vec<_> = statements.iter().map(statement).collect();
        let text = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
        Policy::parse(&text, AttachedTo::Key, &"aws".parse().unwrap()).unwrap()
    }

    fn user_with(effects: &[&str]) -> Identity {
        let policy = |effect: &&str| {
            let text =
                format!(r#"{{"Statement":{{"Effect":"{effect}","Action":"kms:Decrypt","Resource":"*"}}}}"#);
            Policy::parse(&text, AttachedTo::Identity, &"aws".parse().unwrap()).unwrap()
        };
        Identity::User(effects.iter().map(policy).collect())
    }

    #[test]
    fn who_wins() {
        const ME: &str = "arn:aws:iam::000000000001:user/me";
        const YOU: &str = "arn:aws:iam::000000000001:user/you";
        const US: &str = "000000000001";
        const DENIED: Result<(), Refusal> = Err(Refusal::Denied("a resource-based policy"));
        const DENIED_SELF: Result<(), Refusal> = Err(Refusal::Denied("an identity-based policy"));
        const SILENT: Result<(), Refusal> = Err(Refusal::KeyPolicySilent);
        const SILENT_SELF: Result<(), Refusal> = Err(Refusal::IdentitySilent);
        const NOBODY: Result<(), Refusal> = Err(Refusal::Nobody);
        const OK: Result<(), Refusal> = Ok(());
        let account = AccountId::from_number(1).unwrap();
        let root = Principal::AccountRoot(account.clone());
        let me = Principal::User { account, name: "me".parse().unwrap() };
        let callers = [
            (&me, Identity::Nobody),
            (&root, Identity::Root),
            (&me, user_with(&[])),
            (&me, user_with(&["Allow"])),
            (&me, user_with(&["Deny"])),
            (&me, user_with(&["Allow", "Deny"])),
            (&me, user_with(&["Deny", "Allow"])),
        ];
        let no_key = [NOBODY, OK, SILENT_SELF, OK, DENIED_SELF, DENIED_SELF, DENIED_SELF];
        let delegated = no_key;
        let direct = [NOBODY, SILENT, OK, OK, DENIED_SELF, DENIED_SELF, DENIED_SELF];
        let direct_and_delegated = [NOBODY, OK, OK, OK, DENIED_SELF, DENIED_SELF, DENIED_SELF];
        let silent = [NOBODY, SILENT, SILENT, SILENT, DENIED_SELF, DENIED_SELF, DENIED_SELF];
        let all_denied = [NOBODY, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED];
        let me_denied = [NOBODY, OK, DENIED, DENIED, DENIED, DENIED, DENIED];
        for (statements, outcomes) in [
            (None, no_key),
            (Some(&[("Allow", US)][..]), delegated),
            (Some(&[("Allow", ME)]), direct),
            (Some(&[("Allow", "*")]), direct_and_delegated),
            (Some(&[("Allow", ME), ("Allow", US)]), direct_and_delegated),
            (Some(&[("Allow", YOU)]), silent),
            (Some(&[("Deny", YOU), ("Allow", US)]), delegated),
            (Some(&[("Deny", "*"), ("Allow", "*")]), all_denied),
            (Some(&[("Allow", "*"), ("Deny", US)]), all_denied),
            (Some(&[("Allow", US), ("Deny", ME)]), me_denied),
        ] {
            let policy = statements.map(key_policy);
            for ((principal, identity), expected) in callers.iter().zip(outcomes) {
                let access = Access { principal, action: "kms:Decrypt", resource: "*" };
                let outcome = decide(access, policy.as_ref(), identity);
                assert_eq!(outcome, expected, "{statements:?} {identity:?}");
                let other = Access { action: "kms:Encrypt", ..access };
                let is_root = matches!(identity, Identity::Root) && policy.is_none();
                assert_eq!(
                    decide(other, policy.as_ref(), identity).is_ok(),
                    is_root,
                    "nothing is said of it"
                );
            }
        }
    }

    const GRANTEE: &str = "arn:aws:iam::000000000000:user/alice";

    /// A valid request of every operation, on the key `alias/default`.
    fn requests(key_id: &str, blob: &[u8], grant_id: &str) -> Vec<Request> {
        let mut grant = CreateGrantRequest::new(key_id, vec![GrantOperation::Decrypt]);
        grant.grantee_principal = Some(GRANTEE.into());
        let mut retirable = ListRetirableGrantsRequest::new();
        retirable.retiring_principal = Some(GRANTEE.into());
        let mut retire = RetireGrantRequest::new();
        retire.key_id = Some(format!("arn:aws:kms:local:000000000000:key/{key_id}"));
        retire.grant_id = Some(grant_id.into());
        let mut data_key = GenerateDataKeyRequest::new(key_id);
        data_key.number_of_bytes = Some(32);
        let mut encrypted_data_key = GenerateDataKeyWithoutPlaintextRequest::new(key_id);
        encrypted_data_key.number_of_bytes = Some(32);
        let mut random = GenerateRandomRequest::new();
        random.number_of_bytes = Some(32);
        vec![
            CancelKeyDeletionRequest::new(key_id).into(),
            CreateAliasRequest::new("alias/new", key_id).into(),
            grant.into(),
            CreateKeyRequest::new().into(),
            DecryptRequest::new(blob).into(),
            DeleteAliasRequest::new("alias/default").into(),
            DescribeKeyRequest::new(key_id).into(),
            DisableKeyRequest::new(key_id).into(),
            DisableKeyRotationRequest::new(key_id).into(),
            EnableKeyRequest::new(key_id).into(),
            EnableKeyRotationRequest::new(key_id).into(),
            EncryptRequest::new(key_id, SecretBytes::copied_from(b"x")).into(),
            data_key.into(),
            encrypted_data_key.into(),
            random.into(),
            GetKeyLastUsageRequest::new(key_id).into(),
            GetKeyPolicyRequest::new(key_id).into(),
            GetKeyRotationStatusRequest::new(key_id).into(),
            ListAliasesRequest::new().into(),
            ListGrantsRequest::new(key_id).into(),
            ListKeyPoliciesRequest::new(key_id).into(),
            ListKeyRotationsRequest::new(key_id).into(),
            ListKeysRequest::new().into(),
            ListResourceTagsRequest::new(key_id).into(),
            retirable.into(),
            PutKeyPolicyRequest::new(key_id, "{}").into(),
            ReEncryptRequest::new(blob, key_id).into(),
            retire.into(),
            RevokeGrantRequest::new(key_id, grant_id).into(),
            RotateKeyOnDemandRequest::new(key_id).into(),
            ScheduleKeyDeletionRequest::new(key_id).into(),
            TagResourceRequest::new(key_id, vec![]).into(),
            UntagResourceRequest::new(key_id, vec![]).into(),
            UpdateAliasRequest::new("alias/default", key_id).into(),
            UpdateKeyDescriptionRequest::new(key_id, "new").into(),
        ]
    }

    #[test]
    fn a_stranger_may_do_nothing_and_learns_no_state() {
        let home = tempfile::tempdir().unwrap();
        pollster::block_on(async {
            let clock = Arc::new(SystemClock);
            let kms = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, clock).await.unwrap();
            let key = kms.ensure_default_key().await.unwrap();
            let key_id = key.arn.resource_id();
            let plaintext = SecretBytes::copied_from(b"x");
            let blob = kms.send(EncryptRequest::new(key_id, plaintext)).await.unwrap().ciphertext_blob;
            let mut grant = CreateGrantRequest::new(key_id, vec![GrantOperation::Decrypt]);
            grant.grantee_principal = Some(GRANTEE.into());
            let grant_id = kms.send(grant).await.unwrap().grant_id;
            kms.send(DisableKeyRequest::new(key_id)).await.unwrap();

            let requests = requests(key_id, &blob, &grant_id);
            let names: Vec<_> = requests.iter().map(Request::operation).collect();
            assert_eq!(names, OperationName::ALL, "every operation has its case");
            for (request, row) in requests.into_iter().zip(OPERATIONS) {
                let stranger = Principal::AccountRoot(AccountId::from_number(1).unwrap());
                let error = dispatch(&kms.service().call_in(kms.service().scope(), stranger), request)
                    .await
                    .unwrap_err();
                assert_eq!(error.kind(), ErrorKind::AccessDenied, "{}", row.name);
                let message = error.message().unwrap();
                let start = "User: arn:aws:iam::000000000001:root is not authorized to perform: ";
                assert!(
                    message.starts_with(&format!("{start}{} on resource: ", row.actions[0])),
                    "{message}"
                );
            }
            let described = kms.send(DescribeKeyRequest::new(key_id)).await.unwrap().key_metadata;
            assert_eq!(described.enabled, Some(false), "nothing has happened");
            assert_eq!(kms.send(ListKeysRequest::new()).await.unwrap().keys.len(), 1);
            assert_eq!(kms.send(ListAliasesRequest::new()).await.unwrap().aliases.len(), 1);
        });
    }
}
