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
