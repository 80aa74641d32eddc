//! What is done without anybody asking: rotations that are due, and deletions.
//!
//! A program that stays up calls [`Worker::run_due`] every minute or so; several may do it on one store. Nothing here
//! keeps time or sleeps. Every step is compare-and-write on the key's record: of two workers one does it, and a key
//! that a user has changed meanwhile is judged again at the next run.
//!
//! A run reads the record of every key, some 25 microseconds each. An index of what is due would put times into row keys,
//! where the store sees them.
//!
//! # When a key is deleted
//!
//! Deletion can't be undone, so one clock is not believed. A key is deleted when both have passed its whole window:
//!
//! 1. the wall clock: it has reached the key's deletion date;
//! 2. the count: milliseconds that workers have seen pass on a monotonic clock, since one first saw the key pending.
//!
//! The count is one record of the store and only grows. A worker adds what it has itself seen pass since the count
//! had its present value, so that two workers together count no faster than one, and at most [`CREDIT_MS_MAX`] at
//! once. Hence a wall clock that jumps, forth or back, deletes nothing and no sooner; a service that is down, and a
//! store without a worker, delete later or not at all. The count runs only while some key is pending.
//!
//! The first commit of a deletion takes away the key, its names and its material, and leaves a note under `erasing/`;
//! what else there is (history, grants, tags, policy, last use, more material than fits into one commit) goes in further commits, and the note
//! with the last. Whoever finds a note goes on from there.

use std::time::Duration;

use keyfold_crypto::SecretBytes;
use keyfold_protocol::{KeyId, KeyState, KmsError, Timestamp};
use serde::{Deserialize, Serialize};

use crate::call::{Call, Scope};
use crate::error::{Fault, RecordError};
use crate::key::grant::{self, GrantRecord};
use crate::key::record::{from_json, to_json};
use crate::key::{Key, KeyRecord, alias, rotation};
use crate::principals::Principal;
use crate::root::barrier::{Place, Record, Stored};
use crate::service::Service;

/// Does what is due. One per program, kept between runs: it remembers what it has seen of time.
#[derive(Debug, Default)]
pub struct Worker {
    seen: Option<Seen>,
}

/// What a run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Keys that were rotated.
    pub rotated: usize,
    /// Keys that were deleted.
    pub deleted: usize,
}

/// A value of the count, and the moment of the monotonic clock at which it was seen or written first.
#[derive(Debug, Clone, Copy)]
struct Seen {
    count_ms: u64,
    at: Duration,
}

impl Worker {
    /// Performs all rotations and deletions of `service` that are due. `uptime` is the reading of a clock that never
    /// goes back and that nobody sets, such as the time since the program started.
    ///
    /// # Errors
    /// `KMSInternalException`, `DependencyTimeoutException`: the store failed. What was done until then is done; the
    /// next run goes on.
    pub async fn run_due(&mut self, service: &Service, uptime: Duration) -> Result<Done, KmsError> {
        let mut done = Done::default();
        for place in places(service, &Place::all_erasing()).await? {
            let (scope, key_id) = parse(service, &place)?;
            erase_rest(&call_in(service, &scope), &key_id).await?;
        }
        let mut count = None;
        let mut after = None;
        loop {
            let page: Vec<Stored<KeyRecord>> =
                service.barrier().range(KEYS, after.as_deref(), PAGE_LEN).await?;
            let Some(last) = page.last() else { break };
            after = last.place().as_str().strip_prefix(KEYS).map(str::to_owned);
            for stored in page {
                let is_pending = stored.record.state == KeyState::PendingDeletion;
                let (scope, id) = parse(service, stored.place())?;
                let call = call_in(service, &scope);
                let key = Key { id, arn: scope.key_arn(&id), scope: scope.clone(), named: None, stored };
                if is_pending {
                    let count_ms = match count {
                        Some(count_ms) => count_ms,
                        None => *count.insert(self.advance(service, uptime).await?),
                    };
                    done.deleted += usize::from(delete_if_due(&call, &key, count_ms).await?);
                } else if key.stored.record.due_rotation(call.now).is_some() {
                    done.rotated += usize::from(rotate_if_due(&call, &key).await?);
                }
            }
        }
        if count.is_none() {
            self.seen = None;
        }
        service.flush().await?;
        Ok(done)
    }

