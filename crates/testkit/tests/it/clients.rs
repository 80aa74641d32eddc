//! Real clients on the real binary, over TLS with verification on.
//!
//! What they do and check stands in their programs, one line of output per case; here is what they need, and how many
//! cases there are, so that none can stop running unseen. `peers/README.md` says how to run one by hand.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use keyfold_testkit::serving::keyfold;
use keyfold_testkit::{Serving, available, workspace_root};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn boto3() {
    if let Some(python) = python() {
        uses_the_service(18, || command(&python, "python/kms.py"));
    }
}

#[test]
fn aws_cli() {
    if let Some(python) = python() {
        uses_the_service(16, || command(&python, "python/aws_cli.py"));
    }
}

#[test]
fn aws_sdk_for_javascript() {
    if available(peers().join("node/node_modules").is_dir(), "Node peer (run crates/testkit/peers/setup)") {
        uses_the_service(16, || command("node", "node/kms.mjs"));
    }
}

#[test]
fn aws_sdk_for_rust() {
    let target = peers().join("rust");
    if available(target.is_dir(), "Rust peer (run crates/testkit/peers/setup)") {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(program("rust/Cargo.toml"));
        assert!(build.arg("--target-dir").arg(&target).status().unwrap().success());
        uses_the_service(20, || Command::new(target.join("debug/keyfold-rust-peer")));
    }
}

#[test]
fn the_judge_of_answers_says_no() {
    if let Some(python) = python() {
        let output = command(python, "python/test_kms_model.py").output().unwrap();
        let report = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && report.contains("Ran 11 tests"), "{report}");
    }
}

/// Runs a client, which has so many cases, and its case `throttling` on a service whose rates are low.
fn uses_the_service(cases: usize, client: impl Fn() -> Command) {
    let service = Service::start(&[]);
    assert_eq!(service.run(&mut client()), cases);
    service.end();
    let service = Service::start(&["--rate-reading", "1", "--rate-writing", "1", "--rate-cryptography", "1"]);
    assert_eq!(service.run(client().arg("throttling")), 1);
    service.end();
}

/// `keyfold serve --dev`, with a user who has no policies, and a session of a role that may call `ListKeys`.
struct Service {
    home: TempDir,
    server: Serving,
    /// The credentials of both, by the names that the clients know them by.
    credentials: [(&'static str, String); 5],
}

impl Service {
    fn start(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let answer = |arguments: &[&str]| {
            let output = keyfold(home.path()).args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        answer(&["init", "--no-recovery"]);
        answer(&["principals", "create-user", "grantee"]);
        answer(&["principals", "create-role", "reader"]);
        let policy = home.path().join("policy.json");
        fs::write(&policy, READER_POLICY).unwrap();
        answer(&["principals", "put-policy", "--role", "reader", "list", policy.to_str().unwrap()]);
        let json = |arguments: &[&str]| serde_json::from_slice::<Value>(&answer(arguments)).unwrap();
        let user = json(&["principals", "create-access-key", "grantee", "--json"]);
        let session =
            json(&["principals", "create-session", "reader", "--session-name", "clients", "--json"]);
        let credentials = [
            ("GRANTEE_ACCESS_KEY_ID", &user["AccessKey"]["AccessKeyId"]),
            ("GRANTEE_SECRET_ACCESS_KEY", &user["AccessKey"]["SecretAccessKey"]),
            ("SESSION_ACCESS_KEY_ID", &session["Credentials"]["AccessKeyId"]),
            ("SESSION_SECRET_ACCESS_KEY", &session["Credentials"]["SecretAccessKey"]),
            ("SESSION_TOKEN", &session["Credentials"]["SessionToken"]),
        ]
        .map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
        let server = Serving::start(home.path(), &[&["--dev"], arguments].concat());
        Self { home, server, credentials }
    }

    /// Runs a client with what it needs in its environment, and nothing else; gives the number of its cases.
    fn run(&self, command: &mut Command) -> usize {
        let output = command
            .env_clear()
            .envs(self.server.exports())
            .envs(self.credentials.iter().map(|(name, value)| (name, value)))
            .env("NODE_EXTRA_CA_CERTS", self.server.export("AWS_CA_BUNDLE"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .output()
            .unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{stdout}{stderr}");
        stdout.lines().filter(|line| line.starts_with("ok ")).count()
    }

    /// Ends the server, whose log must not have the secrets of its users.
    fn end(self) {
        let developer = self.server.export("AWS_SECRET_ACCESS_KEY").to_owned();
        let log = self.server.end();
        let secrets = self.credentials.iter().filter(|(name, _)| !name.ends_with("_ID"));
        for secret in secrets.map(|(_, secret)| secret).chain([&developer]) {
            assert!(!log.contains(secret.as_str()), "the log has a secret");
        }
    }
}

/// The Python of the peers, if they are there.
fn python() -> Option<PathBuf> {
    let python = peers().join("python/bin/python");
    available(python.exists(), "Python peer (run crates/testkit/peers/setup)").then_some(python)
}

/// `INTERPRETER PROGRAM`
fn command(interpreter: impl AsRef<OsStr>, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(program(name));
    command
}

fn peers() -> PathBuf {
    workspace_root().join("target/peers")
}

fn program(name: &str) -> PathBuf {
    workspace_root().join("crates/testkit/peers").join(name)
}

const READER_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}}"#;
