//! Where bytes come from: a file or standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Identity;
use crate::console::shown;
use crate::failure::Failure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

/// A source that is open, and what is known of it.
pub(crate) struct Sourced {
    pub(crate) reader: Box<dyn Read>,
    /// Of a regular file; standard input and pipes have none worth copying.
    pub(crate) mode: Option<u32>,
    pub(crate) len: Option<u64>,
    pub(crate) identity: Option<Identity>,
}

impl Source {
    pub(crate) fn new(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// Its name in messages.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => shown(path),
        }
    }

    /// Refuses what can't be read, before anything else is found wrong with it.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let Self::File(path) = self else { return Ok(()) };
        let metadata = fs::metadata(path).map_err(|error| Failure::io("can't open it", &error))?;
        if metadata.is_dir() { Err(is_directory().hint("-r takes the files in it")) } else { Ok(()) }
    }

    pub(crate) fn open(&self) -> Result<Sourced, Failure> {
        let Self::File(path) = self else {
            return Ok(Sourced {
                reader: Box::new(io::stdin().lock()),
                mode: None,
                len: None,
                identity: None,
            });
        };
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|error| Failure::io("can't open it", &error))?;
        if metadata.is_dir() {
            return Err(is_directory());
        }
        let is_regular = metadata.is_file();
        Ok(Sourced {
            reader: Box::new(file),
            mode: is_regular.then(|| metadata.permissions().mode() & 0o777),
            len: is_regular.then_some(metadata.len()),
            identity: Some(Identity::of(&metadata)),
        })
    }
}

fn is_directory() -> Failure {
    Failure::usage("is a directory")
}
