//! The only place that mints [`Authorized`].
//!
//! It judges principal, action and resource; it does not look at the state of a key, which is judged after it, so
//! that who may not use a key does not learn its state.

use keyfold_protocol::KmsError;

use crate::call::{Call, Principal};
use crate::operations::{Handle, OperationRow, Target as _};

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
pub(crate) fn authorize<'r, O: Handle>(
    call: &Call<'_>,
    row: &OperationRow,
    request: &'r O,
    target: O::Target,
) -> Result<Authorized<'r, O>, KmsError> {
    // One permission for each resource; if there are fewer, the last is for all that follow.
    let last = row.actions.last().copied().into_iter().cycle();
    for (resource, action) in target.resources(call).iter().zip(row.actions.iter().copied().chain(last)) {
        let is_allowed = match &call.principal {
            Principal::AccountRoot(own) => resource.account == own.as_str(),
        };
        if !is_allowed {
            let principal = call.principal.arn(&call.scope.partition);
            return Err(KmsError::access_denied(&principal, action, &resource.arn));
        }
    }
    Ok(Authorized { request, target })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyfold_crypto::SecretBytes;
    use keyfold_protocol::operations::{
        CancelKeyDeletionRequest, CreateAliasRequest, CreateKeyRequest, DecryptRequest, DeleteAliasRequest,
        DescribeKeyRequest, DisableKeyRequest, EnableKeyRequest, EncryptRequest, GenerateDataKeyRequest,
        GenerateDataKeyWithoutPlaintextRequest, GenerateRandomRequest, ListAliasesRequest, ListKeysRequest,
        OperationName, ReEncryptRequest, Request, RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest,
        UpdateAliasRequest,
    };
    use keyfold_protocol::{AccountId, ErrorKind, KmsExt as _};

    use super::*;
    use crate::operations::{OPERATIONS, dispatch};
    use crate::{Embedded, RootOfTrust, SystemClock};

    /// A valid request of every operation, on the key `alias/default`.
    fn requests(key_id: &str, blob: &[u8]) -> Vec<Request> {
        let mut data_key = GenerateDataKeyRequest::new(key_id);
        data_key.number_of_bytes = Some(32);
        let mut encrypted_data_key = GenerateDataKeyWithoutPlaintextRequest::new(key_id);
        encrypted_data_key.number_of_bytes = Some(32);
        let mut random = GenerateRandomRequest::new();
        random.number_of_bytes = Some(32);
        vec![
            CancelKeyDeletionRequest::new(key_id).into(),
            CreateAliasRequest::new("alias/new", key_id).into(),
            CreateKeyRequest::new().into(),
            DecryptRequest::new(blob).into(),
            DeleteAliasRequest::new("alias/default").into(),
            DescribeKeyRequest::new(key_id).into(),
            DisableKeyRequest::new(key_id).into(),
            EnableKeyRequest::new(key_id).into(),
            EncryptRequest::new(key_id, SecretBytes::copied_from(b"x")).into(),
            data_key.into(),
            encrypted_data_key.into(),
            random.into(),
            ListAliasesRequest::new().into(),
            ListKeysRequest::new().into(),
            ReEncryptRequest::new(blob, key_id).into(),
            RotateKeyOnDemandRequest::new(key_id).into(),
            ScheduleKeyDeletionRequest::new(key_id).into(),
            UpdateAliasRequest::new("alias/default", key_id).into(),
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
            kms.send(DisableKeyRequest::new(key_id)).await.unwrap();

            let requests = requests(key_id, &blob);
            let names: Vec<_> = requests.iter().map(Request::operation).collect();
            assert_eq!(names, OperationName::ALL, "every operation has its case");
            for (request, row) in requests.into_iter().zip(OPERATIONS) {
                let stranger = Principal::AccountRoot(AccountId::from_number(1).unwrap());
                let error = dispatch(&kms.service().call_of(stranger), request).await.unwrap_err();
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
