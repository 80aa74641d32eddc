//! Every environment variable that the program looks at, and where the key store therefore is.
//!
//! | variable | meaning |
//! |---|---|
//! | `KEYFOLD_HOME` | the directory of the key store; `--home` goes before it |
//! | `KEYFOLD_PASSPHRASE_FILE` | a file whose first line is the passphrase of the key store; `--passphrase-file` goes before it |
//! | `XDG_DATA_HOME` | where the key store is otherwise, in its folder `keyfold`; `~/.local/share` if not set |
//! | `HOME` | the user's home directory |
//! | `TMPDIR` | where a long plaintext on its way to standard output waits for its verification; `/tmp` if not set |
//!
//! A variable that is set to nothing counts as not set. Nothing else here reads the environment, but for what the
//! terminal libraries do (`NO_COLOR`, `TERM`, `COLUMNS`).

use std::ffi::OsString;
use std::path::PathBuf;

const HOME: &str = "KEYFOLD_HOME";
const PASSPHRASE_FILE: &str = "KEYFOLD_PASSPHRASE_FILE";
const XDG_DATA_HOME: &str = "XDG_DATA_HOME";

/// The directory of the key store when no option names one, or `None` if even the user has no home.
///
/// The XDG base directory specification has relative paths in its variables ignored.
pub(crate) fn default_home() -> Option<PathBuf> {
    if let Some(home) = var(HOME) {
        return Some(home.into());
    }
    let data = var(XDG_DATA_HOME).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")));
    data.map(|data| data.join("keyfold"))
}

/// The file with the passphrase when no option names one.
pub(crate) fn passphrase_file() -> Option<PathBuf> {
    var(PASSPHRASE_FILE).map(PathBuf::from)
}

/// The directory for temporary files that have no target.
pub(crate) fn temporary_directory() -> PathBuf {
    std::env::temp_dir()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that the lint wants it to be")]
fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
