//! Rotation: new material for a key, the old kept for what it encrypted; when it is due, and what there was.
//!
//! ```text
//! rotation/<account>/<Region>/<key id>/<number, 10 digits>   RotationRecord; number 0 is the first material
//! ```
//!
//! The history is written from the first rotation on, one row for each, in the same commit as material and key.
//! Ciphertexts name their material, so nothing has to be encrypted anew. Who performs what is due is
//! [`crate::worker`].

use keyfold_crypto::SecretBytes;
use keyfold_protocol::{ErrorKind, KeyMaterialId, KmsError, RotationType, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{from_json, to_json};
use super::{BackingKey, Key, KeyRecord};
use crate::call::Scope;
use crate::error::{Fault, RecordError};
use crate::root::barrier::{Changes, Place, Record};

/// Most rotations on demand in the life of a key (KMS quotas: "On-demand rotation").
pub(crate) const ON_DEMAND_ROTATIONS_MAX: u32 = 25;
/// How close before an automatic rotation none is possible on demand (API reference, `ConflictException`).
pub(crate) const ON_DEMAND_GAP_MINUTES: i64 = 20;

/// When a key is rotated automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// Days between rotations.
    pub(crate) period_days: u16,
    /// When the running period began: the schedule was switched on, or the last automatic rotation was due.
    pub(crate) since: Timestamp,
}

impl Schedule {
    /// When the next rotation is due.
    pub(crate) fn next(&self) -> Timestamp {
        self.since.plus_days(self.period_days)
    }

    /// The schedule after what was due is done. A rotation that was late does not move those after it, unless the
    /// next would be due already.
    fn after_rotation(self, now: Timestamp) -> Self {
        let since = self.next();
        let on_time = Self { since, ..self };
        if on_time.next() > now { on_time } else { Self { since: now, ..self } }
    }
}

/// A version of a key's material in the history of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationRecord {
    pub(crate) material: KeyMaterialId,
    /// When and why the key got it; absent for the first.
    pub(crate) rotated: Option<(Timestamp, RotationType)>,
}

impl Record for RotationRecord {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

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
    let clear_ms = now.epoch_ms().saturating_add(ON_DEMAND_GAP_MINUTES * 60 * 1000);
    if record.schedule.is_some_and(|schedule| schedule.next().epoch_ms() <= clear_ms) {
        return Err(KmsError::new(
            ErrorKind::Conflict,
            "The request was rejected because an automatic rotation of this key is currently in progress or \
             scheduled to begin within the next 20 minutes.",
        )
        .into());
    }
    let counted = KeyRecord { on_demand_rotations: record.on_demand_rotations + 1, ..record.clone() };
    rotate(changes, scope, key, counted, (now, RotationType::OnDemand))
}

/// Adds to `changes` the automatic rotation of `key`, if one is due. Whether one is.
pub(crate) fn rotate_if_due(
    changes: &mut Changes<'_>,
    scope: &Scope,
    key: &Key,
    now: Timestamp,
) -> Result<bool, Fault> {
    let record = &key.stored.record;
    let Some(schedule) = record.due_rotation(now) else { return Ok(false) };
    let moved = KeyRecord { schedule: Some(schedule.after_rotation(now)), ..record.clone() };
    rotate(changes, scope, key, moved, (now, RotationType::Automatic))?;
    Ok(true)
}

/// Adds new material, its place in the history, and the key's record, which is `changed` otherwise.
fn rotate(
    changes: &mut Changes<'_>,
    scope: &Scope,
    key: &Key,
    changed: KeyRecord,
    rotated: (Timestamp, RotationType),
) -> Result<(), Fault> {
    let first = changed.current_material;
    if changed.rotations == 0 {
        let record = RotationRecord { material: first, rotated: None };
        changes.create(Place::rotation(scope, &key.id, 0), &record)?;
    }
    let material = BackingKey::generate(rotated.0)?;
    let material_id = material.id(&key.id)?;
    let number = changed.rotations.saturating_add(1);
    changes.create(Place::material(scope, &key.id, &material_id), &material)?;
    let record = RotationRecord { material: material_id, rotated: Some(rotated) };
    changes.create(Place::rotation(scope, &key.id, number), &record)?;
    changes
        .replace(&key.stored, &KeyRecord { current_material: material_id, rotations: number, ..changed })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_rotation_keeps_the_schedule_unless_that_is_over() {
        let day = |day: i64| Timestamp::from_epoch_ms(day * 86_400_000);
        let schedule = Schedule { period_days: 90, since: day(0) };
        assert_eq!(schedule.next(), day(90));
        for (now, next) in [(90, 180), (100, 180), (179, 180), (180, 270), (1000, 1090)] {
            assert_eq!(schedule.after_rotation(day(now)).next(), day(next), "done on day {now}");
        }
    }
}
