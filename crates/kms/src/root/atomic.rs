//! Writing and reading the small private files of a home directory.
//!
//! A file appears with its whole content or not at all, and is on the disk when writing it has returned. Not for
//! large files, and not for two writers at a time: the lock on the directory is the caller's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::RootError;

/// Creates `path` with `content`, readable by the owner only. Order: temporary file beside it, content, fsync,
/// rename, fsync of the directory; killed anywhere before the rename, it leaves at most the temporary file, which
/// the next attempt removes.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> Result<(), RootError> {
    let attempt = || -> io::Result<()> {
        let temporary = path.with_extension("tmp");
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    attempt().map_err(|source| RootError::Io { path: path.into(), source })
}

/// The whole content of `path`, at most [`LEN_MAX`] bytes, if nobody but the owner may read it.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, RootError> {
    let io = |source| RootError::Io { path: path.into(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(RootError::NotPrivate { path: path.into(), mode });
    }
    // Capacity for all of it, so that growing leaves no copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(LEN_MAX + 1));
    file.take(LEN_MAX as u64 + 1).read_to_end(&mut content).map_err(io)?;
    let text = std::str::from_utf8(&content).ok().filter(|text| text.len() <= LEN_MAX);
    text.map(|text| Zeroizing::new(text.to_owned())).ok_or_else(|| RootError::Malformed { path: path.into() })
}

/// Far above what any of these files has.
const LEN_MAX: usize = 4096;
