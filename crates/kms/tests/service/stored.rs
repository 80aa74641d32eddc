//! What is stored: that it lasts, that it is sealed, that it is bound to its place and its root of trust, and that
//! no moment of a crash leaves a half.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use keyfold_kms::root::{FileRoot, RootError};
use keyfold_kms::store::{Outcome, Row, SqliteStore, Store, StoreError, Transaction};
use keyfold_kms::worker::{CREDIT_MS_MAX, Worker};
use keyfold_kms::{Clock, Embedded, OpenError, RecordError, RootKind, RootOfTrust, Service, SystemClock};
use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DecryptRequest,
    DeleteAliasRequest, DescribeKeyRequest, DisableKeyRequest, EncryptRequest, ListAliasesRequest,
    ListKeysRequest, Operation, Request, RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest, Tag,
    TagResourceRequest, UpdateAliasRequest,
};
use keyfold_protocol::{BoxFuture, ErrorKind, GrantOperation, KeyState, Kms, KmsError, KmsExt as _};

use crate::harness::{Home, arn, context, open, secret};

fn send<O: Operation>(kms: &dyn Kms, request: O) -> Result<O::Output, KmsError> {
    pollster::block_on(kms.send(request))
}

/// All of it belongs together: keys work, and both directions of aliases agree.
fn assert_consistent(kms: &dyn Kms) {
    let keys = send(kms, ListKeysRequest::new()).unwrap().keys;
    let aliases = send(kms, ListAliasesRequest::new()).unwrap().aliases;
    let mut by_key = BTreeSet::new();
    for key in &keys {
        let blob = send(kms, EncryptRequest::new(&*key.key_id, secret(b"x"))).unwrap().ciphertext_blob;
        assert_eq!(send(kms, DecryptRequest::new(blob)).unwrap().plaintext.expose(), b"x");
        let mut request = ListAliasesRequest::new();
        request.key_id = Some(key.key_id.clone());
        by_key
            .extend(send(kms, request).unwrap().aliases.into_iter().map(|a| (a.alias_name, a.target_key_id)));
    }
    let all: BTreeSet<_> = aliases.into_iter().map(|alias| (alias.alias_name, alias.target_key_id)).collect();
    assert_eq!(all, by_key);
}

#[test]
fn everything_is_there_after_reopening() {
    let home = Home::new();
    let key_id = home.create_key();
    home.ok(CreateAliasRequest::new("alias/app", &*key_id));
    let blob = home.encrypt("alias/app", b"kept");
    home.ok(RotateKeyOnDemandRequest::new(&*key_id));
    let described = home.ok(DescribeKeyRequest::new("alias/app")).key_metadata;
    let home = home.reopened();
    assert_eq!(home.ok(DescribeKeyRequest::new("alias/app")).key_metadata, described);
    assert_eq!(home.decrypt(&blob), b"kept");
    assert_consistent(&home.kms);
}

#[test]
fn nothing_that_a_user_gave_can_be_read_in_the_files() {
    const MARKER: &str = "canary-Zq7xK2";
    let home = Home::new();
    let mut request = CreateKeyRequest::new();
    request.description = Some(format!("description {MARKER}"));
    let key_id = home.ok(request).key_metadata.key_id;
    home.ok(CreateAliasRequest::new(format!("alias/{MARKER}"), &*key_id));
    let mut request = EncryptRequest::new(&*key_id, secret(MARKER.as_bytes()));
    request.encryption_context = Some(context(&[(MARKER, MARKER)]));
    home.ok(request);
    home.ok(UpdateAliasRequest::new(format!("alias/{MARKER}"), home.create_key()));

    let mut needles = vec![MARKER.as_bytes().to_vec(), hex::encode(MARKER).into_bytes()];
    needles.push(hex::encode_upper(MARKER).into_bytes());
    for shift in 0..3 {
        // Whatever stands around it, the middle of the marker has one of three forms.
        let text = base64::engine::general_purpose::STANDARD.encode(&MARKER[shift..][..9]);
        needles.push(text.into_bytes());
    }
    let mut files = 0;
    for entry in fs::read_dir(home.path()).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        files += usize::from(!content.is_empty());
        for needle in &needles {
            assert!(!content.windows(needle.len()).any(|window| window == needle), "found a marker");
        }
    }
    assert!(files >= 3, "store, WAL and root key were searched");
    // The search itself finds what is there: key ids stand in row keys.
    let wal = [
        fs::read(home.path().join("store.db")).unwrap(),
        fs::read(home.path().join("store.db-wal")).unwrap(),
    ];
    assert!(wal.concat().windows(key_id.len()).any(|window| window == key_id.as_bytes()));
}

