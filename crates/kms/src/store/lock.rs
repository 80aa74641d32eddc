//! The advisory lock on a home directory, by which processes that share it take turns at writing.
//!
//! A lock on the file `lock` (`flock` on Unix), so it ends with the process that holds it, however that ended.
//! Who waits for it holds the file `lock.turn` meanwhile, and everybody passes that first: a busy writer that lets go
//! of `lock` can't take it again before the one that waits has had it.
//! It is not what keeps the database whole, which SQLite's own locks do; it makes creation and migration one
//! step, and it gives a waiting process a clear answer instead of an engine's.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;

/// The lock file of a home directory, opened. Copies are the same lock.
#[derive(Debug, Clone)]
pub(crate) struct HomeLock(Arc<LockFile>);

#[derive(Debug)]
struct LockFile {
    file: File,
    turn: File,
    /// How many [`Held`]s there are: the lock is between processes; threads of this one share it.
    held: Mutex<u32>,
}

impl HomeLock {
    /// Opens the lock file, making it if need be. Takes no lock yet.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let (file, turn) = (private_file(path)?, private_file(&path.with_extension(TURN_EXTENSION))?);
        Ok(Self(Arc::new(LockFile { file, turn, held: Mutex::new(0) })))
    }

    /// Takes the lock, waiting for other processes at most [`WAIT_MS_MAX`].
    pub(crate) fn acquire(&self) -> Result<Held, StoreError> {
        self.acquire_within(WAIT_MS_MAX)
    }

    fn acquire_within(&self, wait_ms_max: u64) -> Result<Held, StoreError> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if *held == 0 {
            self.0.wait(wait_ms_max)?;
        }
        *held += 1;
        Ok(Held(Arc::clone(&self.0)))
    }
}

impl LockFile {
    #[expect(clippy::disallowed_methods, reason = "measures how long it waits; tells nobody the time")]
    fn wait(&self, wait_ms_max: u64) -> Result<(), StoreError> {
        let start = Instant::now();
        lock_within(&self.turn, start, wait_ms_max)?;
        let locked = lock_within(&self.file, start, wait_ms_max);
        self.turn.unlock()?;
        locked
    }
}

/// Who uses a home directory: commands side by side, or one server and nobody else. A lock on the file `in-use`, for
/// as long as this is held.
#[derive(Debug)]
pub(crate) struct UseLock(#[expect(dead_code, reason = "held, and let go of by closing it")] File);

impl UseLock {
    /// Takes part in the use of the home; `None` if a server has it.
    pub(crate) fn shared(path: &Path) -> io::Result<Option<Self>> {
        let file = private_file(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Has the home alone; `None` if others use it, even after a moment in which a command can end.
    #[expect(clippy::disallowed_methods, reason = "measures how long it waits; tells nobody the time")]
    pub(crate) fn exclusive(path: &Path) -> io::Result<Option<Self>> {
        let file = private_file(path)?;
        match lock_within(&file, Instant::now(), COMMAND_MS_MAX) {
            Ok(()) => Ok(Some(Self(file))),
            Err(StoreError::Busy { .. }) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// Locks `file` unless `wait_ms_max` have passed since `start`.
fn lock_within(file: &File, start: Instant, wait_ms_max: u64) -> Result<(), StoreError> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) => {}
        }
        let waited_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if waited_ms >= wait_ms_max {
            return Err(StoreError::Busy { waited_ms });
        }
        thread::sleep(Duration::from_micros(POLL_US));
    }
}

/// The lock, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Arc<LockFile>);

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held -= 1;
        if *held == 0 {
            // Unlocking an open file that we have locked does not fail; if it did, closing the file would do it.
            let _ = self.0.file.unlock();
        }
    }
}

/// Opens a file for reading and writing, or makes it for its owner alone. What is in it stays.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// How long a process waits for another one. A write holds the lock for milliseconds, creation with a
/// passphrase for about a second.
const WAIT_MS_MAX: u64 = 10_000;
/// How long a server waits for commands that use the home.
const COMMAND_MS_MAX: u64 = 2_000;
const POLL_US: u64 = 200;
const TURN_EXTENSION: &str = "turn";

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[test]
    fn one_opener_holds_it_as_often_as_it_likes_and_another_waits() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let (ours, theirs) = (HomeLock::open(&path).unwrap(), HomeLock::open(&path).unwrap());
        let outer = ours.acquire().unwrap();
        drop(ours.acquire().unwrap());
        assert!(matches!(theirs.0.file.try_lock(), Err(TryLockError::WouldBlock)));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| theirs.acquire().map(drop));
            thread::sleep(Duration::from_millis(20));
            drop(outer);
            assert!(waiting.join().unwrap().is_ok());
        });
    }

    #[test]
    fn a_busy_holder_does_not_keep_it_from_one_who_waits() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let (busy, waiting) = (HomeLock::open(&path).unwrap(), HomeLock::open(&path).unwrap());
        let (is_done, times_busy) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                // Takes it again as soon as it has let go, and holds it for about as long as a commit.
                while !is_done.load(Ordering::SeqCst) {
                    let _held = busy.acquire().unwrap();
                    thread::sleep(Duration::from_micros(300));
                    times_busy.fetch_add(1, Ordering::SeqCst);
                }
            });
            for _ in 0..20 {
                // Only a turn that begins while the other is at it counts.
                let before = times_busy.load(Ordering::SeqCst);
                while times_busy.load(Ordering::SeqCst) == before {
                    thread::yield_now();
                }
                drop(waiting.acquire().unwrap());
            }
            is_done.store(true, Ordering::SeqCst);
        });
        let times_busy = times_busy.into_inner();
        assert!(times_busy <= 20 * 8, "it was taken {times_busy} times between 20 of ours");
    }

    #[test]
    fn waiting_has_a_bound() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let (ours, theirs) = (HomeLock::open(&path).unwrap(), HomeLock::open(&path).unwrap());
        let _held = ours.acquire().unwrap();
        let error = theirs.acquire_within(20).unwrap_err();
        assert!(matches!(error, StoreError::Busy { waited_ms: 20.. }));
        assert!(error.to_string().contains("another process"));
    }
}
