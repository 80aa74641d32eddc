//! What a process takes away from itself, seen from outside: `/proc`, its memory, and what it leaves behind.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use keyfold_crypto::{Secret, digest::Hash, kbkdf, shamir};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::{Place, noise};

/// `keyfold serve` on the place's own key store.
struct Serving {
    process: Child,
    endpoint: String,
    exports: Vec<(String, String)>,
}

impl Serving {
    /// Makes the key store and serves it.
    fn start(place: &Place, options: &[&str]) -> Self {
        let said = place.ok(&["init", "--recovery-out", "shares"]);
        let export = |name: &str| {
            let value = said.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}=")));
            (name.to_owned(), value.unwrap().to_owned())
        };
        let exports = vec![
            export("AWS_ACCESS_KEY_ID"),
            export("AWS_SECRET_ACCESS_KEY"),
            ("AWS_REGION".into(), "local".into()),
        ];
        let store = place.store();
        if options.contains(&"--user") {
            let owned = Command::new("chown").args(["-R", "nobody"]).arg(place.0.path()).status().unwrap();
            assert!(owned.success());
        }
        let args = [
            "--home",
            store.to_str().unwrap(),
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--insecure-http",
            "--no-admin",
        ];
        let mut command = place.command(&[&args, options].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoint = line.trim().strip_prefix("serving on ").map(str::to_owned);
        let endpoint = endpoint.unwrap_or_else(|| {
            let mut said = String::new();
            std::io::Read::read_to_string(&mut process.stderr.take().unwrap(), &mut said).unwrap();
            panic!("it serves nothing: {said}")
        });
        Self { process, endpoint, exports }
    }