type RawRow = (String, Vec<u8>);
/// An operation that reads a row.
type UseOf<'a> = &'a dyn Fn(&RawRow) -> Result<(), KmsError>;
/// What a killed process leaves in a home.
type Leave<'a> = &'a dyn Fn(&Path);

fn raw_rows(home: &Path) -> (rusqlite::Connection, Vec<RawRow>) {
    let connection = rusqlite::Connection::open(home.join("store.db")).unwrap();
    let rows = connection
        .prepare("SELECT CAST(key AS TEXT), value FROM record ORDER BY key")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    (connection, rows)
}

fn overwrite(connection: &rusqlite::Connection, key: &str, value: &[u8]) {
    let changed = connection
        .execute("UPDATE record SET value = ?2 WHERE key = CAST(?1 AS BLOB)", rusqlite::params![key, value])
        .unwrap();
    assert_eq!(changed, 1);
}

fn assert_damaged<T: fmt::Debug>(result: Result<T, KmsError>, what: &str) {
    let error = result.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::KmsInternal, "{what}");
    assert!(error.source().unwrap().to_string().contains("damaged"), "{what}");
}

#[test]
fn rows_that_were_swapped_moved_or_edited_do_not_open() {
    let home = Home::new();
    let (one, two) = (home.create_key(), home.create_key());
    home.ok(CreateAliasRequest::new("alias/one", &*one));
    home.ok(CreateAliasRequest::new("alias/two", &*two));
    home.ok(RotateKeyOnDemandRequest::new(&*one));
    let (connection, rows) = raw_rows(home.path());
    let of = |prefix: &str| rows.iter().filter(|(key, _)| key.starts_with(prefix)).collect::<Vec<_>>();

    // Each row in the place of each other row of its kind.
    let uses: [(&str, UseOf<'_>); 3] = [
        ("key/", &|row| home.send(DescribeKeyRequest::new(row.0.rsplit('/').next().unwrap())).map(drop)),
        ("alias/", &|_| home.send(ListAliasesRequest::new()).map(drop)),
        ("key-aliases/", &|row| {
            let mut request = ListAliasesRequest::new();
            request.key_id = row.0.rsplit('/').next().map(str::to_owned);
            home.send(request).map(drop)
        }),
    ];
    for (prefix, used) in uses {
        let rows = of(prefix);
        assert_eq!(rows.len(), 2, "{prefix}");
        for (into, from) in [(rows[0], rows[1]), (rows[1], rows[0])] {
            overwrite(&connection, &into.0, &from.1);
            assert_damaged(used(into), prefix);
            overwrite(&connection, &into.0, &into.1);
            used(into).unwrap();
        }
    }
    // The old material of a key in the place of the new.
    let materials = of(&format!("material/000000000000/local/{one}/"));
    assert_eq!(materials.len(), 2);
    let current = home.ok(DescribeKeyRequest::new(&*one)).key_metadata.current_key_material_id.unwrap();
    let (current, old) = if materials[0].0.ends_with(&current) {
        (materials[0], materials[1])
    } else {
        (materials[1], materials[0])
    };
    overwrite(&connection, &current.0, &old.1);
    assert_damaged(home.send(EncryptRequest::new(&*one, secret(b"x"))), "material");
    overwrite(&connection, &current.0, &current.1);
    home.encrypt(&one, b"x");

    // Every byte of a row.
    let row = of("key/")[0];
    let key_id = row.0.rsplit('/').next().unwrap();
    for position in 0..row.1.len() {
        let mut edited = row.1.clone();
        edited[position] ^= 0x80;
        overwrite(&connection, &row.0, &edited);
        assert_damaged(home.send(DescribeKeyRequest::new(key_id)), "edited");
    }
    overwrite(&connection, &row.0, &row.1[..20]);
    assert_damaged(home.send(DescribeKeyRequest::new(key_id)), "truncated");
}

fn content(home: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| !name.ends_with("-shm"))
        .collect();
    files.sort();
    files
}

