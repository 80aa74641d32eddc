//! When each key was last used for a cryptographic operation that succeeded.
//!
//! ```text
//! usage/<account>/<Region>/<key id>   Use
//! ```
//!
//! No use waits for a disk: it is noted in memory, and [`crate::worker`] writes the notes down at every run, many in
//! one commit. What was noted since then is lost with the process, and not seen by others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyfold_crypto::SecretBytes;
use keyfold_protocol::operations::OperationName;
use keyfold_protocol::{KeyId, KmsError, Timestamp};
use serde::{Deserialize, Serialize};

use super::KeyRecord;
use super::record::{from_json, to_json};
use crate::call::{Call, Scope};
use crate::error::{Fault, RecordError};
use crate::root::barrier::{Barrier, Place, Record};

/// The operations that count as use (API reference: `KeyLastUsageTrackingOperation`).
const TRACKED: &[OperationName] = &[
    OperationName::Decrypt,
    OperationName::Encrypt,
    OperationName::GenerateDataKey,
    OperationName::GenerateDataKeyWithoutPlaintext,
    OperationName::ReEncrypt,
];

/// A use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Use {
    pub(crate) at: Timestamp,
    pub(crate) operation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
}

impl Record for Use {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

/// What was noted and not written yet. As large as there are keys in use between two runs of the worker.
#[derive(Debug, Default)]
pub(crate) struct UsageLog(Mutex<HashMap<String, Noted>>);

#[derive(Debug, Clone)]
struct Noted {
    scope: Scope,
    key_id: KeyId,
    last: Use,
}

impl UsageLog {
    /// Whether an operation counts as use.
    pub(crate) fn tracks(operation: OperationName) -> bool {
        TRACKED.contains(&operation)
    }

    /// Notes that `call` has used a key.
    pub(crate) fn note(&self, call: &Call<'_>, key_id: KeyId, operation: OperationName) {
        let last = Use {
            at: call.now,
            operation: operation.as_str().to_owned(),
            request_id: call.request_id.clone(),
        };
        self.put_back(Noted { scope: call.scope.clone(), key_id, last });
    }

    /// The last use of a key, noted or written.
    pub(crate) async fn last_use(
        &self,
        barrier: &Barrier,
        scope: &Scope,
        key_id: &KeyId,
    ) -> Result<Option<Use>, RecordError> {
        let place = Place::usage(scope, key_id);
        let noted = {
            let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            log.get(place.as_str()).map(|noted| noted.last.clone())
        };
        let written = barrier.get::<Use>(&place).await?.map(|stored| stored.record);
        Ok(noted.into_iter().chain(written).max_by_key(|last| last.at))
    }

    /// Writes down what was noted. What can't be written now stays noted.
    pub(crate) async fn flush(&self, barrier: &Barrier) -> Result<(), KmsError> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let noted: Vec<_> = noted.into_values().collect();
        let mut written = 0;
        let mut outcome = Ok(());
        for batch in noted.chunks(WRITTEN_AT_ONCE) {
            match write(barrier, batch).await {
                Ok(()) => written += batch.len(),
                // Somebody changes one of these keys: at the next run.
                Err(Fault::Conflict) => {
                    batch.iter().cloned().for_each(|noted| self.put_back(noted));
                    written += batch.len();
                }
                Err(Fault::Answer(error)) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        noted.into_iter().skip(written).for_each(|noted| self.put_back(noted));
        outcome
    }

    /// Notes a use, unless a later one was noted meanwhile.
    fn put_back(&self, noted: Noted) {
        let place = Place::usage(&noted.scope, &noted.key_id);
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match log.get(place.as_str()) {
            Some(other) if other.last.at > noted.last.at => {}
            _ => drop(log.insert(place.as_str().to_owned(), noted)),
        }
    }
}

async fn write(barrier: &Barrier, batch: &[Noted]) -> Result<(), Fault> {
    let mut changes = barrier.changes();
    for Noted { scope, key_id, last } in batch {
        // Of a key that was deleted meanwhile nothing must come back.
        let Some(key) = barrier.get::<KeyRecord>(&Place::key(scope, key_id)).await? else { continue };
        let place = Place::usage(scope, key_id);
        match barrier.get::<Use>(&place).await? {
            Some(stored) if stored.record.at >= last.at => continue,
            Some(stored) => changes.replace(&stored, last)?,
            None => changes.create(place, last)?,
        }
        changes.unchanged(&key);
    }
    changes.commit().await
}

/// Keys in one commit, which has 128 conditions at most and two for each key.
const WRITTEN_AT_ONCE: usize = 60;
