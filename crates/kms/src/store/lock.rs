//! The advisory lock on a home directory, by which processes that share it take turns at writing.
//!
//! A lock on the file `lock` (`flock` on Unix), so it ends with the process that holds it, however that ended.
//! It is not what keeps the database whole, which SQLite's own locks do; it makes creation and migration one
//! step, and it gives a waiting process a clear answer instead of an engine's.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::StoreError;

/// The lock file of a home directory, opened. Copies are the same lock.
#[derive(Debug, Clone)]
pub(crate) struct HomeLock(Arc<LockFile>);

#[derive(Debug)]
struct LockFile {
    file: File,
    /// How many [`Held`]s there are: the lock is between processes; threads of this one share it.
    held: Mutex<u32>,
}

impl HomeLock {
    /// Opens the lock file, making it if need be. Takes no lock yet.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = private_file(path)?;
        Ok(Self(Arc::new(LockFile { file, held: Mutex::new(0) })))
    }

    /// Takes the lock, waiting for other processes at most [`WAIT_MS_MAX`].
    pub(crate) fn acquire(&self) -> Result<Held, StoreError> {
        self.acquire_within(WAIT_MS_MAX)
    }

    fn acquire_within(&self, wait_ms_max: u64) -> Result<Held, StoreError> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if *held == 0 {
            let mut waited_ms = 0;
            loop {
                match self.0.file.try_lock() {
                    Ok(()) => break,
                    Err(TryLockError::Error(error)) => return Err(error.into()),
                    Err(TryLockError::WouldBlock) if waited_ms >= wait_ms_max => {
                        return Err(StoreError::Busy { waited_ms });
                    }
                    Err(TryLockError::WouldBlock) => {
                        thread::sleep(Duration::from_millis(POLL_MS));
                        waited_ms += POLL_MS;
                    }
                }
            }
        }
        *held += 1;
        Ok(Held(Arc::clone(&self.0)))
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
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// How long a process waits for another one. A write holds the lock for milliseconds, creation with a
/// passphrase for about a second.
const WAIT_MS_MAX: u64 = 10_000;
const POLL_MS: u64 = 2;

#[cfg(test)]
mod tests {
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
    fn waiting_has_a_bound() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let (ours, theirs) = (HomeLock::open(&path).unwrap(), HomeLock::open(&path).unwrap());
        let _held = ours.acquire().unwrap();
        let error = theirs.acquire_within(20).unwrap_err();
        assert!(matches!(error, StoreError::Busy { waited_ms: 20 }));
        assert!(error.to_string().contains("another process"));
    }
}
