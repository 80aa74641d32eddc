//! Files: which ones a command is about, where what it makes goes, and how that gets there in one piece.
//!
//! Knows nothing of messages and keys.

mod cleanup;
mod glob;
mod output;
mod plan;
mod source;

pub(crate) use output::NewFile;
pub(crate) use plan::{Destination, Direction, Job, Plan};
pub(crate) use source::{Source, Sourced};

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What makes two paths the same file, however they are spelled and linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Of what `path` leads to, if anything.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// The directory that a file is in, or would be in.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
