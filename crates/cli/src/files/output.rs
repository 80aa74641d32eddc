//! A new file that appears under its name with its whole content, or not at all.
//!
//! ```text
//! open without a name, mode 0600  →  content  →  mode of the input  →  fsync  →  name  →  fsync of the directory
//! ```
//! On Linux the file has no name (`O_TMPFILE`) until it is whole, so even a killed process leaves nothing. Where the
//! file system can't do that, it has a hidden name, `.keyfold-….tmp`, which a signal handler removes; only
//! `kill -9` leaves it. A name that exists is never taken without `force`, whoever makes it in the meantime.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use keyfold_crypto::rand;
use rustix::fs::{AtFlags, CWD, linkat};
use rustix::io::Errno;

use super::cleanup::TemporaryName;
use super::{Identity, directory_of};
use crate::console::shown;
use crate::failure::{Code, Failure};

/// A file that has no content yet, or not all of it.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: File,
    target: PathBuf,
    force: bool,
    /// `None`: the file has no name.
    name: Option<TemporaryName>,
}

impl NewFile {
    /// Prepares to make `target`, unless it exists and `force` is not set, or it is the file `input`.
    pub(crate) fn create(target: &Path, force: bool, input: Option<Identity>) -> Result<Self, Failure> {
        if target.file_name().is_none() {
            return Err(Failure::usage(format!("{} is not a file name", shown(target))));
        }
        check_target(target, force, input)?;
        let new = match open_unnamed(directory_of(target)) {
            Ok(Some(file)) => Ok(Self { file, target: target.to_owned(), force, name: None }),
            Ok(None) => Self::with_hidden_name(target, force),
            Err(error) => Err(error),
        };
        new.map_err(|error| Failure::io(&format!("can't create {}", shown(target)), &error))
    }

    fn with_hidden_name(target: &Path, force: bool) -> io::Result<Self> {
        let name = TemporaryName::new(hidden_name(directory_of(target))?);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(name.path())?;
        Ok(Self { file, target: target.to_owned(), force, name: Some(name) })
    }

    /// Where the content goes.
    pub(crate) fn writer(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes it so: the file is there, whole, with `mode` less what the umask takes away, and stays there when the
    /// power fails.
    pub(crate) fn publish(self, mode: Option<u32>) -> Result<(), Failure> {
        let target = shown(&self.target);
        let cannot = |error| match error {
            error if io::Error::kind(&error) == io::ErrorKind::AlreadyExists => exists(&self.target),
            error => Failure::io(&format!("can't write {target}"), &error),
        };
        if let Some(mode) = mode {
            self.file.set_permissions(Permissions::from_mode(mode & !umask())).map_err(cannot)?;
        }
        self.file.sync_all().map_err(cannot)?;
        self.give_name().map_err(cannot)?;
        sync_directory(directory_of(&self.target)).map_err(cannot)
    }

    fn give_name(&self) -> io::Result<()> {
        match (&self.name, self.force) {
            (Some(name), true) => fs::rename(name.path(), &self.target),
            // A second link fails if the target exists; the first one goes when the guard is dropped.
            (Some(name), false) => match fs::hard_link(name.path(), &self.target) {
                Err(error) if lacks_links(&error) => rename_unless_exists(name.path(), &self.target),
                linked => linked,
            },
            (None, _) => match link_unnamed(&self.file, &self.target) {
                Err(error) if self.force && error.kind() == io::ErrorKind::AlreadyExists => {
                    let name = TemporaryName::new(hidden_name(directory_of(&self.target))?);
                    link_unnamed(&self.file, name.path())?;
                    fs::rename(name.path(), &self.target)
                }
                linked => linked,
            },
        }
    }
}

/// Makes `target` and its parents, as far as they are missing, with the modes of `source` and its parents. Returns
/// what it made, innermost first.
pub(super) fn mirror_directories(target: &Path, source: &Path) -> io::Result<Vec<PathBuf>> {
    let mut missing = Vec::new();
    let (mut target, mut source) = (Some(target), Some(source));
    while let Some(directory) =
        target.filter(|directory| !directory.as_os_str().is_empty() && !directory.exists())
    {
        missing.push((directory.to_owned(), source.map(Path::to_owned)));
        (target, source) = (directory.parent(), source.and_then(Path::parent));
    }
    for (directory, like) in missing.iter().rev() {
        DirBuilder::new().mode(0o700).create(directory)?;
        if let Some(metadata) = like.as_ref().and_then(|like| fs::metadata(like).ok()) {
            let mode = metadata.permissions().mode() & 0o777 & !umask() | 0o700;
            fs::set_permissions(directory, Permissions::from_mode(mode))?;
        }
    }
    Ok(missing.into_iter().map(|(directory, _)| directory).collect())
}

/// What the user does not want others to have. Whoever made the input chose its mode, not who runs this.
fn umask() -> u32 {
    use rustix::{fs::Mode, process::umask};

    // It can only be asked by setting it. Nothing else makes files in this moment.
    let mask = umask(Mode::RWXG | Mode::RWXO);
    umask(mask);
    mask.as_raw_mode()
}

/// Opens a file without a name in `directory`; `None` if that can't be done here.
#[cfg(target_os = "linux")]
fn open_unnamed(directory: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags, openat};

    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = match openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => File::from(file),
        // What kernels and file systems answer that do not know the flag.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // It gets its name through /proc, which is not everywhere.
    Ok(fs::symlink_metadata(proc_path(&file)).is_ok().then_some(file))
}

