//! Grants: permission to use one key, given by whoever may use it.
//!
//! Shapes only; see the module above for what is common to all.

use super::shape;
use crate::encryption_context::EncryptionContext;
use crate::spec::GrantOperation;
use crate::timestamp::Timestamp;

shape! {
    /// Lets a principal do something with a key.
    #[serde(deny_unknown_fields)]
    CreateGrantRequest {
        /// Key id or key ARN.
        key_id: String,
        /// What the grantee may do.
        operations: Vec<GrantOperation>,
    } optional {
        /// The ARN of who may do it. This or `GranteeServicePrincipal`, not both.
        grantee_principal: String,
        /// The ARN of who may retire the grant.
        retiring_principal: String,
        /// What requests must have for the grant to hold.
        constraints: GrantConstraints,
        /// Tokens of grants that may not be known everywhere yet, at most 10.
        grant_tokens: Vec<String>,
        /// The same request with the same name again finds the grant instead of making another.
        name: String,
        /// Check everything, do nothing.
        dry_run: bool,
        /// The service that may do it.
        grantee_service_principal: String,
        /// The service that may retire the grant.
        retiring_service_principal: String,
    }
}

shape! {
    /// What requests must have for a grant to hold.
    #[derive(Clone, Default, PartialEq, Eq)]
    #[serde(deny_unknown_fields)]
    GrantConstraints {} optional {
        /// Pairs that the encryption context must have among others, at most 8.
        encryption_context_subset: EncryptionContext,
        /// The pairs that the encryption context must consist of, at most 8.
        encryption_context_equals: EncryptionContext,
        /// The resource on whose behalf a service must ask.
        source_arn: String,
    }
}

shape! {
    /// The grant that was made, or found by its name.
    CreateGrantResponse {
        /// A token for the grant, another one each time.
        grant_token: String,
        /// The grant: 64 hexadecimal digits.
        grant_id: String,
    } optional {}
}

shape! {
    /// The grants on a key, a page at a time.
    #[serde(deny_unknown_fields)]
    ListGrantsRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {
        /// Most grants to answer, 1 to 100; 50 when absent.
        limit: i32,
        /// `NextMarker` of the previous page.
        marker: String,
        /// Only this grant.
        grant_id: String,
        /// Only grants to this principal.
        grantee_principal: String,
        /// Only grants to this service.
        grantee_service_principal: String,
    }
}

shape! {
    /// A page of grants.
    ListGrantsResponse {
        /// The grants.
        grants: Vec<GrantListEntry>,
        /// Whether there are more.
        truncated: bool,
    } optional {
        /// Where the next page starts, if there is one.
        next_marker: String,
    }
}

shape! {
    /// A grant in a list.
    #[derive(Clone, PartialEq, Eq)]
    GrantListEntry {
        /// The key ARN.
        key_id: String,
        /// The grant.
        grant_id: String,
    } optional {
        /// Its name.
        name: String,
        /// When it was made.
        creation_date: Timestamp,
        /// Who may use it.
        grantee_principal: String,
        /// Who may retire it.
        retiring_principal: String,
        /// The account that made it, by the ARN of its root.
        issuing_account: String,
        /// What the grantee may do.
        operations: Vec<GrantOperation>,
        /// What requests must have for the grant to hold.
        constraints: GrantConstraints,
    }
}

shape! {
    /// The grants of the account in this Region that a principal may retire, a page at a time.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    ListRetirableGrantsRequest {} optional {
        /// Most grants to answer, 1 to 100; 50 when absent.
        limit: i32,
        /// `NextMarker` of the previous page.
        marker: String,
        /// The principal. This or `RetiringServicePrincipal`, not both.
        retiring_principal: String,
        /// The service.
        retiring_service_principal: String,
    }
}

shape! {
    /// A page of grants. AWS calls this shape `ListGrantsResponse` too.
    ListRetirableGrantsResponse {
        /// The grants.
        grants: Vec<GrantListEntry>,
        /// Whether there are more.
        truncated: bool,
    } optional {
        /// Where the next page starts, if there is one.
        next_marker: String,
    }
}

shape! {
    /// Gives a grant up, from the side of those it was made for. By token, or by key and grant id.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    RetireGrantRequest {} optional {
        /// A token of the grant.
        grant_token: String,
        /// The key ARN.
        key_id: String,
        /// The grant.
        grant_id: String,
        /// Check everything, do nothing.
        dry_run: bool,
    }
}

shape! {
    /// The answer to [`RetireGrantRequest`]: done.
    #[derive(Default)]
    RetireGrantResponse {} optional {}
}

shape! {
    /// Takes a grant back, from the side of the key.
    #[serde(deny_unknown_fields)]
    RevokeGrantRequest {
        /// Key id or key ARN.
        key_id: String,
        /// The grant.
        grant_id: String,
    } optional {
        /// Check everything, do nothing.
        dry_run: bool,
    }
}

shape! {
    /// The answer to [`RevokeGrantRequest`]: done.
    #[derive(Default)]
    RevokeGrantResponse {} optional {}
}
