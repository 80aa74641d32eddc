//! Whatever ends the service, it has all that it has acknowledged, and nothing half.
//!
//! Clients change keys, and know what was acknowledged; the real program is killed, or the power of its disk is cut;
//! it is started again, and asked for everything that changed. `KEYFOLD_TEST_KILLS`, `KEYFOLD_TEST_POWER_CUTS` say
//! how often, `KEYFOLD_TEST_SEED` with which numbers.
#![allow(clippy::print_stderr, reason = "how much was tested belongs to the result")]

mod check;
mod power;
mod share;
mod trial;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;
use std::{fs, thread};

use fastrand::Rng;
use keyfold_testkit::Serving;
use keyfold_testkit::serving::keyfold;
use power::Disk;
use rusqlite::Connection;
use tokio::runtime::Runtime;
use trial::{Late, Trial, check_init, init_cut_short};

#[test]
fn kills_lose_nothing() {
    let (rounds, seed) = (number("KEYFOLD_TEST_KILLS", 8), number("KEYFOLD_TEST_SEED", SEED));
    eprintln!("{rounds} kills, seed {seed}");
    let home = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&home.path().join("home"), seed);
    Runtime::new().unwrap().block_on(async {
        for round in 0..rounds {
            let serving = checked(&mut trial, round).await;
            trial.load(serving, Late::Acknowledged, |serving| drop(serving.kill())).await;
            if trial.rng.u8(..4) == 0 {
                trial.start_in_vain(|| {});
            }
        }
        finish(&mut trial).await;
    });
}

#[test]
fn power_cuts_lose_nothing() {
    let Some(disk) = Disk::new() else { return };
    let (rounds, seed) = (number("KEYFOLD_TEST_POWER_CUTS", 5), number("KEYFOLD_TEST_SEED", SEED));
    eprintln!("{rounds} power cuts, seed {seed}");
    let mut trial = Trial::new(&disk.path().join("home"), seed);
    Runtime::new().unwrap().block_on(async {
        for round in 0..rounds {
            let serving = checked(&mut trial, round).await;
            let cut = disk.prepare_cut();
            // What is answered from here on counts as in flight: it may have been on its way before the cut.
            let end = move |serving: Serving| {
                cut.now();
                drop(serving.kill());
            };
            trial.load(serving, Late::InFlight, end).await;
            disk.restore();
            if trial.rng.u8(..4) == 0 {
                // And again while it recovers.
                let cut = disk.prepare_cut();
                trial.start_in_vain(|| cut.now());
                disk.restore();
            }
        }
        finish(&mut trial).await;
    });
}

#[test]
fn init_is_done_or_can_be_done_again() {
    let (rounds, seed) = (number("KEYFOLD_TEST_POWER_CUTS", 5), number("KEYFOLD_TEST_SEED", SEED));
    let (mut rng, runtime) = (Rng::with_seed(seed), Runtime::new().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    for _ in 0..rounds {
        let home = folder.path().join("home");
        let promised = init_cut_short(&home, Duration::from_millis(rng.u64(5..INIT_MS_MAX)), || {});
        runtime.block_on(check_init(&home, &promised));
        if let Some(disk) = &disk {
            let (home, cut) = (disk.path().join("home"), disk.prepare_cut());
            let after = Duration::from_millis(rng.u64(5..INIT_MS_MAX));
            let promised = init_cut_short(&home, after, || cut.now());
            disk.restore();
            runtime.block_on(check_init(&home, &promised));
        }
    }
}

/// The moment between the administrator's name and all that makes one of it, which is too short to be met by chance.
#[test]
fn init_finishes_an_administrator_who_was_only_begun() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    for arguments in [&["keys", "create"][..], &["principals", "create-user", "admin"]] {
        assert!(keyfold(&home).args(arguments).output().unwrap().status.success());
    }
    Runtime::new().unwrap().block_on(check_init(&home, ""));
}

/// The other tests here can fail: an older copy of the store is found out.
#[test]
fn the_check_notices_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut trial = Trial::new(&folder.path().join("home"), SEED);
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    Runtime::new().unwrap().block_on(async {
        let serving = checked(&mut trial, 0).await;
        trial.load(serving, Late::Acknowledged, |serving| drop(serving.kill())).await;
        copy_store(&trial.home, &copy);
        let serving = checked(&mut trial, 0).await;
        trial.load(serving, Late::Acknowledged, |serving| drop(serving.kill())).await;
        copy_store(&copy, &trial.home);
        let serving = trial.serve();
        assert!(trial.check(&serving, false).await.is_err());
    });
}

/// And so can the power cuts: with the store's settings but for `synchronous=NORMAL`, commits are lost.
#[test]
fn a_power_cut_loses_what_was_not_synced() {
    let Some(disk) = Disk::new() else { return };
    let lost = |synchronous: &'static str| -> u64 { (0..3).map(|_| lost_commits(&disk, synchronous)).sum() };
    let (with_normal, with_full) = (lost("NORMAL"), lost("FULL"));
    eprintln!("acknowledged commits lost in 3 power cuts: {with_normal} with NORMAL, {with_full} with FULL");
    assert!(with_normal > 0, "the disk loses nothing, so it shows nothing");
    assert_eq!(with_full, 0);
}

/// Commits until the power is cut; how many of those that SQLite had acknowledged are gone.
fn lost_commits(disk: &Disk, synchronous: &'static str) -> u64 {
    let path = disk.path().join("control.db");
    let open = move |path: &Path| {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", synchronous).unwrap();
        connection
    };
    open(&path).execute_batch("CREATE TABLE record (value BLOB)").unwrap();
    let committed = Arc::new(AtomicU64::new(0));
    let writer = {
        let (connection, committed) = (open(&path), Arc::clone(&committed));
        thread::spawn(move || {
            while connection.execute("INSERT INTO record VALUES (randomblob(500))", []).is_ok() {
                committed.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let cut = disk.prepare_cut();
    sleep(Duration::from_millis(200));
    let acknowledged = committed.load(Ordering::SeqCst);
    cut.now();
    writer.join().unwrap();
    disk.restore();
    let count = "SELECT count(*) FROM record";
    let found: i64 = open(&path).query_row(count, [], |row| row.get(0)).unwrap();
    for file in ["control.db", "control.db-wal", "control.db-shm"] {
        let _ = fs::remove_file(disk.path().join(file));
    }
    acknowledged.saturating_sub(u64::try_from(found).unwrap())
}

/// The service, started and found to have what it must have.
async fn checked(trial: &mut Trial, round: u64) -> Serving {
    let serving = trial.serve();
    // What did not change is looked at again now and then.
    let everything = round % 100 == 99;
    if let Err(finding) = trial.check(&serving, everything).await {
        panic!("round {round}: {finding}\n{}", serving.log());
    }
    if everything {
        eprintln!("after {round} rounds: {}", trial.summary().0);
    }
    serving
}

async fn finish(trial: &mut Trial) {
    let serving = trial.serve();
    if let Err(finding) = trial.check(&serving, true).await {
        panic!("at the end: {finding}\n{}", serving.log());
    }
    let (summary, anything) = trial.summary();
    eprintln!("{summary}");
    assert!(anything, "nothing happened");
    let _ = serving.end();
}

fn copy_store(from: &Path, to: &Path) {
    for file in ["store.db", "store.db-wal"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let _ = fs::remove_file(to.join("store.db-shm"));
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

const SEED: u64 = 20_261_122;
/// A little longer than it takes.
const INIT_MS_MAX: u64 = 300;
