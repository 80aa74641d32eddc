//! From the text that names a key to the key.
//!
//! ```text
//! 1234abcd-12ab-34cd-56ef-1234567890ab                      key id       every operation
//! arn:aws:kms:eu-central-1:111122223333:key/1234abcd-…      key ARN      every operation
//! alias/app                                                 alias name   use of keys, DescribeKey
//! arn:aws:kms:eu-central-1:111122223333:alias/app           alias ARN    use of keys, DescribeKey
//! ```
//!
//! Every text that names nothing has its error and AWS's words for it. Whether the caller may know that the key
//! exists is a question of authorisation and not asked here.

use keyfold_protocol::{AliasName, Arn, KeyArn, KeyId, KmsError, Resource};

use super::alias;
use super::record::KeyRecord;
use crate::call::Call;
use crate::error::RecordError;
use crate::root::barrier::{Place, Stored};

/// A KMS key that a request names.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) arn: KeyArn,
    pub(crate) stored: Stored<KeyRecord>,
}

/// Which names of keys an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Key ids and key ARNs.
    KeyOnly,
    /// These, alias names and alias ARNs.
    KeyOrAlias,
}

/// The key that `text` names.
pub(crate) async fn resolve_key(call: &Call<'_>, text: &str, accepts: Accepts) -> Result<Key, KmsError> {
    let key_id = match parse(call, text)? {
        Name::Key(key_id) => key_id,
        Name::Alias(_) if accepts == Accepts::KeyOnly => return Err(KmsError::invalid_key_id(text)),
        Name::Alias(name) => {
            let found = alias::find(call, &name).await?;
            found.ok_or_else(|| KmsError::alias_not_found(&call.scope.alias_arn(&name)))?.record.target
        }
    };
    let found = load_key(call, &key_id).await?;
    found.ok_or_else(|| KmsError::key_not_found(&call.scope.key_arn(&key_id)))
}

/// The key with this id, if there is one.
pub(crate) async fn load_key(call: &Call<'_>, key_id: &KeyId) -> Result<Option<Key>, RecordError> {
    let stored = call.barrier.get(&Place::key(call.scope, key_id)).await?;
    Ok(stored.map(|stored| Key { id: *key_id, arn: call.scope.key_arn(key_id), stored }))
}

enum Name {
    Key(KeyId),
    Alias(AliasName),
}

fn parse(call: &Call<'_>, text: &str) -> Result<Name, KmsError> {
    let invalid = || KmsError::invalid_key_id(text);
    if text.starts_with("arn:") {
        let arn: Arn = text.parse().map_err(|_| KmsError::invalid_arn(text))?;
        if arn.partition() != call.scope.partition.as_str() {
            return Err(KmsError::invalid_arn(text));
        }
        if arn.region() != call.scope.region.as_str() {
            return Err(KmsError::arn_of_another_region(arn.region()));
        }
        let is_here = arn.account() == call.scope.account.as_str();
        return match arn.resource() {
            Resource::Key(name) if is_here => name.parse().map(Name::Key).map_err(|_| invalid()),
            Resource::Alias(name) if is_here => {
                format!("{}{name}", AliasName::PREFIX).parse().map(Name::Alias).map_err(|_| invalid())
            }
            // No key of another account can be used yet, so none is there.
            Resource::Key(_) => KeyArn::try_from(arn)
                .map_or_else(|_| Err(invalid()), |arn| Err(KmsError::key_not_found(&arn))),
            Resource::Alias(_) => Err(invalid()),
        };
    }
    if text.starts_with(AliasName::PREFIX) {
        return text.parse().map(Name::Alias).map_err(|_| invalid());
    }
    text.parse().map(Name::Key).map_err(|_| invalid())
}
