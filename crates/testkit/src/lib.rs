//! What tests and benchmarks share: where third-party vectors and peers are, the rule for doing without, the real
//! binary as a service, and load on it.

pub mod load;
pub mod serving;
mod static_keyring;

use std::path::{Path, PathBuf};

pub use serving::Serving;
pub use static_keyring::StaticKeyring;

/// The root of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf()
}

/// A folder of third-party vectors, which lie beside the checkout and not in it (`../shared/vectors`).
///
/// `None`, said loudly, where they are absent; a failure when `CI` is set, so that CI can't skip them.
///
/// # Panics
/// If they are absent and `CI` is set.
#[must_use]
pub fn shared_vectors(folder: &str) -> Option<PathBuf> {
    let path = workspace_root().join("../shared/vectors").join(folder);
    available(path.is_dir(), &format!("vectors {}", path.display())).then_some(path)
}

/// Says loudly that a test does without `what`, or fails when `CI` is set. Returns `present`.
///
/// # Panics
/// If `present` is false and `CI` is set.
#[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
#[allow(clippy::disallowed_methods, reason = "the one place of the tests that asks for CI")]
pub fn available(present: bool, what: &str) -> bool {
    if !present {
        assert!(std::env::var_os("CI").is_none(), "{what}: absent, and CI is set");
        eprintln!("SKIPPED: {what} not there");
    }
    present
}
