//! What users write on a key: tags and the description.

use std::collections::BTreeSet;

use keyfold_protocol::operations::{
    ListResourceTagsRequest, ListResourceTagsResponse, Tag, TagResourceRequest, TagResourceResponse,
    UntagResourceRequest, UntagResourceResponse, UpdateKeyDescriptionRequest, UpdateKeyDescriptionResponse,
};
use keyfold_protocol::{ErrorKind, KmsError};

use super::HandleKey;
use super::keys::DESCRIPTION_LEN_MAX;
use crate::authz::check::Authorized;
use crate::call::Call;
use crate::error::Fault;
use crate::key::KeyRecord;
use crate::key::tags::{self, KeyTags, TAGS_PER_KEY_MAX, tags_of, too_many_tags};
use crate::page::Page;
use crate::root::barrier::Place;
use crate::validation::Validation;

impl HandleKey for UpdateKeyDescriptionRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation.text("description", &self.description, 0..=DESCRIPTION_LEN_MAX);
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<UpdateKeyDescriptionResponse, Fault> {
        let (stored, description) = (&authorized.target().stored, &authorized.request().description);
        if stored.record.description != *description {
            let changed = KeyRecord { description: description.clone(), ..stored.record.clone() };
            let mut changes = call.barrier.changes();
            changes.replace(stored, &changed)?;
            changes.commit().await?;
        }
        Ok(UpdateKeyDescriptionResponse::new())
    }
}

impl HandleKey for TagResourceRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation.tags(&self.tags);
    }

    fn check(&self) -> Result<(), KmsError> {
        check_tags(&self.tags)
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<TagResourceResponse, Fault> {
        let key = authorized.target();
        let old = tags_of(call, &key.id).await?;
        let none = KeyTags::default();
        let new = old.as_ref().map_or(&none, |stored| &stored.record).with(&authorized.request().tags)?;
        let mut changes = call.barrier.changes();
        changes.unchanged(&key.stored);
        tags::write(&mut changes, Place::key_tags(call.scope, &key.id), old.as_ref(), &new)?;
        changes.commit().await?;
        Ok(TagResourceResponse::new())
    }
}

impl HandleKey for UntagResourceRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        for (index, key) in self.tag_keys.iter().take(TAGS_PER_KEY_MAX).enumerate() {
            validation.text(&format!("tagKeys.{}.member", index + 1), key, TAG_KEY_LEN);
        }
    }

    fn check(&self) -> Result<(), KmsError> {
        if self.tag_keys.len() > TAGS_PER_KEY_MAX {
            return Err(too_many_tags());
        }
        if self.tag_keys.iter().any(|key| is_reserved(key)) { Err(reserved()) } else { Ok(()) }
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<UntagResourceResponse, Fault> {
        let key = authorized.target();
        if let Some(old) = tags_of(call, &key.id).await? {
            let mut changes = call.barrier.changes();
            changes.unchanged(&key.stored);
            changes.replace(&old, &old.record.without(&authorized.request().tag_keys))?;
            changes.commit().await?;
        }
        Ok(UntagResourceResponse::new())
    }
}

impl HandleKey for ListResourceTagsRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation.page(self.limit, 50, self.marker.as_ref());
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<ListResourceTagsResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        let page =
            Page::new(call, format!("tags of {}", key.id), request.limit, 50, request.marker.as_ref())?;
        let tags = tags_of(call, &key.id).await?.map(|stored| stored.record.tags).unwrap_or_default();
        let (tags, next) = page.of_sorted(call, tags, |(tag_key, _)| tag_key);
        let tags: Vec<_> = tags.into_iter().map(|(tag_key, tag_value)| Tag { tag_key, tag_value }).collect();
        let mut response = ListResourceTagsResponse::new(tags, next.is_some());
        response.next_marker = next;
        Ok(response)
    }
}

/// What every list of tags that a user writes must be, beyond the service model.
pub(super) fn check_tags(tags: &[Tag]) -> Result<(), KmsError> {
    if tags.iter().any(|tag| is_reserved(&tag.tag_key)) {
        return Err(reserved());
    }
    let keys: BTreeSet<_> = tags.iter().map(|tag| &tag.tag_key).collect();
    if keys.len() != tags.len() {
        return Err(KmsError::new(ErrorKind::Tag, "Duplicate tag keys"));
    }
    if tags.len() > TAGS_PER_KEY_MAX { Err(too_many_tags()) } else { Ok(()) }
}

impl Validation {
    /// Tags by the service model. Of more tags than a key can have, only so many are looked at.
    pub(super) fn tags(&mut self, tags: &[Tag]) -> &mut Self {
        for (index, tag) in tags.iter().take(TAGS_PER_KEY_MAX).enumerate() {
            let member = format!("tags.{}.member", index + 1);
            self.text(&format!("{member}.tagKey"), &tag.tag_key, TAG_KEY_LEN);
            self.text(&format!("{member}.tagValue"), &tag.tag_value, TAG_VALUE_LEN);
        }
        self
    }
}

fn is_reserved(tag_key: &str) -> bool {
    tag_key.get(..RESERVED_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX))
}

fn reserved() -> KmsError {
    KmsError::new(ErrorKind::Tag, "Tags beginning with aws: are reserved")
}

const RESERVED_PREFIX: &str = "aws:";
/// Service model: `TagKeyType` and `TagValueType`, in characters.
const TAG_KEY_LEN: std::ops::RangeInclusive<usize> = 1..=128;
const TAG_VALUE_LEN: std::ops::RangeInclusive<usize> = 0..=256;
