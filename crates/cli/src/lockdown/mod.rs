//! What the process takes away from itself, so that less is lost when something goes wrong in it.
//!
//! | | when | what |
//! |---|---|---|
//! | [`harden_process`] | every command, first of all | no core dumps; no debugger and no `/proc/PID/mem` for others of the same user |
//! | [`drop_privileges`] | `serve --user`, before the key store is opened | another user, one group, no way back |
//! | [`Sandbox::enter`] | `serve`, before it has threads | no files but its own (Landlock), no system calls that a key service never makes (seccomp) |
//!
//! The last needs Linux. What a system can't do is left out and said; nothing of it is a substitute for the rights that
//! a service manager gives in the first place.

#[cfg(target_os = "linux")]
mod files;
mod privileges;
#[cfg(target_os = "linux")]
mod syscalls;

pub(crate) use privileges::{drop_privileges, is_root};

use std::path::PathBuf;

use nix::sys::resource::{Resource, setrlimit};

use crate::failure::{Code, Failure};

/// No core dumps, and out of reach for debuggers of the same user. Before any secret is read.
pub(crate) fn harden_process() -> Result<(), Failure> {
    let failed = |error| Failure::new(Code::Other, format!("can't turn core dumps off: {error}"));
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(failed)?;
    not_dumpable().map_err(failed)
}

/// Neither dumped nor debugged. A change of user takes this back.
fn not_dumpable() -> nix::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}

/// What a server needs when it runs.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// The directory of its key store.
    pub(crate) home: PathBuf,
    /// Files that it reads again when they change: its certificate and key.
    pub(crate) files: Vec<PathBuf>,
    /// Whether the directory is removed when it ends.
    pub(crate) is_ephemeral: bool,
    /// Whether it opens TCP connections itself, to send traces.
    pub(crate) connects: bool,
}

impl Sandbox {
    /// For a server of the key store in `home`, and nothing else yet.
    pub(crate) fn around(home: PathBuf, is_ephemeral: bool) -> Self {
        Self { home, files: Vec::new(), is_ephemeral, connects: false }
    }

    /// Takes the rest away from this thread and those that it starts, for ever. Says in the log what that is.
    #[cfg(target_os = "linux")]
    pub(crate) fn enter(&self) -> Result<(), Failure> {
        let failed = |what: &str, error: String| {
            Failure::new(Code::Other, format!("can't {what}: {error}")).hint("--no-sandbox serves without")
        };
        let landlock = files::restrict(self).map_err(|error| failed("restrict files", error.to_string()))?;
        if landlock == files::Enforced::Nothing {
            tracing::warn!("this system has no Landlock: the server may open every file that its user may");
        }
        let seccomp =
            syscalls::restrict().map_err(|error| failed("restrict system calls", error.to_string()))?;
        tracing::info!(?landlock, seccomp, "sandbox");
        Ok(())
    }

    /// There is none here.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn enter(&self) -> Result<(), Failure> {
        tracing::warn!(sandbox = ?self, "this system has no sandbox: the server may do all that its user may");
        Ok(())
    }
}
