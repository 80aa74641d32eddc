//! What is due and done without a request: automatic rotations and deletions.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use keyfold_kms::worker::{CREDIT_MS_MAX, Done, Worker};
use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, DecryptRequest, DescribeKeyRequest,
    DisableKeyRequest, EnableKeyRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest,
    ListAliasesRequest, ListKeyRotationsRequest, ListKeysRequest, RotateKeyOnDemandRequest,
    ScheduleKeyDeletionRequest, Tag, TagResourceRequest,
};
use keyfold_protocol::{ErrorKind, GrantOperation, KeyState, RotationType, Timestamp};

use crate::harness::{Home, START_MS, arn, open_with};

const DAY_MS: i64 = 86_400_000;
const HOUR: Duration = Duration::from_millis(CREDIT_MS_MAX);

/// A worker with its monotonic clock.
#[derive(Default)]
struct Running {
    worker: Worker,
    uptime: Duration,
}

impl Running {
    fn run(&mut self, home: &Home) -> (usize, usize) {
        let done: Done = pollster::block_on(self.worker.run_due(home.kms.service(), self.uptime)).unwrap();
        (done.rotated, done.deleted)
    }

    /// Runs every hour of the monotonic clock; the wall clock stands. What was deleted.
    fn run_for_hours(&mut self, home: &Home, hours: u32) -> usize {
        (0..hours)
            .map(|_| {
                self.uptime += HOUR;
                self.run(home).1
            })
            .sum()
    }
}

fn schedule(home: &Home, key_id: &str) {
    let mut request = ScheduleKeyDeletionRequest::new(key_id);
    request.pending_window_in_days = Some(7);
    home.ok(request);
}

fn enable(home: &Home, key_id: &str, days: i32) {
    let mut request = EnableKeyRotationRequest::new(key_id);
    request.rotation_period_in_days = Some(days);
    home.ok(request);
}

fn next_rotation(home: &Home, key_id: &str) -> i64 {
    let next = home.ok(GetKeyRotationStatusRequest::new(key_id)).next_rotation_date.unwrap();
    (next.epoch_ms() - START_MS) / DAY_MS
}