#[test]
fn without_its_root_of_trust_a_home_is_refused_and_left_as_it_is() {
    let home = Home::new();
    let key_id = home.create_key();
    let root = home.path().join("root.key");
    let kept = fs::read(&root).unwrap();
    let Home { directory, kms, .. } = home;
    drop(kms);

    fs::remove_file(&root).unwrap();
    let before = content(directory.path());
    for _ in 0..2 {
        let error = open(directory.path()).unwrap_err();
        assert!(matches!(error, OpenError::RootMissing { .. }), "{error}");
    }
    assert_eq!(content(directory.path()), before);
    assert_eq!(Embedded::root_kind(directory.path()).unwrap(), None);

    let other = Home::new();
    fs::copy(other.path().join("root.key"), &root).unwrap();
    let before = content(directory.path());
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Root(RootError::Wrong)), "{error}");
    assert_eq!(content(directory.path()), before);

    let mut file = fs::OpenOptions::new().write(true).truncate(true).open(&root).unwrap();
    std::io::Write::write_all(&mut file, &kept).unwrap();
    assert_eq!(Embedded::root_kind(directory.path()).unwrap(), Some(RootKind::KeyFile));
    let kms = open(directory.path()).unwrap();
    send(&kms, DescribeKeyRequest::new(key_id)).unwrap();
}

/// What somebody copies who does not know of write-ahead logs.
#[test]
fn at_rest_the_store_file_and_the_root_are_all_there_is() {
    let home = Home::new();
    let key_id = home.create_key();
    let Home { directory, kms, .. } = home;
    drop(kms);
    let copy = tempfile::tempdir().unwrap();
    for name in ["store.db", "root.key"] {
        fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    let kms = open(copy.path()).unwrap();
    send(&kms, DescribeKeyRequest::new(key_id)).unwrap();
}

/// A database that is gone or empty is no new store: the keys that were in it are lost, which must be seen.
#[test]
fn a_lost_store_is_refused_and_nothing_is_touched() {
    for damage in ["removed", "emptied"] {
        let Home { directory, kms, .. } = Home::new();
        drop(kms);
        let store = directory.path().join("store.db");
        for name in ["store.db-wal", "store.db-shm"] {
            let _ = fs::remove_file(directory.path().join(name));
        }
        match damage {
            "removed" => fs::remove_file(&store).unwrap(),
            _ => drop(fs::File::create(&store).unwrap()),
        }
        let opened = Embedded::open(directory.path(), &RootOfTrust::KeyFile, Arc::new(SystemClock));
        let error = pollster::block_on(opened).unwrap_err();
        assert!(matches!(error, OpenError::StoreLost { .. }), "{damage}: {error}");
        let error = open(directory.path()).unwrap_err();
        assert!(matches!(error, OpenError::StoreLost { .. }), "{damage}: {error}");
        assert_eq!(store.exists(), damage == "emptied");
    }
}

#[test]
fn a_home_under_a_passphrase() {
    let directory = tempfile::tempdir().unwrap();
    let open_with = |root: &RootOfTrust| {
        pollster::block_on(Embedded::open_or_create(directory.path(), root, Arc::new(SystemClock)))
    };
    let phrase = |text: &str| RootOfTrust::Passphrase(secret(text.as_bytes()));
    let made = pollster::block_on(open_with(&phrase("right")).unwrap().ensure_default_key()).unwrap();
    assert_eq!(Embedded::root_kind(directory.path()).unwrap(), Some(RootKind::Passphrase));
    assert!(matches!(open_with(&phrase("wrong")), Err(OpenError::Root(RootError::WrongPassphrase))));
    assert!(matches!(open_with(&RootOfTrust::KeyFile), Err(OpenError::PassphraseNeeded { .. })));
    let again = open_with(&phrase("right")).unwrap();
    assert_eq!(pollster::block_on(again.ensure_default_key()).unwrap().arn, made.arn);
    let with_file = Home::new();
    let error = pollster::block_on(Embedded::open(with_file.path(), &phrase("x"), Arc::new(SystemClock)))
        .unwrap_err();
    assert!(matches!(error, OpenError::NoPassphraseExpected { .. }));
}

#[test]
fn opening_makes_nothing_where_nothing_is() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("none");
    let error =
        pollster::block_on(Embedded::open(&home, &RootOfTrust::KeyFile, Arc::new(SystemClock))).unwrap_err();
    assert!(matches!(error, OpenError::NoStore { .. }));
    assert!(!home.exists());
}

