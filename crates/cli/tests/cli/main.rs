//! The real binary, run as a user runs it: each test in its own directory, with its own home.

#![allow(clippy::unwrap_used, reason = "a test fails where something is not as expected")]

mod admin;
mod files;
mod job;
mod kills;
mod lockdown;
mod metadata;
mod options;
mod principals;
mod recovery;
mod refusals;
mod remote;
mod wrapping;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A directory to work in, and a home beside it.
struct Place(TempDir);

/// How a run ended.
struct Ran {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.0.path().join("work")).unwrap();
        place
    }

    /// A path in the directory to work in.
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("work").join(name)
    }

    /// The user's home, where the key store goes when nothing else is said.
    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    fn store(&self) -> PathBuf {
        self.home().join(".local/share/keyfold")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, content.as_ref());
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn exists(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// Every path in the directory, hidden ones included.
    fn listing(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut open = vec![self.path("")];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                paths.push(path.strip_prefix(self.path("")).unwrap().to_string_lossy().into_owned());
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                }
            }
        }
        paths.sort();
        paths
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyfold"));
        command.args(args).current_dir(self.path("")).env("HOME", self.home());
        for name in ["KEYFOLD_HOME", "KEYFOLD_PASSPHRASE_FILE", "XDG_DATA_HOME", "TMPDIR"] {
            command.env_remove(name);
        }
        for name in keyfold_client::Environment::VARIABLES {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).stdin(Stdio::null()).output().unwrap().into()
    }

    fn pipe(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // It may end without reading all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output.into()
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs what must succeed, and gives what it printed.
    fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Runs what must fail with `code`, print nothing, and leave every file as it was; gives what it said.
    fn fails(&self, args: &[&str], code: i32) -> String {
        let before = self.listing();
        let ran = self.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}");
        assert_eq!(self.listing(), before, "{args:?}");
        ran.stderr
    }
}

impl From<std::process::Output> for Ran {
    fn from(output: std::process::Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

#[expect(clippy::disallowed_methods, reason = "files that tests are about need not survive a power cut")]
fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
}

/// Bytes that do not compress and repeat only after a long while.
fn noise(len: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// The number after `name` in the environment, or `default`.
#[expect(clippy::disallowed_methods, reason = "how thorough a test is may be asked for")]
fn scaled(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A folder of vectors beside the checkout. Absent, the test is skipped, which must be seen, and fails in CI.
#[expect(clippy::print_stderr, clippy::disallowed_methods, reason = "a skipped test must be seen")]
fn shared_vectors(folder: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let path = root.join("../shared/vectors").join(folder);
    if !path.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "{} is absent, and CI is set", path.display());
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}
