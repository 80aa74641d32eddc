//! Rotation: on a schedule, on demand, and what became of it.
//!
//! Shapes only; see the module above for what is common to all.

use super::shape;
use crate::spec::{IncludeKeyMaterial, KeyMaterialState, RotationType};
use crate::timestamp::Timestamp;

shape! {
    /// Gives a key new material to encrypt with; what older material encrypted can still be decrypted.
    #[serde(deny_unknown_fields)]
    RotateKeyOnDemandRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// The key that was rotated.
    RotateKeyOnDemandResponse {
        /// The key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// Has a key rotated automatically from now on, or changes how often.
    #[serde(deny_unknown_fields)]
    EnableKeyRotationRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {
        /// Days between rotations, 90 to 2560; 365 when absent.
        rotation_period_in_days: i32,
    }
}

shape! {
    /// The answer to [`EnableKeyRotationRequest`]: done.
    #[derive(Default)]
    EnableKeyRotationResponse {} optional {}
}

shape! {
    /// Ends the automatic rotation of a key.
    #[serde(deny_unknown_fields)]
    DisableKeyRotationRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// The answer to [`DisableKeyRotationRequest`]: done.
    #[derive(Default)]
    DisableKeyRotationResponse {} optional {}
}

shape! {
    /// Asks whether and when a key is rotated automatically.
    #[serde(deny_unknown_fields)]
    GetKeyRotationStatusRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {}
}

shape! {
    /// Whether and when a key is rotated automatically.
    GetKeyRotationStatusResponse {
        /// Whether it is. Not while the key is pending deletion.
        key_rotation_enabled: bool,
        /// The key id.
        key_id: String,
    } optional {
        /// Days between rotations.
        rotation_period_in_days: i32,
        /// When the next one is due.
        next_rotation_date: Timestamp,
        /// When a rotation on demand began that has not ended yet.
        on_demand_rotation_start_date: Timestamp,
    }
}

shape! {
    /// The rotations of a key, a page at a time.
    #[serde(deny_unknown_fields)]
    ListKeyRotationsRequest {
        /// Key id or key ARN.
        key_id: String,
    } optional {
        /// Whether material that no rotation made is listed too; `ROTATIONS_ONLY` when absent.
        include_key_material: IncludeKeyMaterial,
        /// Most entries to answer, 1 to 1000; 100 when absent.
        limit: i32,
        /// `NextMarker` of the previous page.
        marker: String,
    }
}

shape! {
    /// A page of rotations, oldest first.
    ListKeyRotationsResponse {
        /// The rotations.
        rotations: Vec<RotationsListEntry>,
        /// Whether there are more.
        truncated: bool,
    } optional {
        /// Where the next page starts, if there is one.
        next_marker: String,
    }
}

shape! {
    /// A version of a key's material, and the rotation that made it.
    #[derive(Clone, PartialEq, Eq)]
    RotationsListEntry {} optional {
        /// The key id.
        key_id: String,
        /// The material.
        key_material_id: String,
        /// Whether the key encrypts with it now.
        key_material_state: KeyMaterialState,
        /// When the rotation was done; absent for the first material.
        rotation_date: Timestamp,
        /// What caused it; absent for the first material.
        rotation_type: RotationType,
    }
}
