//! Rotation: new material for a key, the old kept for what it encrypted.
//!
//! On demand only; a schedule is not here yet. Ciphertexts name their material, so nothing has to be encrypted anew.

use keyfold_protocol::{KmsError, Timestamp};

use super::{BackingKey, Key, KeyRecord};
use crate::call::Scope;
use crate::error::Fault;
use crate::root::barrier::{Changes, Place};

/// Most rotations on demand in the life of a key (KMS quotas: "On-demand rotation").
pub(crate) const ON_DEMAND_ROTATIONS_MAX: u32 = 25;

/// Adds to `changes` what rotates `key` on demand.
pub(crate) fn rotate_on_demand(
    changes: &mut Changes<'_>,
    scope: &Scope,
    key: &Key,
    now: Timestamp,
) -> Result<(), Fault> {
    let record = &key.stored.record;
    if record.on_demand_rotations >= ON_DEMAND_ROTATIONS_MAX {
        return Err(KmsError::rotations_exhausted(&key.arn).into());
    }
    let material = BackingKey::generate(now)?;
    let material_id = material.id(&key.id)?;
    changes.create(Place::material(scope, &key.id, &material_id), &material)?;
    changes.replace(
        &key.stored,
        &KeyRecord {
            current_material: material_id,
            on_demand_rotations: record.on_demand_rotations + 1,
            ..record.clone()
        },
    )?;
    Ok(())
}
