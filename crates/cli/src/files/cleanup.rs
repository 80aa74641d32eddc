//! Temporary files that have a name: gone when their guard is dropped, and when the process is told to end.
//!
//! Signals are the process's, so the names are too. The thread that waits for them starts with the first name;
//! most runs never have one, since their temporary files have no name to begin with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// A name for a temporary file. If the file is there when this is dropped, it is removed.
#[derive(Debug)]
pub(super) struct TemporaryName(PathBuf);

impl TemporaryName {
    /// Reserves `path`; the file may be made after that.
    pub(super) fn new(path: PathBuf) -> Self {
        WATCH.call_once(watch);
        NAMES.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryName {
    fn drop(&mut self) {
        // Mostly it has been renamed by now. If it can't be removed, there is nobody left to tell.
        let _ = fs::remove_file(&self.0);
        NAMES.lock().unwrap_or_else(PoisonError::into_inner).retain(|name| *name != self.0);
    }
}

static NAMES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static WATCH: Once = Once::new();

/// Without a handler signals still end the process, and only the named file stays behind.
fn watch() {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
    thread::spawn(move || {
        for signal in signals.forever() {
            // Held to the end: nobody makes a new file now.
            let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
            for name in names.iter() {
                let _ = fs::remove_file(name);
            }
            let _ = emulate_default_handler(signal);
        }
    });
}
