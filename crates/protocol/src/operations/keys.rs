//! Keys: making, describing and listing them, their states and use.
//!
//! Shapes only; see the module above for what is common to all.

use super::{Tag, shape};
use crate::spec::{
    CustomerMasterKeySpec, EncryptionAlgorithmSpec, KeyManagerType, KeySpec, KeyState, KeyUsageType,
    OriginType,
};
use crate::timestamp::Timestamp;

shape! {
    /// Makes a KMS key.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    CreateKeyRequest {} optional {
        /// The key policy, a JSON document.
        policy: String,
        /// Free text, up to 8192 characters.
        description: String,
        /// What the key is for. May be left out for symmetric encryption keys only.
        key_usage: KeyUsageType,
        /// The deprecated name of `KeySpec`; a request has one of them at most.
        customer_master_key_spec: CustomerMasterKeySpec,
        /// What kind of key; `SYMMETRIC_DEFAULT` when absent.
        key_spec: KeySpec,
        /// Where the key material comes from; `AWS_KMS` when absent.
        origin: OriginType,
        /// The custom key store to make it in.
        custom_key_store_id: String,
        /// Do not check that the policy lets the caller change it again.
        bypass_policy_lockout_safety_check: bool,
        /// Tags, at most 50.
        tags: Vec<Tag>,
        /// Whether the key may have replicas in other Regions.
        multi_region: bool,
        /// The key in an external key store.
        xks_key_id: String,
    }
}

shape! {
    /// The key that was made.
    CreateKeyResponse {
        /// All about it.
        key_metadata: KeyMetadata,
    } optional {}
}

shape! {
    /// All about a KMS key but its material.
    #[derive(Clone, PartialEq, Eq)]
    KeyMetadata {
        /// The key id.
        key_id: String,
    } optional {
        /// The account that owns the key.
        #[serde(rename = "AWSAccountId")]
        aws_account_id: String,
        /// The key ARN.
        arn: String,
        /// When it was made.
        creation_date: Timestamp,
        /// Whether its state is `Enabled`.
        enabled: bool,
        /// Free text.
        description: String,
        /// What it is for.
        key_usage: KeyUsageType,
        /// Its state.
        key_state: KeyState,
        /// When it will be deleted, if it is pending deletion.
        deletion_date: Timestamp,
        /// Where its material comes from.
        origin: OriginType,
        /// Who manages it.
        key_manager: KeyManagerType,
        /// The deprecated name of `KeySpec`.
        customer_master_key_spec: CustomerMasterKeySpec,
        /// What kind of key.
        key_spec: KeySpec,
        /// The algorithms it can encrypt with.
        encryption_algorithms: Vec<EncryptionAlgorithmSpec>,
        /// Whether it may have replicas in other Regions.
        multi_region: bool,
        /// The material that it encrypts with now: 64 hexadecimal digits.
        current_key_material_id: String,
    }
}

shape! {
    /// All about one key.
    #[serde(deny_unknown_fields)]
    DescribeKeyRequest {
        /// Key id, key ARN, alias name or alias ARN.
        key_id: String,
    } optional {
        /// Tokens of grants that may not be known everywhere yet, at most 10.
        grant_tokens: Vec<String>,
    }
}

shape! {
    /// The answer to [`DescribeKeyRequest`].
    DescribeKeyResponse {
        /// All about the key.
        key_metadata: KeyMetadata,
    } optional {}
}

shape! {
    /// The keys of the account in this Region, a page at a time.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    ListKeysRequest {} optional {
        /// Most keys to answer, 1 to 1000; 100 when absent.
        limit: i32,
        /// `NextMarker` of the previous page.
        marker: String,
        /// Whose keys: `SELF` or `OTHER_ACCOUNTS_VIA_RAM`.
        resource_owners: Vec<String>,
    }
}

shape! {
    /// A page of keys.
    ListKeysResponse {
        /// The keys.
        keys: Vec<KeyListEntry>,
        /// Whether there are more.
        truncated: bool,
    } optional {
        /// Where the next page starts, if there is one.
        next_marker: String,
    }
}

shape! {
    /// A key in a list.
    #[derive(Clone, PartialEq, Eq)]
    KeyListEntry {
        /// The key id.
        key_id: String,
        /// The key ARN.
        key_arn: String,
    } optional {}
}

shape! {
    /// Lets a disabled key be used again.
    #[serde(deny_unknown_fields)]
    EnableKeyRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// The answer to [`EnableKeyRequest`]: done.
    #[derive(Default)]
    EnableKeyResponse {} optional {}
}

shape! {
    /// Stops all use of a key until it is enabled again.
    #[serde(deny_unknown_fields)]
    DisableKeyRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// The answer to [`DisableKeyRequest`]: done.
    #[derive(Default)]
    DisableKeyResponse {} optional {}
}

shape! {
    /// Stops all use of a key and has it deleted after a waiting time.
    #[serde(deny_unknown_fields)]
    ScheduleKeyDeletionRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {
        /// Days to wait, 7 to 30; 30 when absent.
        pending_window_in_days: i32,
    }
}

shape! {
    /// When the key will be deleted.
    ScheduleKeyDeletionResponse {
        /// The key ARN.
        key_id: String,
    } optional {
        /// The day of deletion.
        deletion_date: Timestamp,
        /// The state of the key now.
        key_state: KeyState,
        /// Days to wait.
        pending_window_in_days: i32,
    }
}

shape! {
    /// Takes back [`ScheduleKeyDeletionRequest`]. The key is then disabled.
    #[serde(deny_unknown_fields)]
    CancelKeyDeletionRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// The key whose deletion was cancelled.
    CancelKeyDeletionResponse {
        /// The key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// Asks when a key was last used.
    #[serde(deny_unknown_fields)]
    GetKeyLastUsageRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// When a key was last used.
    GetKeyLastUsageResponse {
        /// The key ARN.
        key_id: String,
        /// The last successful cryptographic operation; empty if there was none since `TrackingStartDate`.
        key_last_usage: KeyLastUsageData,
    } optional {
        /// Since when use is recorded, or when the key was made, whichever is later.
        tracking_start_date: Timestamp,
        /// When the key was made.
        key_creation_date: Timestamp,
    }
}

shape! {
    /// A use of a key.
    #[derive(Clone, Default, PartialEq, Eq)]
    KeyLastUsageData {} optional {
        /// The operation.
        operation: String,
        /// When it was.
        timestamp: Timestamp,
        /// Its record in the audit trail.
        cloud_trail_event_id: String,
        /// Its request.
        kms_request_id: String,
    }
}
