//! Aliases: names for keys, which can be moved from one key to another.
//!
//! Shapes only; see the module above for what is common to all.

use super::shape;
use crate::timestamp::Timestamp;

shape! {
    /// Gives a key a name.
    #[serde(deny_unknown_fields)]
    CreateAliasRequest {
        /// The name, with the prefix `alias/`.
        alias_name: String,
        /// Key id or key ARN.
        target_key_id: String,
    } optional {}
}

shape! {
    /// The answer to [`CreateAliasRequest`]: done.
    #[derive(Default)]
    CreateAliasResponse {} optional {}
}

shape! {
    /// Moves a name to another key.
    #[serde(deny_unknown_fields)]
    UpdateAliasRequest {
        /// The name, with the prefix `alias/`.
        alias_name: String,
        /// Key id or key ARN of the new target.
        target_key_id: String,
    } optional {}
}

shape! {
    /// The answer to [`UpdateAliasRequest`]: done.
    #[derive(Default)]
    UpdateAliasResponse {} optional {}
}

shape! {
    /// Takes a name away; the key stays.
    #[serde(deny_unknown_fields)]
    DeleteAliasRequest {
        /// The name, with the prefix `alias/`.
        alias_name: String,
    } optional {}
}

shape! {
    /// The answer to [`DeleteAliasRequest`]: done.
    #[derive(Default)]
    DeleteAliasResponse {} optional {}
}

shape! {
    /// The aliases of the account in this Region, or of one key, a page at a time.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    ListAliasesRequest {} optional {
        /// Key id or key ARN: only the aliases of this key.
        key_id: String,
        /// Most aliases to answer, 1 to 100; 50 when absent.
        limit: i32,
        /// `NextMarker` of the previous page.
        marker: String,
    }
}

shape! {
    /// A page of aliases.
    ListAliasesResponse {
        /// The aliases.
        aliases: Vec<AliasListEntry>,
        /// Whether there are more.
        truncated: bool,
    } optional {
        /// Where the next page starts, if there is one.
        next_marker: String,
    }
}

shape! {
    /// An alias in a list.
    #[derive(Clone, PartialEq, Eq)]
    AliasListEntry {
        /// The name, with the prefix `alias/`.
        alias_name: String,
        /// The alias ARN.
        alias_arn: String,
    } optional {
        /// The key id of the key it names.
        target_key_id: String,
        /// When it was made.
        creation_date: Timestamp,
        /// When it was last given a key.
        last_updated_date: Timestamp,
    }
}
