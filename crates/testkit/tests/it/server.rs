//! The real binary as a service, and real clients on it, over TLS with verification on.
//!
//! What the clients do and check stands in `peers/python/kms.py`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use keyfold_testkit::{available, workspace_root};

#[test]
fn boto3() {
    let python = workspace_root().join("target/peers/python/bin/python");
    if !available(python.exists(), "Python peer (run crates/testkit/peers/setup)") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let server = Serving::dev(home.path());
    let program = workspace_root().join("crates/testkit/peers/python/kms.py");
    let output = Command::new(python).arg(program).env_clear().envs(server.exports()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert_eq!(stdout.lines().count(), 12, "every case ran: {stdout}");
    let log = server.end();
    let secret = fs::read_to_string(home.path().join("tls/server.key")).unwrap();
    assert!(!log.contains(secret.lines().nth(1).unwrap()), "the log has a secret");
}

#[test]
fn a_server_has_the_key_store_for_itself() {
    let home = tempfile::tempdir().unwrap();
    let server = Serving::dev(home.path());
    let path = home.path().to_str().unwrap();
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["keys", "list"], &["principals", "list"]] {
        let output = Command::new(binary()).args(["--home", path]).args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{arguments:?}: {stderr}");
        assert!(stderr.contains("in use by another process"), "{arguments:?}: {stderr}");
    }
    let log = server.end();
    assert!(log.contains("stopping"), "{log}");
    let output = Command::new(binary()).args(["--home", path, "keys", "list"]).output().unwrap();
    assert!(output.status.success());
}

/// `keyfold serve --dev`, until it is ended.
struct Serving {
    process: Child,
    lines: Vec<String>,
}

impl Serving {
    fn dev(home: &Path) -> Self {
        let mut process = Command::new(binary())
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--home"])
            .arg(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // All lines are written at once, when connections are accepted; the last one is this.
        let mut lines = Vec::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line.starts_with("export AWS_CA_BUNDLE=")) {
                break;
            }
        }
        Self { process, lines }
    }

    /// What it told the shell to export.
    fn exports(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
    }

    /// Asks it to end, which it has to do well; gives its log.
    fn end(self) -> String {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let output = self.process.wait_with_output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{log}");
        log
    }
}

/// The program, built once per run; cargo does nothing where it is fresh.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/PROFILE/deps/this-test
        let this = std::env::current_exe().unwrap();
        let profile = this.ancestors().nth(2).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "keyfold-cli"]).current_dir(workspace_root());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "keyfold can't be built");
        profile.join("keyfold")
    })
}
