//! `kill -9` at random moments: what was acknowledged is there, and nothing is half done.
//!
//! `KEYFOLD_TEST_KILLS` says how many rounds; each round kills each kind of command once.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Place, noise, scaled};

/// How long a command takes.
#[expect(clippy::disallowed_methods, reason = "to kill it before it ends, one must know how long it takes")]
fn duration(place: &Place, args: &[&str]) -> Duration {
    let start = Instant::now();
    place.ok(args);
    start.elapsed()
}

/// A command that is killed at moments from before anything happens to after everything has.
struct Victim {
    longest: Duration,
    killed: u32,
}

impl Victim {
    fn new(takes: Duration) -> Self {
        Self { longest: takes + takes / 4, killed: 0 }
    }

    fn run(&mut self, place: &Place, args: &[&str], round: u32) -> Output {
        let mut child = place.start(args);
        // Spread without a pattern, the same each time.
        sleep(self.longest / 1000 * ((round.wrapping_mul(2_654_435_761) >> 12) % 1000));
        // It may have ended before.
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        self.killed += u32::from(output.status.signal() == Some(9));
        output
    }

    fn assert_died(&self, rounds: u32) {
        assert!(self.killed >= rounds / 5, "{} kills in {rounds} rounds are not a test", self.killed);
    }
}

/// The first use of all, which makes the key store on the way.
#[test]
fn the_first_encryption() {
    let content = noise(4 * 1024 * 1024);
    let fresh = || {
        let place = Place::new();
        place.write("a", &content);
        place
    };
    let rounds = scaled(ROUNDS, 10);
    let mut victim = Victim::new(duration(&fresh(), &["encrypt", "a"]));
    for round in 0..rounds {
        let place = fresh();
        let output = victim.run(&place, &["encrypt", "a"], round);
        match place.listing()[..] {
            [_] => assert!(!output.status.success(), "{round}: done and not there"),
            [_, ref message] => assert_eq!(message, "a.encrypted", "{round}"),
            ref other => panic!("{round}: {other:?}"),
        }
        // Whatever it left, the store opens or is completed, and what is there is whole.
        if place.exists("a.encrypted") {
            place.ok(&["decrypt", "a.encrypted", "-o", "b"]);
            assert!(place.read("b") == content, "{round}");
        }
        place.ok(&["encrypt", "a", "--force", "-o", "again"]);
        place.ok(&["decrypt", "again", "--force", "-o", "b"]);
        assert!(place.read("b") == content, "{round}");
        assert_eq!(place.ok(&["keys", "list"]).lines().count(), 2, "{round}: one key, and no half of one");
    }
    victim.assert_died(rounds);
}

#[test]
fn creation_and_rotation() {
    let place = Place::new();
    place.write("small", "x");
    place.ok(&["encrypt", "small"]);
    let rounds = scaled(ROUNDS, 10);
    let id = |json: &[u8]| -> Option<String> {
        let created: serde_json::Value = serde_json::from_slice(json).ok()?;
        Some(created["KeyMetadata"]["KeyId"].as_str()?.to_owned())
    };
    let create = ["keys", "create", "--json", "-q"];
    let mut creation = Victim::new(duration(&place, &create));
    let rotated = id(place.ok(&create).as_bytes()).unwrap();
    let rotate = ["keys", "rotate", &rotated];
    let mut rotation = Victim::new(duration(&place, &rotate));
    let mut acknowledged = BTreeSet::from([rotated.clone()]);
    for round in 0..rounds {
        acknowledged.extend(id(&creation.run(&place, &create, round).stdout));
        // AWS KMS, and so this, has 25 rotations on demand for a key; beyond that it is refused, killed or not.
        let output = rotation.run(&place, &rotate, round);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() != Some(8) || said.contains("LimitExceededException"),
            "{round}: {said}"
        );
        let list = place.ok(&["keys", "list"]);
        assert!(acknowledged.iter().all(|id| list.contains(id)), "{round}: a key is lost");
        place.ok(&["encrypt", "small", "--force", "-o", &format!("m{round}"), "--key", &rotated]);
    }
    for round in 0..rounds {
        assert_eq!(place.ok(&["decrypt", &format!("m{round}"), "-o", "-"]), "x", "{round}");
    }
    for id in &acknowledged {
        place.ok(&["encrypt", "small", "--force", "--key", id]);
        assert_eq!(place.ok(&["decrypt", "small.encrypted", "-o", "-"]), "x");
    }
    creation.assert_died(rounds);
    rotation.assert_died(rounds);
}

#[test]
fn a_signal_leaves_no_file() {
    let place = Place::new();
    place.write("aes.key", [7; 32]);
    let mut command = place.command(&["encrypt", "-", "-o", "out", "--aes-key", "acme/2026=aes.key"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // It waits for its input.
    let stdin = child.stdin.take();
    sleep(Duration::from_millis(200));
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    drop(stdin);
    assert_eq!(place.listing(), ["aes.key"]);
}

const ROUNDS: &str = "KEYFOLD_TEST_KILLS";
