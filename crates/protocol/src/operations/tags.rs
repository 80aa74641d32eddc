//! Tags and the description: what users write on a key.
//!
//! Shapes only; see the module above for what is common to all.

use super::{Tag, shape};

shape! {
    /// Replaces the description of a key.
    #[serde(deny_unknown_fields)]
    UpdateKeyDescriptionRequest {
        /// Key id or key ARN.
        key_id: String,
        /// Free text, up to 8192 characters.
        description: String,
    } optional {}
}

shape! {
    /// The answer to [`UpdateKeyDescriptionRequest`]: done.
    #[derive(Default)]
    UpdateKeyDescriptionResponse {} optional {}
}

shape! {
    /// Puts tags on a key; a tag key that is there already gets the new value.
    #[serde(deny_unknown_fields)]
    TagResourceRequest {
        /// Key id or key ARN.
        key_id: String,
        /// The tags. A key has 50 at most.
        tags: Vec<Tag>,
    } optional {}
}

shape! {
    /// The answer to [`TagResourceRequest`]: done.
    #[derive(Default)]
    TagResourceResponse {} optional {}
}

shape! {
    /// Takes tags from a key.
    #[serde(deny_unknown_fields)]
    UntagResourceRequest {
        /// Key id or key ARN.
        key_id: String,
        /// The keys of the tags. One that the key does not have is no error.
        tag_keys: Vec<String>,
    } optional {}
}

shape! {
    /// The answer to [`UntagResourceRequest`]: done.
    #[derive(Default)]
    UntagResourceResponse {} optional {}
}

shape! {
    /// The tags of a key, a page at a time.
    #[serde(deny_unknown_fields)]
    ListResourceTagsRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {
        /// Most tags to answer, 1 to 50; 50 when absent.
        limit: i32,
        /// `NextMarker` of the previous page.
        marker: String,
    }
}

shape! {
    /// A page of tags, by tag key.
    ListResourceTagsResponse {
        /// The tags.
        tags: Vec<Tag>,
        /// Whether there are more.
        truncated: bool,
    } optional {
        /// Where the next page starts, if there is one.
        next_marker: String,
    }
}