    /// Adds to the count what has passed, and gives it.
    async fn advance(&mut self, service: &Service, uptime: Duration) -> Result<u64, KmsError> {
        let barrier = service.barrier();
        let stored = barrier.get::<Count>(&Place::worker_count()).await?;
        let count_ms = stored.as_ref().map_or(0, |stored| stored.record.observed_ms);
        let Some(seen) = self.seen.filter(|seen| seen.count_ms == count_ms) else {
            self.seen = Some(Seen { count_ms, at: uptime });
            return Ok(count_ms);
        };
        let passed = uptime.saturating_sub(seen.at).as_millis();
        let passed_ms = u64::try_from(passed).unwrap_or(u64::MAX).min(CREDIT_MS_MAX);
        if passed_ms == 0 {
            return Ok(count_ms);
        }
        let grown = Count { observed_ms: count_ms.saturating_add(passed_ms) };
        let mut changes = barrier.changes();
        match &stored {
            Some(stored) => changes.replace(stored, &grown)?,
            None => changes.create(Place::worker_count(), &grown)?,
        }
        if is_done(changes.commit().await)? {
            self.seen = Some(Seen { count_ms: grown.observed_ms, at: uptime });
            Ok(grown.observed_ms)
        } else {
            // Another worker has counted this time.
            self.seen = None;
            Ok(count_ms)
        }
    }
}

/// The record at [`Place::worker_count`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    observed_ms: u64,
}

impl Record for Count {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

/// The note that a key is being erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Erasing {
    since: Timestamp,
}

impl Record for Erasing {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

/// Any record, of which only its place is of interest.
struct Opaque;

impl Record for Opaque {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        Err(RecordError::Damaged)
    }

    fn decode(_: &SecretBytes) -> Option<Self> {
        Some(Self)
    }
}

async fn rotate_if_due(call: &Call<'_>, key: &Key) -> Result<bool, KmsError> {
    let mut changes = call.barrier.changes();
    match rotation::rotate_if_due(&mut changes, call.scope, key, call.now) {
        Ok(true) => is_done(changes.commit().await),
        Ok(false) | Err(Fault::Conflict) => Ok(false),
        Err(Fault::Answer(error)) => Err(error),
    }
}

/// Deletes a key that is pending deletion, if both clocks have passed its window; or notes when it was first seen.
async fn delete_if_due(call: &Call<'_>, key: &Key, count_ms: u64) -> Result<bool, KmsError> {
    let record = &key.stored.record;
    let Some(seen_ms) = record.deletion_seen_ms else {
        let seen = KeyRecord { deletion_seen_ms: Some(count_ms), ..record.clone() };
        let mut changes = call.barrier.changes();
        changes.replace(&key.stored, &seen)?;
        is_done(changes.commit().await)?;
        return Ok(false);
    };
    let window_ms = u64::from(record.deletion_window_days.unwrap_or(WINDOW_DAYS_UNKNOWN)) * MS_PER_DAY;
    let is_seen_through = count_ms.saturating_sub(seen_ms) >= window_ms;
    if !is_seen_through || record.deletion_date.is_none_or(|date| date > call.now) {
        return Ok(false);
    }
    if !erase_key(call, key).await? {
        return Ok(false);
    }
    erase_rest(call, &key.id).await?;
    Ok(true)
}

/// Takes away the key itself with its names and as much material as one commit holds.
async fn erase_key(call: &Call<'_>, key: &Key) -> Result<bool, KmsError> {
    let mut changes = call.barrier.changes();
    changes.remove(&key.stored);
    changes.create(Place::erasing(call.scope, &key.id), &Erasing { since: call.now })?;
    if let Some(names) = alias::names_of(call, &key.id).await? {
        for name in &names.record.names {
            let found = alias::find(call, name).await?;
            if let Some(found) = found.filter(|found| found.record.target == key.id) {
                changes.remove(&found);
            }
        }
        changes.remove(&names);
    }
    let materials = Place::materials(call.scope, &key.id);
    for material in call.barrier.range::<Opaque>(&materials, None, ERASED_AT_ONCE).await? {
        changes.remove(&material);
    }
    is_done(changes.commit().await)
}

