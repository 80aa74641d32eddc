//! Landlock (`landlock(7)`): which files the server may still touch, and what else beyond itself.
//!
//! | | may |
//! |---|---|
//! | the key store's directory | read and write, not execute |
//! | the directories of its certificate and key | read; a directory, since files are often replaced by renaming |
//! | what every program needs of the system: libraries that are loaded late, name resolution | read |
//! | everything else | nothing |
//! | TCP connections that it opens | only to send traces |
//! | signals to processes outside | none |
//!
//! What is open already stays usable, listeners and standard error for instance.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::Sandbox;

/// How much of it this kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforced {
    /// All that is asked for.
    All,
    /// Files; connections or signals not.
    Part,
    /// It has no Landlock.
    Nothing,
}

/// Restricts this thread and those that it starts.
pub(super) fn restrict(sandbox: &Sandbox) -> Result<Enforced, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::Signal)?;
    if !sandbox.connects {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut ruleset = ruleset.create()?;
    let write = AccessFs::from_all(KNOWN) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock);
    ruleset = allow(ruleset, &sandbox.home, write)?;
    if let Some(parent) = sandbox.home.parent().filter(|_| sandbox.is_ephemeral) {
        // Of empty directories only.
        ruleset = allow(ruleset, parent, AccessFs::RemoveDir.into())?;
    }
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for directory in sandbox.files.iter().flat_map(|file| directories_of(file)) {
        ruleset = allow(ruleset, &directory, read)?;
    }
    for path in SYSTEM {
        ruleset = allow(ruleset, Path::new(path), read)?;
    }
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Enforced::All,
        RulesetStatus::PartiallyEnforced => Enforced::Part,
        RulesetStatus::NotEnforced => Enforced::Nothing,
    })
}

/// Allows `access` to what is at `path` or beneath; what is not there needs no right.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(ruleset) };
    // A file has no entries to list or make.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) };
    ruleset.add_rule(PathBeneath::new(opened, access))
}

/// Where `file` is, and where it really is: a name may be a link into another directory.
fn directories_of(file: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
        parent => parent.map(Path::to_owned),
    };
    let real = file.canonicalize().ok();
    [parent(file), real.as_deref().and_then(parent)].into_iter().flatten().collect()
}

/// The version whose rights are asked for; an older kernel gives what it has.
const KNOWN: ABI = ABI::V6;

const SYSTEM: [&str; 14] = [
    // Libraries. Landlock counts as execution what starts a program, not what loads a library.
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    // Name resolution, to send traces.
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    // How many processors there are for it, and how much memory it has.
    "/proc/self",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    /// Runs `look` on a thread of its own that has entered a sandbox around `home`; the others stay outside.
    fn within<T: Send>(home: &Path, files: Vec<PathBuf>, look: impl FnOnce() -> T + Send) -> Option<T> {
        let sandbox = Sandbox { home: home.to_owned(), files, is_ephemeral: false, connects: false };
        thread::scope(|scope| {
            let looked = scope.spawn(move || match restrict(&sandbox).unwrap() {
                Enforced::Nothing => None,
                _ => Some(look()),
            });
            looked.join().unwrap()
        })
        .or_else(|| {
            eprintln!("SKIPPED: this kernel has no Landlock");
            None
        })
    }

    #[test]
    fn only_the_home_can_be_written_and_only_named_directories_read() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let certificates = tempfile::tempdir().unwrap();
        for directory in [&home, &other, &certificates] {
            fs::File::create(directory.path().join("file")).unwrap();
        }
        let link = certificates.path().join("link");
        let elsewhere = tempfile::tempdir().unwrap();
        fs::File::create(elsewhere.path().join("real")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("real"), &link).unwrap();
        // The control: outside, all of it can be read.
        for path in [other.path().join("file"), "/etc/passwd".into()] {
            assert!(fs::read(path).is_ok());
        }
        within(home.path(), vec![link.clone()], || {
            let denied =
                |result: std::io::Result<_>| result.unwrap_err().kind() == ErrorKind::PermissionDenied;
            assert!(denied(fs::read("/etc/passwd")));
            assert!(denied(fs::read("/etc/shadow")));
            assert!(denied(fs::read(other.path().join("file"))));
            assert!(denied(fs::File::create(other.path().join("new")).map(|_| Vec::new())));
            assert!(denied(fs::File::create(certificates.path().join("new")).map(|_| Vec::new())));
            assert!(fs::read(certificates.path().join("file")).is_ok());
            assert!(fs::read(&link).is_ok());
            let made = home.path().join("folder/new");
            fs::create_dir(made.parent().unwrap()).unwrap();
            fs::File::create(&made).unwrap();
            fs::rename(&made, home.path().join("renamed")).unwrap();
            fs::remove_file(home.path().join("renamed")).unwrap();
            // Threads that are started inside are inside.
            assert!(denied(thread::spawn(|| fs::read("/etc/passwd")).join().unwrap()));
        });
        assert!(fs::read("/etc/passwd").is_ok(), "only the thread is restricted");
    }

    #[test]
    fn it_listens_and_does_not_connect() {
        let home = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        within(home.path(), Vec::new(), || {
            TcpListener::bind("127.0.0.1:0").unwrap();
            let refused = TcpStream::connect(address).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        });
        TcpStream::connect(address).unwrap();
    }
}
