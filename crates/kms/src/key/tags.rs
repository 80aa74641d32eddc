//! Tags: what users write on a key to sort, to bill and to give permission by.
//!
//! All tags of a key are one record, so that the quota and a change of several tags are one commit. They are not in
//! the key's own record, which is read at every use.

use std::collections::BTreeMap;

use keyfold_crypto::SecretBytes;
use keyfold_protocol::operations::Tag;
use keyfold_protocol::{ErrorKind, KeyId, KmsError};
use serde::{Deserialize, Serialize};

use super::record::{from_json, to_json};
use crate::call::Call;
use crate::error::{Fault, RecordError};
use crate::root::barrier::{Changes, Place, Record, Stored};

/// Most tags that one key may have (AWS: "Maximum number of tags per resource").
pub(crate) const TAGS_PER_KEY_MAX: usize = 50;

/// The tags of one key, by tag key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyTags {
    pub(crate) tags: BTreeMap<String, String>,
}

impl Record for KeyTags {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

impl KeyTags {
    /// These tags and `added`, which win over those of the same key.
    pub(crate) fn with(&self, added: &[Tag]) -> Result<Self, KmsError> {
        let mut grown = self.clone();
        grown.tags.extend(added.iter().map(|tag| (tag.tag_key.clone(), tag.tag_value.clone())));
        if grown.tags.len() > TAGS_PER_KEY_MAX { Err(too_many_tags()) } else { Ok(grown) }
    }

    /// These tags without those of `removed` keys.
    pub(crate) fn without(&self, removed: &[String]) -> Self {
        let mut rest = self.clone();
        rest.tags.retain(|key, _| !removed.contains(key));
        rest
    }
}

/// The tags of a key; `None` if it never had any.
pub(crate) async fn tags_of(call: &Call<'_>, key_id: &KeyId) -> Result<Option<Stored<KeyTags>>, RecordError> {
    call.barrier.get(&Place::key_tags(call.scope, key_id)).await
}

/// Adds to `changes` that the tags of a key, which were `old`, are `new`.
pub(crate) fn write(
    changes: &mut Changes<'_>,
    place: Place,
    old: Option<&Stored<KeyTags>>,
    new: &KeyTags,
) -> Result<(), Fault> {
    match old {
        Some(old) => changes.replace(old, new)?,
        None => changes.create(place, new)?,
    }
    Ok(())
}

/// More tags than a key can have.
pub(crate) fn too_many_tags() -> KmsError {
    KmsError::new(ErrorKind::Tag, "Too many tags")
}
