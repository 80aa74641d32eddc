//! Several threads and processes on one home, and processes that are killed.
//!
//! A child process is this test binary itself, running [`child`] alone with the home in an environment variable.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use keyfold_protocol::KmsExt as _;
use keyfold_protocol::operations::{
    CreateAliasRequest, CreateKeyRequest, DecryptRequest, DescribeKeyRequest, EncryptRequest,
    ListAliasesRequest, ListKeysRequest, RotateKeyOnDemandRequest,
};

use crate::harness::{open, secret};

const HOME_VARIABLE: &str = "KEYFOLD_TEST_CHILD_HOME";

/// What children do: open or make the home, then make, name and rotate keys for ever, telling each that was
/// acknowledged.
#[test]
#[ignore = "run by other tests as a process of its own"]
#[expect(clippy::disallowed_methods, reason = "how a test tells its child process where to work")]
fn child() {
    let Ok(home) = std::env::var(HOME_VARIABLE) else { return };
    let kms = open(Path::new(&home)).unwrap();
    let say = |what: &str, text: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {what} {text}").unwrap();
        out.flush().unwrap();
    };
    let default = pollster::block_on(kms.ensure_default_key()).unwrap();
    say("key", &default.arn.to_string());
    for round in 0.. {
        let key_id = pollster::block_on(kms.send(CreateKeyRequest::new())).unwrap().key_metadata.key_id;
        say("key", &key_id);
        let alias = format!("alias/{}/{round}", std::process::id());
        pollster::block_on(kms.send(CreateAliasRequest::new(&*alias, &*key_id))).unwrap();
        say("alias", &alias);
        pollster::block_on(kms.send(RotateKeyOnDemandRequest::new(&*key_id))).unwrap();
    }
}

fn spawn(home: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--ignored", "--nocapture"])
        .env(HOME_VARIABLE, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child has told: `(what, name)`.
type Acknowledged = (String, String);

/// Passes on what a child tells, until its end. A line that was cut off is no acknowledgement.
fn listen(child: &mut Child, tell: Sender<Acknowledged>) {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || {
        let mut line = String::new();
        while stdout.read_line(&mut line).is_ok_and(|len| len > 0) {
            let told = line.strip_suffix('\n').and_then(|line| line.split_once("acknowledged "));
            if let Some((what, name)) = told.and_then(|(_, told)| told.split_once(' ')) {
                tell.send((what.to_owned(), name.to_owned())).unwrap();
            }
            line.clear();
        }
    });
}

/// Lets two children work until they have told of `count` things, and `delay` longer; kills both (SIGKILL).
fn work_and_kill(home: &Path, count: usize, delay: Duration) -> Vec<Acknowledged> {
    let (tell, told) = channel();
    let mut children = [spawn(home), spawn(home)];
    for child in &mut children {
        listen(child, tell.clone());
    }
    drop(tell);
    let mut acknowledged = Vec::new();
    while acknowledged.len() < count {
        acknowledged
            .push(told.recv_timeout(Duration::from_secs(60)).expect("children work until they are killed"));
    }
    thread::sleep(delay);
    for child in &mut children {
        assert!(child.try_wait().unwrap().is_none(), "a child ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    acknowledged.extend(told);
    acknowledged
}

fn assert_all_there(home: &Path, acknowledged: &[Acknowledged]) {
    let kms = open(home).unwrap();
    let mut defaults = BTreeSet::new();
    for (what, name) in acknowledged {
        let blob = pollster::block_on(kms.send(EncryptRequest::new(&**name, secret(b"x"))))
            .unwrap_or_else(|error| panic!("{what} {name}: {error}"));
        pollster::block_on(kms.send(DecryptRequest::new(blob.ciphertext_blob))).unwrap();
        if what == "key" && name.starts_with("arn:") {
            defaults.insert(name.clone());
        }
    }
    assert!(defaults.len() <= 1, "one default key: {defaults:?}");
    // Whatever was not acknowledged is there as a whole or not at all.
    let mut request = ListKeysRequest::new();
    request.limit = Some(1000);
    for key in pollster::block_on(kms.send(request)).unwrap().keys {
        pollster::block_on(kms.send(EncryptRequest::new(key.key_id, secret(b"x")))).unwrap();
    }
    let mut request = ListAliasesRequest::new();
    request.limit = Some(100);
    for alias in pollster::block_on(kms.send(request)).unwrap().aliases {
        pollster::block_on(kms.send(DescribeKeyRequest::new(alias.alias_name))).unwrap();
    }
}

#[test]
fn killed_processes_lose_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let mut acknowledged = Vec::new();
    for round in 0..24u64 {
        // Eight rounds are cut while the home is being made or opened, the others at work.
        let (count, delay_ms) = if round < 8 { (0, 2 + round * 4) } else { (6, round % 5) };
        acknowledged.extend(work_and_kill(&home, count, Duration::from_millis(delay_ms)));
        assert_all_there(&home, &acknowledged);
    }
}

#[test]
fn threads_with_their_own_openings_write_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("made/by/whoever is first");
    let made: Vec<(String, BTreeSet<String>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let home = &home;
                scope.spawn(move || {
                    let kms = open(home).unwrap();
                    let default = pollster::block_on(kms.ensure_default_key()).unwrap().arn.to_string();
                    let mut made = BTreeSet::new();
                    for round in 0..8 {
                        let key = pollster::block_on(kms.send(CreateKeyRequest::new())).unwrap().key_metadata;
                        made.insert(key.key_id);
                        let alias = format!("alias/{worker}/{round}");
                        pollster::block_on(kms.send(CreateAliasRequest::new(alias, &*default))).unwrap();
                        if round < 5 {
                            pollster::block_on(kms.send(RotateKeyOnDemandRequest::new(&*default))).unwrap();
                        }
                    }
                    (default, made)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let defaults: BTreeSet<_> = made.iter().map(|(default, _)| default.clone()).collect();
    assert_eq!(defaults.len(), 1);
    let kms = open(&home).unwrap();
    let listed: BTreeSet<_> = pollster::block_on(kms.send(ListKeysRequest::new()))
        .unwrap()
        .keys
        .into_iter()
        .map(|key| key.key_id)
        .collect();
    assert_eq!(listed.len(), 4 * 8 + 1);
    assert!(made.iter().all(|(_, keys)| keys.is_subset(&listed)));
    let mut request = ListAliasesRequest::new();
    (request.key_id, request.limit) = (defaults.first().cloned(), Some(100));
    assert_eq!(pollster::block_on(kms.send(request)).unwrap().aliases.len(), 4 * 8 + 1);
}