#[cfg(not(target_os = "linux"))]
fn open_unnamed(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Gives a file without a name this one, if nothing has it.
fn link_unnamed(file: &File, name: &Path) -> io::Result<()> {
    Ok(linkat(CWD, proc_path(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

fn proc_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// For file systems without hard links. Between the two steps somebody else may make the target.
fn rename_unless_exists(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

fn lacks_links(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS))
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems have nothing to sync there.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

fn hidden_name(directory: &Path) -> io::Result<PathBuf> {
    let random = rand::array().map_err(io::Error::other)?;
    Ok(directory.join(format!(".keyfold-{:016x}.tmp", u64::from_be_bytes(random))))
}

/// Refuses a target that must not be touched.
fn check_target(target: &Path, force: bool, input: Option<Identity>) -> Result<(), Failure> {
    let Ok(metadata) = fs::symlink_metadata(target) else { return Ok(()) };
    if input.is_some() && Identity::at(target) == input {
        return Err(Failure::new(Code::Files, "input and output are the same file"));
    }
    if metadata.is_dir() {
        return Err(Failure::new(Code::Files, format!("{} is a directory", shown(target))));
    }
    let is_regular = fs::metadata(target).map_or(metadata.is_symlink(), |led| led.is_file());
    if !is_regular || is_descriptor(target) {
        let what = format!("{} is not a regular file, and is not replaced", shown(target));
        return Err(Failure::new(Code::Files, what).hint("-o - writes to standard output"));
    }
    if force { Ok(()) } else { Err(exists(target)) }
}

/// Whether `path` leads to an open file of this process, as `/dev/stdout` does. What that is does not matter: the link
/// is the system's, and not to be replaced.
fn is_descriptor(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        if path.starts_with("/proc") || path.starts_with("/dev/fd") {
            return true;
        }
        match fs::read_link(&path) {
            Ok(next) => path = directory_of(&path).join(next),
            Err(_) => return false,
        }
    }
    true
}

fn exists(target: &Path) -> Failure {
    Failure::new(Code::Files, format!("{} exists", shown(target))).hint("--force replaces it")
}

/// Where Linux gives up, too.
const LINKS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn both_kinds(target: &Path, force: bool) -> [NewFile; 2] {
        let unnamed = open_unnamed(directory_of(target)).unwrap().unwrap();
        let unnamed = NewFile { file: unnamed, target: target.to_owned(), force, name: None };
        [unnamed, NewFile::with_hidden_name(target, force).unwrap()]
    }

    fn names_in(directory: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(directory).unwrap().map(name).collect()
    }

    #[test]
    fn nothing_is_there_until_all_is() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        for mut new in both_kinds(&target, false) {
            new.writer().write_all(b"content").unwrap();
            assert!(!target.exists());
            new.publish(Some(0o640)).unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"content");
            assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
            fs::remove_file(&target).unwrap();
        }
        drop(both_kinds(&target, true));
        assert!(names_in(directory.path()).is_empty());
    }

    #[test]
    fn a_target_made_in_the_meantime_is_taken_by_force_only() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        let (gentle, forceful) = (both_kinds(&target, false), both_kinds(&target, true));
        File::create(&target).unwrap().write_all(b"precious").unwrap();
        for new in gentle {
            assert_eq!(new.publish(None).unwrap_err().code, Code::Files);
            assert_eq!(fs::read(&target).unwrap(), b"precious");
        }
        for mut new in forceful {
            new.writer().write_all(b"content").unwrap();
            new.publish(None).unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"content");
            File::create(&target).unwrap().write_all(b"precious").unwrap();
        }
        assert_eq!(names_in(directory.path()), ["target"]);
    }
}