/// Takes away whatever is left of a key, and the note last.
async fn erase_rest(call: &Call<'_>, key_id: &KeyId) -> Result<(), KmsError> {
    for prefix in [Place::materials(call.scope, key_id), Place::rotations(call.scope, key_id)] {
        loop {
            let found = call.barrier.range::<Opaque>(&prefix, None, ERASED_AT_ONCE).await?;
            let mut changes = call.barrier.changes();
            found.iter().for_each(|stored| changes.remove(stored));
            if found.is_empty() {
                break;
            }
            if !is_done(changes.commit().await)? {
                // Another worker is at it; the note stays until one of them finds nothing more.
                return Ok(());
            }
        }
    }
    loop {
        let prefix = Place::grants(call.scope, key_id);
        let found = call.barrier.range::<GrantRecord>(&prefix, None, GRANTS_ERASED_AT_ONCE).await?;
        if found.is_empty() {
            break;
        }
        let mut changes = call.barrier.changes();
        for stored in &found {
            match grant::erase(call, &mut changes, key_id, stored).await {
                // Another worker is at it.
                Err(RecordError::Incomplete) => return Ok(()),
                other => other?,
            }
        }
        if !is_done(changes.commit().await)? {
            return Ok(());
        }
    }
    let mut changes = call.barrier.changes();
    let grants = Place::key_grants(call.scope, key_id);
    let (tags, policy) = (Place::key_tags(call.scope, key_id), Place::key_policy(call.scope, key_id));
    let usage = Place::usage(call.scope, key_id);
    for place in [grants, tags, policy, usage, Place::erasing(call.scope, key_id)] {
        if let Some(stored) = call.barrier.get::<Opaque>(&place).await? {
            changes.remove(&stored);
        }
    }
    is_done(changes.commit().await)?;
    Ok(())
}

async fn places(service: &Service, prefix: &str) -> Result<Vec<Place>, RecordError> {
    let found = service.barrier().range::<Opaque>(prefix, None, PAGE_LEN).await?;
    Ok(found.into_iter().map(|stored| stored.place().clone()).collect())
}

/// The scope and key id that a place ends with: `…/<account>/<Region>/<key id>`.
fn parse(service: &Service, place: &Place) -> Result<(Scope, KeyId), RecordError> {
    let mut parts = place.as_str().rsplit('/');
    let (key_id, region, account) = (parts.next(), parts.next(), parts.next());
    let parsed = || {
        let partition = service.scope().partition.clone();
        let (account, region) = (account?.parse().ok()?, region?.parse().ok()?);
        Some((Scope { partition, account, region }, key_id?.parse().ok()?))
    };
    parsed().ok_or(RecordError::Damaged)
}

/// A call of the service itself, which asks nobody for permission.
fn call_in<'s>(service: &'s Service, scope: &'s Scope) -> Call<'s> {
    service.call_in(scope, Principal::AccountRoot(scope.account.clone()))
}

/// Whether a commit was made; one that came too late is not an error.
fn is_done(committed: Result<(), Fault>) -> Result<bool, KmsError> {
    match committed {
        Ok(()) => Ok(true),
        Err(Fault::Conflict) => Ok(false),
        Err(Fault::Answer(error)) => Err(error),
    }
}

/// What the places of all keys start with.
const KEYS: &str = "key/";
/// Records read at once.
const PAGE_LEN: usize = 256;
/// Records erased in one commit, beside a key, its note and its 51 records of names; a commit has 128 at most.
const ERASED_AT_ONCE: usize = 64;
/// Grants erased in one commit, of four records each.
const GRANTS_ERASED_AT_ONCE: usize = 30;
const MS_PER_DAY: u64 = 24 * 60 * 60 * 1000;
/// Most that a worker adds to the count at once: who runs less often loses time, and deletes later.
pub const CREDIT_MS_MAX: u64 = 60 * 60 * 1000;
/// The window of a key that was scheduled by a version that did not keep it: the longest there is.
const WINDOW_DAYS_UNKNOWN: u16 = 30;