/// Every state that a process killed during creation can leave behind, as the module's order of steps has them.
#[test]
fn a_home_that_was_left_half_made_is_completed_with_the_root_it_has() {
    let whole = Home::new();
    let root = fs::read(whole.path().join("root.key")).unwrap();
    let write = |path: &Path, bytes: &[u8]| {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
        file.write_all(bytes).unwrap();
    };
    let with_root = |home: &Path| write(&home.join("root.key"), &root);
    let stages: [(&str, Leave<'_>); 6] = [
        ("nothing", &|_| {}),
        ("lock", &|home| write(&home.join("lock"), b"")),
        ("half a root", &|home| write(&home.join("root.tmp"), b"keyfold root key v1\n00")),
        ("a root", &with_root),
        ("an empty store", &|home| {
            with_root(home);
            write(&home.join("store.db"), b"");
        }),
        ("a store without records", &|home| {
            with_root(home);
            drop(SqliteStore::open(home).unwrap());
        }),
    ];
    for (stage, prepare) in stages {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        let had_root = directory.path().join("root.key").exists();
        let kms = open(directory.path()).unwrap_or_else(|error| panic!("{stage}: {error}"));
        let key = pollster::block_on(kms.ensure_default_key()).unwrap();
        drop(kms);
        assert_eq!(had_root, fs::read(directory.path().join("root.key")).unwrap() == root, "{stage}");
        let kms = open(directory.path()).unwrap();
        assert_eq!(pollster::block_on(kms.ensure_default_key()).unwrap().arn, key.arn, "{stage}");
    }
}

/// A store that fails at one commit: before doing it, or after having done it, as a crash would.
#[derive(Debug)]
struct FailingStore {
    inner: SqliteStore,
    commits_left: Mutex<u32>,
    fails_after_commit: bool,
}

impl Store for FailingStore {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        self.inner.get(key)
    }

    fn range<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.inner.range(prefix, after, limit)
    }

    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        Box::pin(async move {
            let left = {
                let mut left = self.commits_left.lock().unwrap();
                *left = left.saturating_sub(1);
                *left
            };
            if left == 0 {
                if self.fails_after_commit {
                    self.inner.commit(transaction).await?;
                }
                return Err(StoreError::Failed);
            }
            self.inner.commit(transaction).await
        })
    }
}

#[test]
fn a_failure_at_any_commit_leaves_all_or_nothing() {
    let root_home = Home::new();
    let root = FileRoot::load(&root_home.path().join("root.key")).unwrap();
    for fails_after_commit in [false, true] {
        for commits in 1..12 {
            let directory = tempfile::tempdir().unwrap();
            let store: Arc<dyn Store> = Arc::new(FailingStore {
                inner: SqliteStore::open(directory.path()).unwrap(),
                commits_left: Mutex::new(commits),
                fails_after_commit,
            });
            let mut acknowledged = Vec::new();
            let outcome = run_until_failure(&store, &root, &mut acknowledged);
            assert!(outcome.is_err());
            drop(store);

            let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).unwrap());
            let scope = root_home.kms.service().scope().clone();
            pollster::block_on(Service::initialise(Arc::clone(&store), &root, &scope)).unwrap();
            let service = pollster::block_on(Service::open(store, &root, Arc::new(SystemClock))).unwrap();
            assert_consistent(&service);
            for key_id in acknowledged {
                send(&service, DescribeKeyRequest::new(key_id)).unwrap();
            }
        }
    }
}

