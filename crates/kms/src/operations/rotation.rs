//! Rotation: on demand, its schedule, its history. What the schedule asks for is done by [`crate::worker`].

use keyfold_protocol::operations::{
    DisableKeyRotationRequest, DisableKeyRotationResponse, EnableKeyRotationRequest,
    EnableKeyRotationResponse, GetKeyRotationStatusRequest, GetKeyRotationStatusResponse,
    ListKeyRotationsRequest, ListKeyRotationsResponse, RotateKeyOnDemandRequest, RotateKeyOnDemandResponse,
    RotationsListEntry,
};
use keyfold_protocol::{IncludeKeyMaterial, KeyMaterialState, KeyState, KmsError};

use super::Handle;
use crate::authz::check::Authorized;
use crate::call::Call;
use crate::error::Fault;
use crate::key::rotation::{RotationRecord, Schedule};
use crate::key::{Accepts, Key, KeyRecord, resolve_key, rotation};
use crate::page::Page;
use crate::root::barrier::{Place, Stored};
use crate::validation::Validation;

impl Handle for RotateKeyOnDemandRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default().key_id("keyId", &self.key_id).finish()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOnly).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<RotateKeyOnDemandResponse, Fault> {
        let key = authorized.target();
        let mut changes = call.barrier.changes();
        rotation::rotate_on_demand(&mut changes, call.scope, key, call.now)?;
        changes.commit().await?;
        Ok(RotateKeyOnDemandResponse::new(key.arn.to_string()))
    }
}

impl Handle for EnableKeyRotationRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default()
            .key_id("keyId", &self.key_id)
            .number("rotationPeriodInDays", self.rotation_period_in_days, 90..=2560)
            .finish()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOnly).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<EnableKeyRotationResponse, Fault> {
        let key = authorized.target();
        let asked = authorized.request().rotation_period_in_days;
        let period_days = asked.and_then(|days| u16::try_from(days).ok()).unwrap_or(PERIOD_DAYS_DEFAULT);
        // Another period changes when the running one ends, not when it began.
        let since = key.stored.record.schedule.map_or(call.now, |schedule| schedule.since);
        set_schedule(call, key, Some(Schedule { period_days, since })).await?;
        Ok(EnableKeyRotationResponse::new())
    }
}

impl Handle for DisableKeyRotationRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default().key_id("keyId", &self.key_id).finish()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOnly).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<DisableKeyRotationResponse, Fault> {
        set_schedule(call, authorized.target(), None).await?;
        Ok(DisableKeyRotationResponse::new())
    }
}

impl Handle for GetKeyRotationStatusRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        Validation::default().key_id("keyId", &self.key_id).finish()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOnly).await
    }

    async fn perform(
        _: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<GetKeyRotationStatusResponse, Fault> {
        let key = authorized.target();
        let record = &key.stored.record;
        // A key that waits for its deletion is not rotated; taken back, it has its schedule again.
        let schedule = record.schedule.filter(|_| record.state != KeyState::PendingDeletion);
        let mut response = GetKeyRotationStatusResponse::new(schedule.is_some(), key.id.to_string());
        response.rotation_period_in_days = schedule.map(|schedule| i32::from(schedule.period_days));
        response.next_rotation_date = schedule.map(|schedule| schedule.next());
        Ok(response)
    }
}

impl Handle for ListKeyRotationsRequest {
    type Target = Key;

    fn validate(&self) -> Result<(), KmsError> {
        let include = self.include_key_material.as_ref();
        Validation::default()
            .key_id("keyId", &self.key_id)
            .member_of(
                "includeKeyMaterial",
                include.map(IncludeKeyMaterial::as_str),
                IncludeKeyMaterial::ALL.iter().map(IncludeKeyMaterial::as_str),
            )
            .number("limit", self.limit, 1..=1000)
            .optional_text("marker", self.marker.as_ref(), 1..=1024)
            .finish()
    }

    async fn resolve(&self, call: &Call<'_>) -> Result<Key, KmsError> {
        resolve_key(call, &self.key_id, Accepts::KeyOnly).await
    }

    async fn perform(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<ListKeyRotationsResponse, Fault> {
        let (request, key) = (authorized.request(), authorized.target());
        let record = &key.stored.record;
        let is_of_all = request.include_key_material == Some(IncludeKeyMaterial::AllKeyMaterial);
        let list = format!("{} of {}", if is_of_all { "material" } else { "rotations" }, key.id);
        let page = Page::new(call, list, request.limit, 100, request.marker.as_ref())?;
        if record.rotations == 0 {
            // The history begins with the first rotation; until then there is the one material.
            let first = RotationRecord { material: record.current_material, rotated: None };
            let entries = if is_of_all { vec![entry(key, &first)] } else { Vec::new() };
            return Ok(ListKeyRotationsResponse::new(entries, false));
        }
        let prefix = Place::rotations(call.scope, &key.id);
        let first = Place::rotation(call.scope, &key.id, 0);
        let after = page.after.as_deref().or((!is_of_all).then(|| first.name()));
        let mut found: Vec<Stored<RotationRecord>> =
            call.barrier.range(&prefix, after, page.limit + 1).await?;
        let next = page.cut(call, &mut found, |stored| stored.place().name().to_owned());
        let entries: Vec<_> = found.iter().map(|stored| entry(key, &stored.record)).collect();
        let mut response = ListKeyRotationsResponse::new(entries, next.is_some());
        response.next_marker = next;
        Ok(response)
    }
}

fn entry(key: &Key, rotation: &RotationRecord) -> RotationsListEntry {
    let is_current = rotation.material == key.stored.record.current_material;
    let mut entry = RotationsListEntry::new();
    entry.key_id = Some(key.id.to_string());
    entry.key_material_id = Some(rotation.material.to_string());
    entry.key_material_state =
        Some(if is_current { KeyMaterialState::Current } else { KeyMaterialState::NonCurrent });
    entry.rotation_date = rotation.rotated.as_ref().map(|(date, _)| *date);
    entry.rotation_type = rotation.rotated.as_ref().map(|(_, kind)| kind.clone());
    entry
}

/// Gives a key another schedule, or none; if it has it already, nothing is written.
async fn set_schedule(call: &Call<'_>, key: &Key, schedule: Option<Schedule>) -> Result<(), Fault> {
    let record = &key.stored.record;
    if record.schedule == schedule {
        return Ok(());
    }
    let mut changes = call.barrier.changes();
    changes.replace(&key.stored, &KeyRecord { schedule, ..record.clone() })?;
    changes.commit().await
}

/// API reference: EnableKeyRotation, `RotationPeriodInDays`.
const PERIOD_DAYS_DEFAULT: u16 = 365;