/// Every row key of the store.
pub(crate) fn row_keys(home: &Home) -> Vec<String> {
    let connection = rusqlite::Connection::open(home.path().join("store.db")).unwrap();
    let mut statement = connection.prepare("SELECT CAST(key AS TEXT) FROM record ORDER BY key").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_key_is_rotated_when_it_is_due_and_not_before() {
    let home = Home::new();
    let (key, other) = (home.create_key(), home.create_key());
    let blob = home.encrypt(&key, b"x");
    enable(&home, &key, 90);
    let mut worker = Running::default();
    home.days_later(90);
    home.minutes_later(-1);
    assert_eq!(worker.run(&home), (0, 0));
    home.minutes_later(1);
    assert_eq!(worker.run(&home), (1, 0));
    assert_eq!(worker.run(&home), (0, 0));
    assert_eq!(next_rotation(&home, &key), 180);
    home.days_later(1);
    home.ok(RotateKeyOnDemandRequest::new(&*key));
    // Late by five days: the schedule stays. Late by a year: one rotation, not four.
    home.days_later(94);
    assert_eq!((worker.run(&home), next_rotation(&home, &key)), ((1, 0), 270));
    home.days_later(365);
    assert_eq!((worker.run(&home), worker.run(&home)), ((1, 0), (0, 0)));
    assert_eq!(next_rotation(&home, &key), 185 + 365 + 90);

    let rotations = home.ok(ListKeyRotationsRequest::new(&*key)).rotations;
    let kinds: Vec<_> = rotations.iter().map(|entry| entry.rotation_type.clone().unwrap()).collect();
    let (automatic, on_demand) = (RotationType::Automatic, RotationType::OnDemand);
    assert_eq!(kinds, [automatic.clone(), on_demand, automatic.clone(), automatic]);
    assert_eq!(rotations[0].rotation_date, Some(Timestamp::from_epoch_ms(START_MS + 90 * DAY_MS)));
    assert_eq!(home.decrypt(&blob), b"x");
    assert_eq!(home.decrypt(&home.encrypt(&key, b"y")), b"y");
    assert!(home.ok(ListKeyRotationsRequest::new(&*other)).rotations.is_empty());
}

#[test]
fn only_an_enabled_key_is_rotated() {
    let home = Home::new();
    let (disabled, dying) = (home.create_key(), home.create_key());
    enable(&home, &disabled, 90);
    enable(&home, &dying, 90);
    home.ok(DisableKeyRequest::new(&*disabled));
    home.ok(ScheduleKeyDeletionRequest::new(&*dying));
    home.days_later(100);
    let mut worker = Running::default();
    assert_eq!(worker.run(&home), (0, 0));
    home.ok(EnableKeyRequest::new(&*disabled));
    assert_eq!(worker.run(&home), (1, 0));
}

#[test]
fn racing_workers_rotate_once() {
    let home = Home::new();
    let keys: Vec<_> = (0..6).map(|_| home.create_key()).collect();
    for key in &keys {
        enable(&home, key, 90);
    }
    for round in 1..=3 {
        home.days_later(90);
        let openings: Vec<_> =
            (0..3).map(|_| Arc::new(open_with(home.path(), &home.clock).unwrap())).collect();
        let rotated: usize = thread::scope(|scope| {
            let workers: Vec<_> = openings
                .iter()
                .chain(&openings)
                .map(|kms| {
                    scope.spawn(move || {
                        let run = Worker::default().run_due_now(kms);
                        run.rotated
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(rotated, keys.len());
        for key in &keys {
            assert_eq!(home.ok(ListKeyRotationsRequest::new(&**key)).rotations.len(), round);
        }
    }
}

trait RunNow {
    fn run_due_now(self, kms: &keyfold_kms::Embedded) -> Done;
}

impl RunNow for Worker {
    fn run_due_now(mut self, kms: &keyfold_kms::Embedded) -> Done {
        pollster::block_on(self.run_due(kms.service(), Duration::ZERO)).unwrap()
    }
}

#[test]
fn a_key_is_deleted_with_all_that_belongs_to_it() {
    let home = Home::new();
    let (key, kept) = (home.create_key(), home.create_key());
    home.ok(CreateAliasRequest::new("alias/gone", &*key));
    home.ok(CreateAliasRequest::new("alias/kept", &*kept));
    home.ok(TagResourceRequest::new(&*key, vec![Tag { tag_key: "a".into(), tag_value: "b".into() }]));
    let account = home.kms.service().scope().account.clone();
    for name in ["alice", "bob"] {
        pollster::block_on(home.kms.service().create_user(&account, &name.parse().unwrap())).unwrap();
    }
    // More grants than are erased in one commit.
    for number in 0..40 {
        let mut grant = CreateGrantRequest::new(&*key, vec![GrantOperation::Decrypt]);
        grant.grantee_principal = Some("arn:aws:iam::000000000000:user/alice".into());
        grant.retiring_principal = Some("arn:aws:iam::000000000000:user/bob".into());
        grant.name = Some(format!("grant-{number}"));
        home.ok(grant);
    }
    let blob = home.encrypt(&key, b"x");
    home.ok(RotateKeyOnDemandRequest::new(&*key));
    schedule(&home, &key);
    let mut worker = Running::default();
    assert_eq!(worker.run(&home), (0, 0));
    home.days_later(7);
    assert_eq!(worker.run_for_hours(&home, 7 * 24 - 1), 0);
    assert_eq!(worker.run_for_hours(&home, 1), 1);
    assert_eq!(worker.run_for_hours(&home, 3), 0);

    let message = format!("Key '{}' does not exist", arn(&key));
    home.fails(DescribeKeyRequest::new(&*key), ErrorKind::NotFound, &message);
    home.fails(CancelKeyDeletionRequest::new(&*key), ErrorKind::NotFound, &message);
    assert_eq!(home.send(DecryptRequest::new(&*blob)).unwrap_err().kind(), ErrorKind::AccessDenied);
    let aliases = home.ok(ListAliasesRequest::new()).aliases;
    assert_eq!(aliases.iter().map(|alias| alias.alias_name.as_str()).collect::<Vec<_>>(), ["alias/kept"]);
    assert_eq!(home.ok(ListKeysRequest::new()).keys.len(), 1);
    let rows = row_keys(&home);
    assert_eq!(rows.iter().find(|row| row.contains(&key) || row.starts_with("retirable/")), None);
    assert_eq!(home.decrypt(&home.encrypt("alias/kept", b"y")), b"y");
}

#[test]
fn a_clock_that_jumps_deletes_nothing() {
    let home = Home::new();
    let key = home.create_key();
    schedule(&home, &key);
    let mut worker = Running::default();
    assert_eq!(worker.run(&home), (0, 0));
    // The wall clock alone, however far.
    home.days_later(10_000);
    assert_eq!(worker.run_for_hours(&home, 24), 0);
    home.days_later(-10_000);
    // The count alone: it passes the window, but it is not the day yet.
    assert_eq!(worker.run_for_hours(&home, 10 * 24), 0);
    home.ok(CancelKeyDeletionRequest::new(&*key));
    assert_eq!(home.ok(DescribeKeyRequest::new(&*key)).key_metadata.key_state, Some(KeyState::Disabled));

    // Scheduled again, it waits its whole window again.
    schedule(&home, &key);
    home.days_later(7);
    assert_eq!(worker.run(&home), (0, 0));
    assert_eq!(worker.run_for_hours(&home, 7 * 24 - 1), 0);
    assert_eq!(worker.run_for_hours(&home, 1), 1);
}

#[test]
fn time_that_no_worker_saw_does_not_count() {
    let home = Home::new();
    let key = home.create_key();
    schedule(&home, &key);
    let mut first = Running::default();
    first.run(&home);
    assert_eq!(first.run_for_hours(&home, 100), 0);
    home.days_later(30);
    // A new program starts its clock anew and knows nothing of the time between.
    let home = home.reopened();
    let mut second = Running { uptime: Duration::from_secs(1_000_000), ..Running::default() };
    assert_eq!(second.run(&home), (0, 0));
    // A run after a long pause counts one hour.
    second.uptime += HOUR * 1000;
    assert_eq!(second.run(&home), (0, 0));
    assert_eq!(second.run_for_hours(&home, 7 * 24 - 100 - 2), 0);
    assert_eq!(second.run_for_hours(&home, 1), 1);
}

#[test]
fn two_workers_count_no_faster_than_one() {
    let home = Home::new();
    let key = home.create_key();
    schedule(&home, &key);
    home.days_later(30);
    let (mut one, mut two) = (Running::default(), Running::default());
    let mut hours = 0;
    while (one.run(&home).1, two.run(&home).1) == (0, 0) {
        one.uptime += HOUR;
        two.uptime += HOUR;
        hours += 1;
        assert!(hours < 10_000);
    }
    assert!(hours >= 7 * 24, "deleted after {hours} hours");
}

#[test]
fn without_a_pending_key_nothing_is_written() {
    let home = Home::new();
    home.create_key();
    let before = row_keys(&home);
    let mut worker = Running::default();
    assert_eq!(worker.run_for_hours(&home, 5), 0);
    assert_eq!(row_keys(&home), before);
}