#[test]
fn an_erasure_that_is_cut_off_anywhere_is_finished_and_shows_no_half_key() {
    let mut failures = 0;
    for fails_after_commit in [false, true] {
        for commits in 1.. {
            let home = Home::new();
            let (key_id, blob) = dying_key(&home);
            let (directory, clock) = (home.path().to_owned(), Arc::clone(&home.clock));
            let root = FileRoot::load(&directory.join("root.key")).unwrap();
            let open = |store: Arc<dyn Store>| {
                let clock = Arc::clone(&clock) as Arc<dyn Clock>;
                pollster::block_on(Service::open(store, &root, clock)).unwrap()
            };
            // The count of time has passed the window but for this run, which erases the key.
            let mut worker = Worker::default();
            let run = |worker: &mut Worker, service: &Service, hours: u32| {
                let uptime = Duration::from_millis(CREDIT_MS_MAX) * hours;
                pollster::block_on(worker.run_due(service, uptime)).map(|done| done.deleted)
            };
            for hours in 0..7 * 24 {
                assert_eq!(run(&mut worker, home.kms.service(), hours).unwrap(), 0);
            }
            let failing = open(Arc::new(FailingStore {
                inner: SqliteStore::open(&directory).unwrap(),
                commits_left: Mutex::new(commits),
                fails_after_commit,
            }));
            let is_cut_off = run(&mut worker, &failing, 7 * 24).is_err();
            drop(failing);

            // Whatever is left, it is a whole key that waits or none at all.
            let service = open(Arc::new(SqliteStore::open(&directory).unwrap()));
            match send(&service, DescribeKeyRequest::new(&*key_id)) {
                Ok(described) => {
                    assert_eq!(described.key_metadata.key_state, Some(KeyState::PendingDeletion));
                    send(&service, DescribeKeyRequest::new("alias/dying")).unwrap();
                    send(&service, CreateAliasRequest::new("alias/dying", &*key_id)).unwrap_err();
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound);
                    let error = send(&service, DescribeKeyRequest::new("alias/dying")).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::NotFound);
                }
            }
            send(&service, EncryptRequest::new(&*key_id, secret(b"x"))).unwrap_err();
            send(&service, DecryptRequest::new(&*blob)).unwrap_err();

            // Another worker, in another process, goes on from there.
            let mut successor = Worker::default();
            for hours in 0..=1 {
                run(&mut successor, &service, hours).unwrap();
            }
            assert_eq!(
                send(&service, DescribeKeyRequest::new(&*key_id)).unwrap_err().kind(),
                ErrorKind::NotFound
            );
            let rows = crate::worker::row_keys(&home);
            let is_left = |row: &&String| {
                row.contains(&key_id) || row.starts_with("retirable/") || row.starts_with("erasing/")
            };
            assert_eq!(rows.iter().find(is_left), None, "after commit {commits}");
            assert_consistent(&service);
            if !is_cut_off {
                break;
            }
            failures += 1;
        }
    }
    assert!(failures >= 10, "an erasure has several commits, each of which was cut off twice: {failures}");
}

/// A key with an alias, tags, more versions of its material and more grants than one commit erases, scheduled for
/// deletion a week ago; and a ciphertext of it.
fn dying_key(home: &Home) -> (String, Vec<u8>) {
    let key_id = home.create_key();
    home.ok(CreateAliasRequest::new("alias/dying", &*key_id));
    let tag = Tag { tag_key: "k".into(), tag_value: "v".into() };
    home.ok(TagResourceRequest::new(&*key_id, vec![tag]));
    let blob = home.encrypt(&key_id, b"x");
    for _ in 0..2 {
        home.ok(RotateKeyOnDemandRequest::new(&*key_id));
    }
    for number in 0..31 {
        let mut grant = CreateGrantRequest::new(&*key_id, vec![GrantOperation::Decrypt]);
        grant.grantee_principal = Some("arn:aws:iam::000000000000:root".into());
        grant.retiring_principal.clone_from(&grant.grantee_principal);
        grant.name = Some(format!("grant-{number}"));
        home.ok(grant);
    }
    let mut schedule = ScheduleKeyDeletionRequest::new(&*key_id);
    schedule.pending_window_in_days = Some(7);
    home.ok(schedule);
    home.days_later(7);
    (key_id, blob)
}

