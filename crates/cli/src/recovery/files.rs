//! Shares in files, one each, for those who have no terminal or another way to keep them apart.
//!
//! ```text
//! # Keyfold recovery share 2 of 5, set 3f9a01c277de: 3 of one set open the key store. Keep it secret.
//! kfs1 …
//! ```
//!
//! When a file is read, lines that begin with `#` are skipped, and line ends do not matter.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use keyfold_kms::root::shares::{COUNT, Share};
use zeroize::Zeroizing;

use crate::console::shown;
use crate::failure::Failure;

/// What the file of a share is called.
pub(super) fn name(share: &Share) -> String {
    format!("recovery-share-{}-{}.txt", share.set(), share.index())
}

/// Writes a file for each share, mode 0600, into `directory`, which is made if it is not there. Nothing is replaced.
pub(super) fn write(directory: &Path, shares: &[Share]) -> Result<(), Failure> {
    let failed = |path: &Path, error: &io::Error| Failure::io(&format!("can't write {}", shown(path)), error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| failed(directory, &error))?;
    for share in shares {
        let path = directory.join(name(share));
        let text = share.text().map_err(|error| Failure::from(&error))?;
        let head = format!(
            "# Keyfold recovery share {} of {COUNT}, set {}: {} of one set open the key store. Keep it secret.\n",
            share.index(),
            share.set(),
            share.threshold()
        );
        let written = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(head.as_bytes())?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        written().map_err(|error| failed(&path, &error))?;
    }
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| failed(directory, &error))
}

/// Reads the share in a file.
pub(super) fn read(path: &Path) -> Result<Share, Failure> {
    let what = format!("can't read {}", shown(path));
    // Room for all of it, so that growing leaves no copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(LEN_MAX + 1));
    let read = fs::File::open(path).and_then(|file| file.take(LEN_MAX as u64 + 1).read_to_end(&mut content));
    read.map_err(|error| Failure::io(&what, &error))?;
    let mut text = Zeroizing::new(String::with_capacity(LEN_MAX + 1));
    let lines = std::str::from_utf8(&content).unwrap_or_default().lines();
    lines.filter(|line| !line.starts_with('#')).for_each(|line| text.push_str(line));
    Share::parse(&text).map_err(|error| {
        let failure = Failure::from(&error);
        Failure { what: format!("{}: {}", shown(path), failure.what), ..failure }
    })
}

/// Far above what such a file has.
const LEN_MAX: usize = 4096;
