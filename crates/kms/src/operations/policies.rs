//! Key policies: GetKeyPolicy, PutKeyPolicy, ListKeyPolicies.
//!
//! A key has one policy, named `default`. What a document may say is judged in [`crate::authz::key_policy`].

use keyfold_protocol::KmsError;
use keyfold_protocol::operations::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse,
    PutKeyPolicyRequest, PutKeyPolicyResponse,
};

use super::HandleKey;
use crate::authz::check::Authorized;
use crate::authz::key_policy::{self, POLICY_NAME};
use crate::call::Call;
use crate::error::Fault;
use crate::page::Page;
use crate::root::barrier::Place;
use crate::validation::{Validation, refuse};

impl HandleKey for GetKeyPolicyRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation.policy_name(self.policy_name.as_ref());
    }

    fn check(&self) -> Result<(), KmsError> {
        only_default(self.policy_name.as_ref())
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<GetKeyPolicyResponse, Fault> {
        let found = key_policy::find(call, &authorized.target().id).await?;
        let mut response = GetKeyPolicyResponse::new();
        response.policy = Some(key_policy::document(call, found));
        response.policy_name = Some(POLICY_NAME.to_owned());
        Ok(response)
    }
}

impl HandleKey for PutKeyPolicyRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation.policy_name(self.policy_name.as_ref()).policy(Some(&self.policy));
    }

    fn check(&self) -> Result<(), KmsError> {
        let name = self.policy_name.as_ref();
        if name.is_some_and(|name| name == RAM_POLICY_NAME) {
            return Err(refuse("The AWS_RAM policy can only be managed by the RAM service."));
        }
        only_default(name)
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<PutKeyPolicyResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        let bypass = request.bypass_policy_lockout_safety_check == Some(true);
        let found = key_policy::find(call, &key.id).await?;
        let policy = key_policy::admit(call, &key.arn, &request.policy, bypass).await?;
        let mut changes = call.barrier.changes();
        // A key that is erased meanwhile gets no policy.
        changes.unchanged(&key.stored);
        authorized.hold(&mut changes);
        match &found {
            Some(stored) => changes.replace(stored, &policy)?,
            None => changes.create(Place::key_policy(call.scope, &key.id), &policy)?,
        }
        changes.commit().await?;
        Ok(PutKeyPolicyResponse::new())
    }
}

impl HandleKey for ListKeyPoliciesRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation.page(self.limit, 1000, self.marker.as_ref());
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<ListKeyPoliciesResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        // The one name fits on every page, so no marker was ever answered.
        Page::new(call, format!("policies of {}", key.id), request.limit, 100, request.marker.as_ref())?;
        Ok(ListKeyPoliciesResponse::new([POLICY_NAME.to_owned()], false))
    }
}

impl Validation {
    /// A policy document, if it is there (service model: `PolicyType`).
    pub(super) fn policy(&mut self, document: Option<&String>) -> &mut Self {
        let Some(document) = document else { return self };
        let is_of_pattern =
            document.chars().all(|c| matches!(c, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{ff}'));
        self.bytes("policy", document.chars().count(), 1..=POLICY_CHARS_MAX).pattern(
            "policy",
            document,
            is_of_pattern,
            "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
        )
    }

    fn policy_name(&mut self, name: Option<&String>) -> &mut Self {
        let Some(name) = name else { return self };
        let is_of_pattern = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        self.text("policyName", name, 1..=128).pattern("policyName", name, is_of_pattern, "[\\w]+")
    }
}

fn only_default(name: Option<&String>) -> Result<(), KmsError> {
    match name {
        Some(name) if name != POLICY_NAME => {
            Err(KmsError::new(keyfold_protocol::ErrorKind::NotFound, "No such policy exists"))
        }
        _ => Ok(()),
    }
}

/// Service model: `PolicyType`, in characters.
const POLICY_CHARS_MAX: usize = 131_072;
const RAM_POLICY_NAME: &str = "AWS_RAM";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyfold_protocol::operations::{CreateGrantRequest, ListGrantsRequest};
    use keyfold_protocol::{GrantOperation, KmsExt as _};

    use super::*;
    use crate::authz::check::authorize;
    use crate::operations::{Handle, row_of};
    use crate::principals::{Identity, Principal};
    use crate::{Embedded, RootOfTrust, SystemClock};

    const ALICE: &str = "arn:aws:iam::000000000000:user/alice";

    fn without_alice() -> String {
        let statement = |effect: &str, principal: &str| {
            let principal = format!(r#"{{"AWS":"arn:aws:iam::000000000000:{principal}"}}"#);
            format!(r#"{{"Effect":"{effect}","Principal":{principal},"Action":"kms:*","Resource":"*"}}"#)
        };
        format!(r#"{{"Statement":[{},{}]}}"#, statement("Allow", "root"), statement("Deny", "user/alice"))
    }

    /// What a request of alice does when the owner shuts her out between its judgement and its deed.
    async fn overtaken<O: Handle>(kms: &Embedded, alice: &Principal, key_id: &str, request: O) -> Fault {
        let (service, row) = (kms.service(), row_of(O::NAME).unwrap());
        let call = service.call_in(service.scope(), alice.clone()).asking(row.actions[0]);
        let target = request.resolve(&call).await.unwrap();
        let authorized = authorize(&call, row, &request, target).await.unwrap();
        kms.send(PutKeyPolicyRequest::new(key_id, without_alice())).await.unwrap();
        let Err(fault) = O::perform(&call, authorized).await else { panic!("{} succeeded", O::NAME) };
        let target = request.resolve(&call).await.unwrap();
        assert!(authorize(&call, row, &request, target).await.is_err(), "{}", O::NAME);
        fault
    }

    #[test]
    fn whoever_is_shut_out_by_a_new_policy_gives_no_permission_any_more() {
        let home = tempfile::tempdir().unwrap();
        pollster::block_on(async {
            let open = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, Arc::new(SystemClock));
            let kms = open.await.unwrap();
            let key = kms.ensure_default_key().await.unwrap().arn.resource_id().to_owned();
            let default = kms.send(GetKeyPolicyRequest::new(&*key)).await.unwrap().policy.unwrap();
            let (account, name) = (kms.service().scope().account.clone(), "alice".parse().unwrap());
            kms.service().create_user(&account, &name).await.unwrap();
            let identity = Identity::User { account: account.clone(), name: name.clone() };
            let all = r#"{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
            kms.service().put_policy(&identity, &"all".parse().unwrap(), all).await.unwrap();
            let alice = Principal::User { account, name };

            let put = || PutKeyPolicyRequest::new(&*key, &*default);
            let mut grant = CreateGrantRequest::new(&*key, vec![GrantOperation::Decrypt]);
            grant.grantee_principal = Some(ALICE.into());
            // By the default policy, which is not kept, and by one that is.
            for _ in 0..2 {
                assert!(matches!(overtaken(&kms, &alice, &key, put()).await, Fault::Conflict));
                let policy = kms.send(GetKeyPolicyRequest::new(&*key)).await.unwrap().policy.unwrap();
                assert_eq!(policy, without_alice(), "it stays as the owner has put it");
                kms.send(put()).await.unwrap();
            }
            assert!(matches!(overtaken(&kms, &alice, &key, grant).await, Fault::Conflict));
            assert!(kms.send(ListGrantsRequest::new(&*key)).await.unwrap().grants.is_empty());
        });
    }
}