/// Makes changes of every kind until the store fails.
fn run_until_failure(
    store: &Arc<dyn Store>,
    root: &FileRoot,
    acknowledged: &mut Vec<String>,
) -> Result<(), Box<dyn std::error::Error>> {
    let scope = Home::new().kms.service().scope().clone();
    pollster::block_on(Service::initialise(Arc::clone(store), root, &scope))?;
    let service = pollster::block_on(Service::open(Arc::clone(store), root, Arc::new(SystemClock)))?;
    let default = pollster::block_on(service.ensure_default_key())?.arn.to_string();
    acknowledged.push(default.clone());
    for round in 0..3 {
        let key_id = send(&service, CreateKeyRequest::new())?.key_metadata.key_id;
        acknowledged.push(key_id.clone());
        send(&service, CreateAliasRequest::new(format!("alias/a{round}"), &*key_id))?;
        send(&service, UpdateAliasRequest::new(format!("alias/a{round}"), &*default))?;
        send(&service, RotateKeyOnDemandRequest::new(&*key_id))?;
    }
    Ok(())
}

/// A store in which somebody else does something just before the first commit.
struct InterferingStore {
    inner: Arc<dyn Store>,
    interfere: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for InterferingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InterferingStore")
    }
}

impl Store for InterferingStore {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        self.inner.get(key)
    }

    fn range<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.inner.range(prefix, after, limit)
    }

    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        if let Some(interfere) = self.interfere.lock().unwrap().take() {
            interfere();
        }
        self.inner.commit(transaction)
    }
}

#[test]
fn a_key_that_changes_meanwhile_is_judged_again() {
    let home = Home::new();
    let (key_id, other) = (home.create_key(), home.create_key());
    let root = FileRoot::load(&home.path().join("root.key")).unwrap();
    let inner: Arc<dyn Store> = Arc::new(SqliteStore::open(home.path()).unwrap());
    let service_on =
        |store| Arc::new(pollster::block_on(Service::open(store, &root, Arc::new(SystemClock))).unwrap());
    let somebody = service_on(Arc::clone(&inner));
    let with_interference = |interfere: Box<dyn FnOnce() + Send>| {
        service_on(Arc::new(InterferingStore {
            inner: Arc::clone(&inner),
            interfere: Mutex::new(Some(interfere)),
        }))
    };

    let theirs = (Arc::clone(&somebody), key_id.clone());
    let service = with_interference(Box::new(move || {
        send(&*theirs.0, DisableKeyRequest::new(theirs.1)).unwrap();
    }));
    let error = send(&*service, RotateKeyOnDemandRequest::new(&*key_id)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disabled);

    let dying = home.create_key();
    home.ok(CreateAliasRequest::new("alias/moving", &*other));
    for request in [
        Request::from(CreateAliasRequest::new("alias/late", &*dying)),
        Request::from(UpdateAliasRequest::new("alias/moving", &*dying)),
    ] {
        let theirs = (Arc::clone(&somebody), dying.clone());
        let service = with_interference(Box::new(move || {
            send(&*theirs.0, ScheduleKeyDeletionRequest::new(theirs.1)).unwrap();
        }));
        let error = pollster::block_on(service.call(request)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KmsInvalidState);
        home.ok(CancelKeyDeletionRequest::new(&*dying));
    }
    home.ok(DeleteAliasRequest::new("alias/moving"));

    let theirs = (Arc::clone(&somebody), other.clone());
    let service = with_interference(Box::new(move || {
        send(&*theirs.0, CreateAliasRequest::new("alias/mine", theirs.1)).unwrap();
    }));
    let error = send(&*service, CreateAliasRequest::new("alias/mine", &*other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);

    let theirs = (Arc::clone(&somebody), other.clone());
    let service = with_interference(Box::new(move || {
        send(&*theirs.0, CreateAliasRequest::new("alias/theirs", theirs.1)).unwrap();
    }));
    send(&*service, CreateAliasRequest::new("alias/ours", &*other)).unwrap();
    let mut request = ListAliasesRequest::new();
    request.key_id = Some(other.clone());
    assert_eq!(send(&*service, request).unwrap().aliases.len(), 3);
    send(&*service, DescribeKeyRequest::new(arn(&other))).unwrap();
}

#[test]
fn what_went_wrong_is_in_the_source_and_not_in_the_answer() {
    let error = KmsError::from(RecordError::Damaged);
    assert!(!error.to_string().contains("damaged"));
    assert!(error.source().unwrap().to_string().contains("damaged"));
    let busy = KmsError::from(RecordError::Store(StoreError::Busy { waited_ms: 1 }));
    assert_eq!(busy.kind(), ErrorKind::DependencyTimeout);
    assert!(busy.source().unwrap().to_string().contains("another process"));
}
