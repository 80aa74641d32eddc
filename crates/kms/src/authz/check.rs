//! The only place that mints [`Authorized`].
//!
//! It judges principal, action and resource; it does not look at the state of a key, which is judged after it, so
//! that who may not use a key does not learn its state. Of a key of another account, who may not use it does not
//! learn either whether it is there: whatever the reason is, the answer is that for a key that is not. Who wins is
//! decided in [`super::decision`].

use keyfold_protocol::{KeyArn, KeyId, KmsError};

use super::decision::{Refusal, Whose, decide};
use super::key_policy;
use super::policy::{Access, Policy};
use super::standing::Standing;
use crate::call::{Call, Scope};
use crate::error::RecordError;
use crate::key::grant::{self, Asked};
use crate::operations::{Handle, OperationRow, Protected, Target as _};
use crate::root::barrier::Changes;
use crate::store::Condition;

/// A request that may be performed on its target. There is no other way to get one than [`authorize`].
#[derive(Debug)]
pub(crate) struct Authorized<'r, O: Handle> {
    request: &'r O,
    target: O::Target,
    /// That the keys have the policies still by which it was judged.
    judged_by: Vec<Condition>,
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

    /// Lets `changes` happen only while the keys have the policies by which the request was judged. For what gives
    /// permission away: nobody shall do that once a new policy has taken the right to do it.
    pub(crate) fn hold(&self, changes: &mut Changes<'_>) {
        self.judged_by.iter().for_each(|condition| changes.only_if(condition.clone()));
    }
}

/// Judges every access that `request` needs to act on `target`.
pub(crate) async fn authorize<'r, O: Handle>(
    call: &Call<'_>,
    row: &OperationRow,
    request: &'r O,
    target: O::Target,
) -> Result<Authorized<'r, O>, KmsError> {
    let standing = Standing::load(call).await?;
    let mut judged_by = Vec::new();
    // One permission for each resource; if there are fewer, the last is for all that follow.
    let last = row.actions.last().copied().into_iter().cycle();
    for (resource, action) in target.resources(call).iter().zip(row.actions.iter().copied().chain(last)) {
        if let Some(error) = &resource.not_there {
            return Err(error.clone());
        }
        let access =
            Access { principal: &call.principal, id: standing.id(), action, resource: &resource.arn };
        let is_own = resource.account == call.principal.account().as_str();
        let whose = if is_own { Whose::Own } else { Whose::Foreign };
        let judged = match whose {
            Whose::Foreign if !row.cross_account => Err(Refusal::OwnAccountOnly),
            _ => {
                let (key_policy, condition) = key_policy_of(call, resource).await?.unzip();
                judged_by.extend(condition);
                decide(access, whose, key_policy.as_ref(), &standing)
            }
        };
        let Err(refusal) = judged else { continue };
        if !refusal.yields_to_grant(whose, action) || !is_granted(call, request, &target, access).await? {
            return Err(tell(refusal, call, whose, resource, access));
        }
    }
    Ok(Authorized { request, target, judged_by })
}

/// Judges the call's action on a key of its account that is about to be made with this policy, as [`authorize`] will
/// once it is there.
pub(crate) async fn authorize_on_new(call: &Call<'_>, policy: &Policy, arn: &KeyArn) -> Result<(), KmsError> {
    let (standing, resource) = (Standing::load(call).await?, Protected::from(arn));
    let (principal, action) = (&call.principal, call.action);
    let access = Access { principal, id: standing.id(), action, resource: &resource.arn };
    let judged = decide(access, Whose::Own, Some(policy), &standing);
    judged.map_err(|refusal| tell(refusal, call, Whose::Own, &resource, access))
}

