//! Key policies: reading, replacing and listing them.
//!
//! Shapes only; see the module above for what is common to all.

use super::shape;

shape! {
    /// Reads the policy of a key.
    #[serde(deny_unknown_fields)]
    GetKeyPolicyRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {
        /// The name of the policy; there is only `default`.
        policy_name: String,
    }
}

shape! {
    /// The policy of a key.
    #[derive(Default)]
    GetKeyPolicyResponse {} optional {
        /// The JSON document, as it was put.
        policy: String,
        /// Its name.
        policy_name: String,
    }
}

shape! {
    /// Replaces the policy of a key.
    #[serde(deny_unknown_fields)]
    PutKeyPolicyRequest {
        /// Key id or key ARN.
        key_id: String,
        /// The JSON document, at most 32,768 bytes.
        policy: String,
    } optional {
        /// The name of the policy; there is only `default`.
        policy_name: String,
        /// Do not check that the policy lets the caller change it again.
        bypass_policy_lockout_safety_check: bool,
    }
}

shape! {
    /// The answer to [`PutKeyPolicyRequest`]: done.
    #[derive(Default)]
    PutKeyPolicyResponse {} optional {}
}

shape! {
    /// The names of the policies of a key, a page at a time.
    #[serde(deny_unknown_fields)]
    ListKeyPoliciesRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {
        /// Most names to answer, 1 to 1000; 100 when absent.
        limit: i32,
        /// `NextMarker` of the previous page.
        marker: String,
    }
}

shape! {
    /// A page of names of policies.
    ListKeyPoliciesResponse {
        /// The names.
        policy_names: Vec<String>,
        /// Whether there are more.
        truncated: bool,
    } optional {
        /// Where the next page starts, if there is one.
        next_marker: String,
    }
}
