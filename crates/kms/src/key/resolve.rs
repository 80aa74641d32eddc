//! From the text that names a key to the key.
//!
//! ```text
//! 1234abcd-12ab-34cd-56ef-1234567890ab                      key id       every operation
//! arn:aws:kms:eu-central-1:111122223333:key/1234abcd-…      key ARN      every operation
//! alias/app                                                 alias name   use of keys, DescribeKey
//! arn:aws:kms:eu-central-1:111122223333:alias/app           alias ARN    use of keys, DescribeKey
//! ```
//!
//! Every text that names nothing has its error and AWS's words for it. Whether the caller may know that a key of its
//! own account exists is a question of authorisation and not asked here; what is not there in another account gets
//! the answer that authorisation gives to who may not use it.

use keyfold_protocol::{AliasName, Arn, KeyArn, KeyId, KmsError, Resource};

use super::record::KeyRecord;
use super::{alias, managed};
use crate::call::{Call, Scope};
use crate::error::RecordError;
use crate::root::barrier::{Place, Stored};

/// A KMS key that a request names.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) arn: KeyArn,
    /// The account and Region that it is in.
    pub(crate) scope: Scope,
    /// How the request names it; `None` if a ciphertext does.
    pub(crate) named: Option<String>,
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
    let (scope, name) = parse(call, text)?;
    let call = &call.at(&scope);
    if call.is_abroad() && !call.reaches_abroad {
        return Err(call.not_accessible(text));
    }
    let not_there = |error: KmsError| if call.is_abroad() { call.not_accessible(text) } else { error };
    let key_id = match name {
        Name::Key(key_id) => key_id,
        Name::Alias(_) if accepts == Accepts::KeyOnly => return Err(KmsError::invalid_key_id(text)),
        Name::Alias(name) => {
            let found = match alias::find(call, &name).await? {
                Some(found) => Some(found.record.target),
                None => managed::ensure(call, &name).await?,
            };
            found.ok_or_else(|| not_there(KmsError::alias_not_found(&scope.alias_arn(&name))))?
        }
    };
    let found = load_key(call, &key_id).await?;
    let key = found.ok_or_else(|| not_there(KmsError::key_not_found(&scope.key_arn(&key_id))))?;
    Ok(Key { named: Some(text.to_owned()), ..key })
}

/// The key with this id, if there is one.
pub(crate) async fn load_key(call: &Call<'_>, key_id: &KeyId) -> Result<Option<Key>, RecordError> {
    let stored = call.barrier.get(&Place::key(call.scope, key_id)).await?;
    Ok(stored.map(|stored| {
        let (arn, scope) = (call.scope.key_arn(key_id), call.scope.clone());
        Key { id: *key_id, arn, scope, named: None, stored }
    }))
}

enum Name {
    Key(KeyId),
    Alias(AliasName),
}

/// What a text names, and where that is.
fn parse(call: &Call<'_>, text: &str) -> Result<(Scope, Name), KmsError> {
    let invalid = || KmsError::invalid_key_id(text);
    if text.starts_with("arn:") {
        let arn: Arn = text.parse().map_err(|_| KmsError::invalid_arn(text))?;
        if arn.partition() != call.scope.partition.as_str() {
            return Err(KmsError::invalid_arn(text));
        }
        if arn.region() != call.scope.region.as_str() {
            return Err(KmsError::arn_of_another_region(arn.region()));
        }
        let account = arn.account().parse().map_err(|_| invalid())?;
        let name = match arn.resource() {
            Resource::Key(name) => name.parse().map(Name::Key),
            Resource::Alias(name) => format!("{}{name}", AliasName::PREFIX).parse().map(Name::Alias),
        };
        return Ok((Scope { account, ..call.scope.clone() }, name.map_err(|_| invalid())?));
    }
    let name = match text.starts_with(AliasName::PREFIX) {
        true => text.parse().map(Name::Alias),
        false => text.parse().map(Name::Key),
    };
    Ok((call.scope.clone(), name.map_err(|_| invalid())?))
}