/// Whether `policy`, as the policy of the key `arn`, would let the caller replace it.
pub(crate) async fn may_put_policy_again(
    call: &Call<'_>,
    policy: &Policy,
    arn: &KeyArn,
) -> Result<bool, KmsError> {
    let (standing, arn) = (Standing::load(call).await?, arn.to_string());
    let action = "kms:PutKeyPolicy";
    let access = Access { principal: &call.principal, id: standing.id(), action, resource: &arn };
    Ok(decide(access, Whose::Own, Some(policy), &standing).is_ok())
}

/// The policy of a resource, if it is a key, and the condition that it has it still.
async fn key_policy_of(
    call: &Call<'_>,
    resource: &Protected,
) -> Result<Option<(Policy, Condition)>, RecordError> {
    let Some(arn) = &resource.key else { return Ok(None) };
    let (scope, key_id) = place_of(arn)?;
    Ok(Some(key_policy::load(&call.at(&scope), &key_id).await?))
}

/// Whether a grant allows what no policy allows and none denies.
async fn is_granted<O: Handle>(
    call: &Call<'_>,
    request: &O,
    target: &O::Target,
    access: Access<'_>,
) -> Result<bool, KmsError> {
    let Ok(arn) = access.resource.parse::<KeyArn>() else { return Ok(false) };
    let (scope, key_id) = place_of(&arn)?;
    let asked = Asked {
        principals: &access.principal.arns(&call.scope.partition),
        id: access.id,
        action: access.action,
        of: request.grant_use(access.action),
        about: target.grant(),
    };
    Ok(grant::allows(&call.at(&scope), &key_id, &asked).await?)
}

/// What the caller is told.
fn tell(
    refusal: Refusal,
    call: &Call<'_>,
    whose: Whose,
    resource: &Protected,
    access: Access<'_>,
) -> KmsError {
    let principal = access.principal.arn(&call.scope.partition);
    if whose == Whose::Foreign {
        let error = match &resource.named {
            Some(named) => KmsError::access_denied_elsewhere(&principal, access.action, named),
            None => KmsError::key_behind_ciphertext_not_accessible(),
        };
        return error.caused_by(refusal);
    }
    match refusal {
        Refusal::Denied(policy_type) => {
            KmsError::explicitly_denied(&principal, access.action, access.resource, policy_type)
        }
        Refusal::KeyPolicySilent | Refusal::OwnAccountOnly => {
            KmsError::access_denied(&principal, access.action, access.resource)
        }
        Refusal::IdentitySilent | Refusal::Nobody => {
            KmsError::access_denied_by_identity(&principal, access.action, access.resource)
        }
    }
}

/// Where the key of an ARN that was made here is kept.
fn place_of(arn: &KeyArn) -> Result<(Scope, KeyId), RecordError> {
    let damaged = |_| RecordError::Damaged;
    let parts = arn.as_arn();
    let scope = Scope {
        partition: parts.partition().parse().map_err(damaged)?,
        account: parts.account().parse().map_err(damaged)?,
        region: parts.region().parse().map_err(damaged)?,
    };
    Ok((scope, arn.resource_id().parse().map_err(damaged)?))
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

    use crate::operations::{OPERATIONS, dispatch};
    use crate::principals::Principal;
    use crate::{Embedded, RootOfTrust, SystemClock};

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
            let account = kms.service().scope().account.clone();
            kms.service().create_user(&account, &"alice".parse().unwrap()).await.unwrap();
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
                let is_told = message.starts_with(&format!("{start}{} on resource: ", row.actions[0]))
                    || message
                        .starts_with("The ciphertext refers to a customer master key that does not exist");
                assert!(is_told, "{message}");
            }
            let described = kms.send(DescribeKeyRequest::new(key_id)).await.unwrap().key_metadata;
            assert_eq!(described.enabled, Some(false), "nothing has happened");
            assert_eq!(kms.send(ListKeysRequest::new()).await.unwrap().keys.len(), 1);
            assert_eq!(kms.send(ListAliasesRequest::new()).await.unwrap().aliases.len(), 1);
        });
    }
}
