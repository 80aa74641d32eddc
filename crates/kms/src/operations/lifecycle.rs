//! Enabling and disabling, scheduled deletion. The deletion itself is done by [`crate::worker`].
//!
//! All of them change one key's record. That the state allows it was judged against the same record that they then
//! replace, so nothing can come between.

use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, DisableKeyRequest, DisableKeyResponse,
    EnableKeyRequest, EnableKeyResponse, ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse,
};
use keyfold_protocol::{KeyState, KmsError, Timestamp};

use super::HandleKey;
use crate::authz::check::Authorized;
use crate::call::Call;
use crate::error::Fault;
use crate::key::{Key, KeyRecord};
use crate::validation::{Validation, refuse};

impl HandleKey for EnableKeyRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<EnableKeyResponse, Fault> {
        set_state(call, authorized.target(), KeyState::Enabled, None).await?;
        Ok(EnableKeyResponse::new())
    }
}

impl HandleKey for DisableKeyRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<DisableKeyResponse, Fault> {
        set_state(call, authorized.target(), KeyState::Disabled, None).await?;
        Ok(DisableKeyResponse::new())
    }
}

impl HandleKey for ScheduleKeyDeletionRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn judge(&self, validation: &mut Validation) {
        // The model has 1 to 365, the service 7 to 30.
        validation.number("pendingWindowInDays", self.pending_window_in_days, 1..=365);
    }

    fn check(&self) -> Result<(), KmsError> {
        window(self).map(|_| ())
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<ScheduleKeyDeletionResponse, Fault> {
        let days = window(authorized.request())?;
        let key = authorized.target();
        let deletion_date = call.now.plus_days(days);
        set_state(call, key, KeyState::PendingDeletion, Some((deletion_date, days))).await?;
        let mut response = ScheduleKeyDeletionResponse::new(key.arn.to_string());
        response.deletion_date = Some(deletion_date);
        response.key_state = Some(KeyState::PendingDeletion);
        response.pending_window_in_days = Some(i32::from(days));
        Ok(response)
    }
}

impl HandleKey for CancelKeyDeletionRequest {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn perform_on_key(
        call: &Call<'_>,
        authorized: Authorized<'_, Self>,
    ) -> Result<CancelKeyDeletionResponse, Fault> {
        let key = authorized.target();
        // From its date on the key waits only for being erased; it must not come back to life.
        if key.stored.record.deletion_date.is_none_or(|date| date <= call.now) {
            return Err(KmsError::invalid_state(&key.arn, "is pending deletion").into());
        }
        set_state(call, key, KeyState::Disabled, None).await?;
        Ok(CancelKeyDeletionResponse::new(key.arn.to_string()))
    }
}

/// Moves a key to another state, with date and window if it is to be deleted; if it is there already, nothing is
/// written.
async fn set_state(
    call: &Call<'_>,
    key: &Key,
    state: KeyState,
    deletion: Option<(Timestamp, u16)>,
) -> Result<(), Fault> {
    let record = &key.stored.record;
    let deletion_window_days = deletion.map(|(_, days)| days);
    let deletion_date = deletion.map(|(date, _)| date);
    let changed =
        KeyRecord { state, deletion_date, deletion_window_days, deletion_seen_ms: None, ..record.clone() };
    if changed == *record {
        return Ok(());
    }
    let mut changes = call.barrier.changes();
    changes.replace(&key.stored, &changed)?;
    changes.commit().await
}

/// The waiting time of a request, in days.
fn window(request: &ScheduleKeyDeletionRequest) -> Result<u16, KmsError> {
    let days =
        request.pending_window_in_days.map_or(Some(WINDOW_DAYS_DEFAULT), |days| u16::try_from(days).ok());
    days.filter(|days| (WINDOW_DAYS_MIN..=WINDOW_DAYS_MAX).contains(days)).ok_or_else(|| {
        refuse(format!(
            "PendingWindowInDays must be between {WINDOW_DAYS_MIN} and {WINDOW_DAYS_MAX} days (inclusive)."
        ))
    })
}

const WINDOW_DAYS_MIN: u16 = 7;
const WINDOW_DAYS_MAX: u16 = 30;
const WINDOW_DAYS_DEFAULT: u16 = 30;
