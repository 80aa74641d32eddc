//! Every environment variable that the program looks at, and where the key store therefore is.
//!
//! | variable | meaning |
//! |---|---|
//! | `KEYFOLD_HOME` | the directory of the key store; `--home` goes before it |
//! | `KEYFOLD_PASSPHRASE_FILE` | a file whose first line is the passphrase of the key store; `--passphrase-file` goes before it |
//! | `XDG_DATA_HOME` | where the key store is otherwise, in its folder `keyfold`; `~/.local/share` if not set |
//! | `HOME` | the user's home directory |
//! | `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID` | who is told how the server is, and how often: sd_notify(3), sd_watchdog_enabled(3) |
//! | `LISTEN_FDS`, `LISTEN_PID` | a socket for the server: sd_listen_fds(3); read by the crate `listenfd` |
//! | `OTEL_…` | where the server's traces go: `docs/operations.md`; some are read by the OpenTelemetry library itself |
//! | `TMPDIR` | where a long plaintext on its way to standard output waits for its verification; `/tmp` if not set |
//! | `AWS_…` | the key service elsewhere, and who asks it: [`Environment::VARIABLES`], described in `docs/cli.md` |
//! | `SSL_CERT_FILE`, `SSL_CERT_DIR` | where the system's CA certificates are; read by the crate `rustls-native-certs` |
//!
//! A variable that is set to nothing counts as not set. Nothing else here reads the environment, but for what the
//! terminal libraries do (`NO_COLOR`, `TERM`, `COLUMNS`).

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use keyfold_client::{ConfigError, Environment};

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
    let data = data.or_else(|| Some(user_home()?.join(".local/share")));
    data.map(|data| data.join("keyfold"))
}

/// The file with the passphrase when no option names one.
pub(crate) fn passphrase_file() -> Option<PathBuf> {
    var(PASSPHRASE_FILE).map(PathBuf::from)
}

/// The socket of a service manager that wants to be told how the server is.
pub(crate) fn notify_socket() -> Option<OsString> {
    var("NOTIFY_SOCKET")
}

/// After which silence a service manager ends the server, if it does.
pub(crate) fn watchdog() -> Option<Duration> {
    let number = |name| var(name)?.to_str()?.parse::<u64>().ok();
    let is_for_us =
        var("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(std::process::id().into());
    let limit_us = number("WATCHDOG_USEC").filter(|limit_us| is_for_us && *limit_us >= 2)?;
    Some(Duration::from_micros(limit_us))
}

/// A variable of the OpenTelemetry specification.
pub(crate) fn otel(name: &str) -> Option<String> {
    var(name).map(|value| value.to_string_lossy().into_owned())
}

/// The directory for temporary files that have no target.
pub(crate) fn temporary_directory() -> PathBuf {
    var("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}

/// What says which key service elsewhere is used, and by whom.
pub(crate) fn aws() -> Result<Environment, ConfigError> {
    Environment::new(var, user_home())
}

/// The user's home directory.
fn user_home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that the lint wants it to be")]
fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
