//! The policy of a key: where it is kept, the one that a key has without being given any, and what a new one must
//! be before it is taken.
//!
//! ```text
//! key-policy/<account>/<Region>/<key id>    KeyPolicy: the document, to the letter as it was given
//! ```
//!
//! A key without such a record has the default policy, so has every key made before there were policies. Beside the
//! document stand the unique ids of the users and roles that it names, as they were when it was put: whoever gets
//! one of these names later is not meant. What a policy says of an access is in [`super::policy`].

use keyfold_crypto::SecretBytes;
use keyfold_protocol::{ErrorKind, KeyArn, KeyId, KmsError, Partition};
use serde::{Deserialize, Serialize};

use super::check;
use super::policy::{AttachedTo, Policy, PolicyError};
use crate::call::{Call, Scope};
use crate::error::RecordError;
use crate::key::record::{from_json, to_json};
use crate::principals::named::UniqueIds;
use crate::root::barrier::{Place, Record, Stored};
use crate::store::Condition;

/// The name that every key policy has.
pub(crate) const POLICY_NAME: &str = "default";
/// Longest key policy, in bytes (KMS quotas: "Key policy document size").
pub(crate) const KEY_POLICY_LEN_MAX: usize = 32 * 1024;

/// A policy that a key was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyPolicy {
    pub(crate) document: String,
    /// The users and roles that it names.
    pub(crate) principals: UniqueIds,
}

impl Record for KeyPolicy {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

impl KeyPolicy {
    /// What it says, of the principals that it was put for. One that does not read is a damaged record: nothing is
    /// allowed by it.
    pub(crate) fn read(&self, partition: &Partition) -> Result<Policy, RecordError> {
        let policy = Policy::parse(&self.document, AttachedTo::Key, partition).ok();
        policy.and_then(|policy| policy.bound(&self.principals, partition)).ok_or(RecordError::Damaged)
    }
}

/// The policy that a key was given, if it was.
pub(crate) async fn find(call: &Call<'_>, key_id: &KeyId) -> Result<Option<Stored<KeyPolicy>>, RecordError> {
    call.barrier.get(&Place::key_policy(call.scope, key_id)).await
}

/// The policy of a key as text.
pub(crate) fn document(call: &Call<'_>, found: Option<Stored<KeyPolicy>>) -> String {
    found.map_or_else(|| default_document(call.scope), |stored| stored.record.document)
}

/// The policy of a key, read, and the condition that the key has it still.
pub(crate) async fn load(call: &Call<'_>, key_id: &KeyId) -> Result<(Policy, Condition), RecordError> {
    let found = find(call, key_id).await?;
    let condition = Place::key_policy(call.scope, key_id).as_found(found.as_ref());
    let by_default = || KeyPolicy { document: default_document(call.scope), principals: UniqueIds::new() };
    let policy = found.map_or_else(by_default, |stored| stored.record);
    Ok((policy.read(&call.scope.partition)?, condition))
}

/// A new policy for the key `arn`, if it may be one: within its limit, evaluable in every part, with principals that
/// exist, and, unless `bypass` waives that, one that lets the caller replace it again.
pub(crate) async fn admit(
    call: &Call<'_>,
    arn: &KeyArn,
    document: &str,
    bypass: bool,
) -> Result<KeyPolicy, KmsError> {
    if document.len() > KEY_POLICY_LEN_MAX {
        return Err(KmsError::new(
            ErrorKind::LimitExceeded,
            format!("The policy document is longer than {KEY_POLICY_LEN_MAX} bytes."),
        ));
    }
    let policy = Policy::parse(document, AttachedTo::Key, &call.scope.partition)?;
    let mut principals = UniqueIds::new();
    for named in policy.named() {
        if !named.note_unique_id(call, &mut principals).await? {
            return Err(PolicyError::NoSuchPrincipal.into());
        }
    }
    let policy = policy.bound(&principals, &call.scope.partition).ok_or(RecordError::Incomplete)?;
    if !bypass && !check::may_put_policy_again(call, &policy, arn).await? {
        return Err(KmsError::new(
            ErrorKind::MalformedPolicyDocument,
            "The new key policy will not allow you to update the key policy in the future.",
        ));
    }
    Ok(KeyPolicy { document: document.to_owned(), principals })
}

/// The default key policy, laid out as AWS lays it out.
fn default_document(scope: &Scope) -> String {
    let Scope { partition, account, .. } = scope;
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}
