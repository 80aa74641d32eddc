//! Rotation: on demand, its schedule, its history. What the schedule asks for is done by [`crate::worker`].

use keyfold_protocol::operations::{
    DisableKeyRotationRequest, DisableKeyRotationResponse, EnableKeyRotationRequest,
    EnableKeyRotationResponse, GetKeyRotationStatusRequest, GetKeyRotationStatusResponse,
    ListKeyRotationsRequest, ListKeyRotationsResponse, RotateKeyOnDemandRequest, RotateKeyOnDemandResponse,
    RotationsListEntry,
};
use keyfold_protocol::{IncludeKeyMaterial, KeyMaterialState, KeyState};

use super::HandleKey;
use crate::authz::check::Authorized;
use crate::call::Call;
use crate::error::Fault;
use crate::key::rotation::{RotationRecord, Schedule};
use crate::key::{Key, KeyRecord, rotation};
use crate::page::Page;
use crate::root::barrier::Place;
use crate::validation::Validation;

impl HandleKey for RotateKeyOnDemandRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn perform_on_key(
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

impl HandleKey for EnableKeyRotationRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        validation.number("rotationPeriodInDays", self.rotation_period_in_days, 90..=2560);
    }

    async fn perform_on_key(
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

impl HandleKey for DisableKeyRotationRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<DisableKeyRotationResponse, Fault> {
        set_schedule(call, authorized.target(), None).await?;
        Ok(DisableKeyRotationResponse::new())
    }
}

impl HandleKey for GetKeyRotationStatusRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn perform_on_key(
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

impl HandleKey for ListKeyRotationsRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        let include = self.include_key_material.as_ref();
        validation
            .member_of(
                "includeKeyMaterial",
                include.map(IncludeKeyMaterial::as_str),
                IncludeKeyMaterial::ALL.iter().map(IncludeKeyMaterial::as_str),
            )
            .page(self.limit, 1000, self.marker.as_ref());
    }

    async fn perform_on_key(
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
        let first = Place::rotation(call.scope, &key.id, 0);
        let page = if is_of_all { page } else { page.starting_after(first.name()) };
        let (found, next) = page.read(call, &Place::rotations(call.scope, &key.id)).await?;
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