    fn ok(&self, place: &Place, args: &[&str]) {
        let mut command = place.command(args);
        let done = command
            .envs(self.exports.iter().map(|(name, value)| (name, value)))
            .env("AWS_ENDPOINT_URL_KMS", &self.endpoint)
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn proc(&self, name: &str) -> std::path::PathBuf {
        Path::new("/proc").join(self.process.id().to_string()).join(name)
    }

    /// The value of a line of `/proc/PID/status`.
    fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        value.unwrap().trim().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_server_has_no_core_dumps_no_new_privileges_and_a_filter() {
    let place = Place::new();
    let mut serving = Serving::start(&place, &[]);
    let limits = fs::read_to_string(serving.proc("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    for thread in fs::read_dir(serving.proc("task")).unwrap() {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        assert!(status.contains("\nNoNewPrivs:\t1\n") && status.contains("\nSeccomp:\t2\n"), "{status}");
    }
    // Inside: it still does its work.
    place.write("data", noise(100_000));
    serving.ok(&place, &["encrypt", "data", "--key", "alias/default"]);
    let before = place.listing();
    // The first is taken by the handler that tells stack overflows, which then lets the system have its way.
    let ended = loop {
        serving.signal(Signal::SEGV);
        std::thread::sleep(std::time::Duration::from_millis(50));
        if let Some(ended) = serving.process.try_wait().unwrap() {
            break ended;
        }
    };
    assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&ended), "{ended}");
    assert_eq!(place.listing(), before, "no core file");
}

#[test]
fn without_a_sandbox_there_is_no_filter() {
    let place = Place::new();
    let serving = Serving::start(&place, &["--no-sandbox"]);
    assert_eq!((serving.status("Seccomp"), serving.status("NoNewPrivs")), ("0".to_owned(), "0".to_owned()));
}

#[test]
fn a_server_ends_in_order_inside_its_sandbox() {
    let place = Place::new();
    let mut serving = Serving::start(&place, &[]);
    serving.signal(Signal::TERM);
    assert_eq!(serving.process.wait().unwrap().code(), Some(0));
    let log_len = fs::metadata(place.store().join("store.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log_len, 0, "everything is in store.db");
    // A development store is gone with its server.
    let mut command = place.command(&["serve", "--dev", "--listen", "127.0.0.1:0"]);
    command.env("TMPDIR", place.path(""));
    let mut dev = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Kept until the end: a server whose reader has gone away is ended by the system.
    let mut stdout = BufReader::new(dev.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    assert_eq!(place.listing().iter().filter(|name| name.ends_with("store.db")).count(), 1);
    kill_process(Pid::from_child(&dev), Signal::TERM).unwrap();
    assert_eq!(dev.wait().unwrap().code(), Some(0));
    assert!(place.listing().iter().all(|name| !name.contains("keyfold-dev-")), "{:?}", place.listing());
}

#[test]
fn a_signal_ends_a_server_that_is_still_starting() {
    let place = Place::new();
    let passphrase = place.path("passphrase");
    assert!(Command::new("mkfifo").arg(&passphrase).status().unwrap().success());
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        // Nobody writes the passphrase, so it starts for ever.
        let mut command = place.command(&["--passphrase-file", "passphrase", "serve", "--dev"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let caught = || {
            let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
            let set = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
            u64::from_str_radix(set, 16).unwrap()
        };
        // The first process of a container gets no signal that it does not catch.
        let both = 1 << (Signal::TERM.as_raw() - 1) | 1 << (Signal::INT.as_raw() - 1);
        for _ in 0..500 {
            if caught() & both == both {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(caught() & both, both, "caught");
        kill_process(Pid::from_child(&process), signal).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn root_becomes_another_user_for_good() {
    let place = Place::new();
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user");
        place.ok(&["init"]);
        assert!(
            place.fails(&["serve", "--user", "nobody", "--listen", "127.0.0.1:0"], 2).contains("only root")
        );
        return;
    }
    // Others than root go through it.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(place.0.path(), open).unwrap();
    let serving = Serving::start(&place, &["--user", "nobody"]);
    let uid = fs::metadata(place.store()).unwrap().uid();
    assert_ne!(uid, 0);
    let four_times = vec![uid.to_string(); 4].join("\t");
    assert_eq!(serving.status("Uid"), four_times);
    assert!(!serving.status("Gid").split('\t').any(|gid| gid == "0"));
    assert_eq!(serving.status("CapEff"), "0000000000000000");
    // The system gives what belongs to a process that is not dumpable to root.
    assert_eq!(fs::metadata(serving.proc("mem")).unwrap().uid(), 0);
    serving.ok(&place, &["keys", "create"]);
    let made = fs::metadata(place.store().join("store.db-wal")).unwrap().uid();
    assert_eq!(made, uid, "what it makes is its own");
    drop(serving);
    assert!(place.run(&["serve", "--user", "root"]).stderr.contains("that is root"));
    assert!(place.run(&["serve", "--user", "no-such-user"]).stderr.contains("there is no user"));
}

/// How often each of `needles` is in the memory of a process, as a debugger sees it.
fn hits(process: u32, needles: &[&[u8]]) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut hits = vec![0; needles.len()];
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|flags| flags.starts_with('r')))
    {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        let (mut at, end) = (number(start), number(end));
        while at < end {
            // With an overlap, for what lies across two pieces.
            let mut piece = vec![0; (end - at).min(PIECE + 64)];
            if memory.read_exact_at(&mut piece, at as u64).is_ok() {
                for (hits, needle) in hits.iter_mut().zip(needles) {
                    let first = needle[0];
                    let starts = piece.iter().enumerate().filter(|(i, byte)| **byte == first && *i < PIECE);
                    *hits += starts.filter(|(i, _)| piece[*i..].starts_with(needle)).count();
                }
            }
            at += PIECE;
        }
    }
    hits
}

const PIECE: usize = 1 << 20;

/// The domain key, from the shares in `folder`; read here without the code that wrote them.
fn domain_key(folder: &Path) -> [u8; 32] {
    let alphabet = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let shares: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .take(3)
        .map(|entry| {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap().replace(' ', "");
            let data = text.lines().find_map(|line| line.strip_prefix("kfs1")).unwrap();
            let digit = |c| (0_u8..32).find(|digit| alphabet[usize::from(*digit)] == c).unwrap();
            let digits = data.bytes().map(digit);
            let bits: Vec<_> =
                digits.flat_map(|digit| (0..5).rev().map(move |bit| digit >> bit & 1)).collect();
            let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | bit);
            let bytes: Vec<_> = bits.chunks_exact(8).map(byte).collect();
            shamir::Share { index: bytes[2], value: Secret::copied_from(&bytes[9..41]).unwrap() }
        })
        .collect();
    let mut key = [0; 32];
    shamir::combine(&shares.iter().collect::<Vec<_>>(), &mut key).unwrap();
    key
}

#[test]
fn no_debugger_finds_the_keys_in_the_memory_of_a_server() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root reads the memory of a server");
        return;
    }
    let place = Place::new();
    let serving = Serving::start(&place, &["--log-level", "trace"]);
    place.write("data", noise(10_000));
    for round in 0..8 {
        serving.ok(&place, &["keys", "create", "--alias", &format!("alias/{round}")]);
        serving.ok(&place, &["encrypt", "data", "--force", "--key", &format!("alias/{round}")]);
        serving.ok(
            &place,
            &[
                "decrypt",
                "data.encrypted",
                "--force",
                "--key",
                "alias/default",
                "--key",
                &format!("alias/{round}"),
            ],
        );
        serving.ok(&place, &["keys", "list"]);
    }
    let root = fs::read_to_string(place.store().join("root.key")).unwrap();
    let digits = root.lines().nth(1).unwrap();
    let root: Vec<_> = (0..32).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect();
    let domain = domain_key(&place.path("shares"));
    let derived =
        ["keyfold alias index v1", "keyfold page marker v1", "keyfold grant token v1"].map(|label| {
            let mut key = [0; 32];
            kbkdf::derive(Hash::Sha256, &domain, label.as_bytes(), b"", &mut key).unwrap();
            key
        });
    let home = place.store();
    let mut needles: Vec<&[u8]> = vec![home.to_str().unwrap().as_bytes(), &root, &domain, digits.as_bytes()];
    needles.extend(derived.iter().map(|key| &key[..]));
    let found = hits(serving.process.id(), &needles);
    // The controls: what is in its memory is found, and so is a key that is in memory like any other.
    assert!(found[0] > 0, "its own command line");
    let own = hits(std::process::id(), &needles);
    assert!(own.iter().all(|count| *count > 0), "{own:?}");
    assert_eq!(found[1..], [0; 6], "root key, domain key, the root's digits, derived keys");
    let domain_half = hits(serving.process.id(), &[&domain[..16], &domain[16..], &root[..16], &root[16..]]);
    assert_eq!(domain_half, [0; 4], "halves of them");
}
