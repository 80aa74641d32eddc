//! The embedded store: one SQLite file in WAL mode.
//!
//! ```text
//! record   key BLOB PRIMARY KEY │ revision INTEGER │ value BLOB (sealed)        an ordinary rowid table
//! counter  revision INTEGER                                                    one row: the last revision given
//! ```
//!
//! Settings that durability rests on are set and read back: `journal_mode=WAL`, `synchronous=FULL` (with `NORMAL`
//! a power cut loses acknowledged commits), SQLite 3.51.3 or later (before, racing checkpoints could lose
//! commits). The table is not `WITHOUT ROWID`, which costs several times the space with values of this size.
//! One connection writes and checkpoints, one reads. When a store is closed, and opened after it was not, what is in
//! the write-ahead log moves into the file, so that at rest `store.db` is all there is to copy. Not here: what a value
//! means, and who may write.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyfold_protocol::BoxFuture;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use super::lock::private_file;
use super::{
    Condition, HomeLock, Outcome, Revision, Row, Store, StoreError, Transaction, Write, check_bounds,
};

/// A [`Store`] in a SQLite file.
pub struct SqliteStore {
    /// SQLite's write-ahead log.
    log: PathBuf,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    lock: HomeLock,
    has_failed: AtomicBool,
}

impl SqliteStore {
    /// Opens the store in `directory`, making or migrating it if need be; its files are `store.db` (with SQLite's
    /// companions beside it) and `lock`.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooNew`] and [`StoreError::NotAStore`], with nothing changed; [`StoreError::Busy`] if
    /// another process holds the directory; what the file system and the engine have to say.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_locked(directory, HomeLock::open(&directory.join(LOCK_FILE))?)
    }

    /// The same with a lock that the caller may hold already.
    pub(crate) fn open_locked(directory: &Path, lock: HomeLock) -> Result<Self, StoreError> {
        let version = rusqlite::version_number();
        if version < ENGINE_VERSION_MIN {
            return Err(StoreError::EngineTooOld { found: version });
        }
        let held = lock.acquire()?;
        let path = directory.join(STORE_FILE);
        // SQLite gives its companions the mode of the file, and would make that one readable by others.
        private_file(&path)?;
        let mut writer = connect(&path)?;
        migrate(&mut writer)?;
        // The file's own entry must be as durable as what is in it.
        File::open(directory)?.sync_all()?;
        let reader = connect(&path)?;
        reader.pragma_update(None, "query_only", true)?;
        let store = Self {
            log: directory.join(LOG_FILE),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            lock,
            has_failed: AtomicBool::new(false),
        };
        store.empty_log();
        drop(held);
        Ok(store)
    }

    /// Moves what is in the log into the file. If others read the store it stays where it is, as safe as before.
    fn empty_log(&self) {
        let is_empty = fs::metadata(&self.log).map_or(true, |log| log.len() == 0);
        if is_empty || self.has_failed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(_held) = self.lock.acquire() else { return };
        let writer = locked(&self.writer);
        // Nothing depends on it: a log that is left is read by whoever opens the store next.
        let _ = writer.busy_timeout(Duration::from_millis(EMPTY_LOG_MS_MAX));
        let _ = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _ = writer.busy_timeout(Duration::from_millis(BUSY_MS_MAX));
    }

    fn get_now(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let reader = locked(&self.reader);
        let mut select = reader.prepare_cached("SELECT key, revision, value FROM record WHERE key = ?1")?;
        Ok(select.query_row([key], row).optional()?)
    }

    fn range_now(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let reader = locked(&self.reader);
        let mut select = reader.prepare_cached(
            "SELECT key, revision, value FROM record WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT ?3",
        )?;
        // Row keys are printable ASCII: all that start with `prefix` are below it and a 0x7f, and no key is a
        // prefix of a range (keys end in a name, prefixes in a slash).
        let end = [prefix, &[0x7f]].concat();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map(params![after.unwrap_or(prefix), end, limit], row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn commit_now(&self, transaction: &Transaction) -> Result<Outcome, StoreError> {
        check_bounds(transaction)?;
        let mut writer = locked(&self.writer);
        if self.has_failed.load(Ordering::SeqCst) {
            return Err(StoreError::Failed);
        }
        let _held = self.lock.acquire()?;
        write(&mut writer, transaction).map_err(|error| {
            if is_disk_failure(&error) {
                self.has_failed.store(true, Ordering::SeqCst);
            }
            error.into()
        })
    }
}

impl Store for SqliteStore {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        Box::pin(async move { self.get_now(key) })
    }

    fn range<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move { self.range_now(prefix, after, limit) })
    }

    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        Box::pin(async move { self.commit_now(&transaction) })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.empty_log();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("has_failed", &self.has_failed).finish_non_exhaustive()
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { waited_ms: BUSY_MS_MAX }
            }
            Some(ErrorCode::NotADatabase) => Self::NotAStore,
            _ => Self::Engine(Box::new(error)),
        }
    }
}

/// A connection with its settings, each read back. A file of a newer schema or another program is refused before
/// any setting could change it.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, ROW_LEN_MAX)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX))?;
    // Checkpoints happen under the lock on the directory, within commits and in `empty_log`.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    schema_version(&connection)?;
    // Takes effect on a file without content only.
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A server may write to its home only.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Only macOS knows the difference: there a plain fsync leaves the bytes in the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::SettingRefused { setting: "journal_mode=WAL" });
    }
    if synchronous != SYNCHRONOUS_FULL {
        return Err(StoreError::SettingRefused { setting: "synchronous=FULL" });
    }
    Ok(connection)
}

/// The schema that the file has; 0 if it has none yet.
fn schema_version(connection: &Connection) -> Result<i64, StoreError> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if application != APPLICATION_ID {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let is_new = application == 0 && version == 0 && tables == 0;
        return if is_new { Ok(0) } else { Err(StoreError::NotAStore) };
    }
    if version > known {
        return Err(StoreError::SchemaTooNew { found: version, known });
    }
    Ok(version)
}

/// Brings the file to the newest schema, each step in a transaction of its own.
fn migrate(writer: &mut Connection) -> Result<(), StoreError> {
    let version = usize::try_from(schema_version(writer)?).map_err(|_| StoreError::NotAStore)?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(step + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

fn write(writer: &mut Connection, changes: &Transaction) -> rusqlite::Result<Outcome> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut select = transaction.prepare_cached("SELECT revision FROM record WHERE key = ?1")?;
        for Condition { key, revision } in &changes.conditions {
            let found: Option<i64> = select.query_row([key], |row| row.get(0)).optional()?;
            if found.map(to_revision) != *revision {
                return Ok(Outcome::Conflict);
            }
        }
    }
    let revision: i64 = transaction
        .prepare_cached("UPDATE counter SET revision = revision + 1 RETURNING revision")?
        .query_row([], |row| row.get(0))?;
    for change in &changes.writes {
        match change {
            Write::Put { key, value } => transaction
                .prepare_cached(
                    "INSERT INTO record (key, revision, value) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value",
                )?
                .execute(params![key, revision, value])?,
            Write::Delete { key } => {
                transaction.prepare_cached("DELETE FROM record WHERE key = ?1")?.execute([key])?
            }
        };
    }
    transaction.commit()?;
    Ok(Outcome::Committed(to_revision(revision)))
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row { key: row.get(0)?, revision: to_revision(row.get(1)?), value: row.get(2)? })
}

/// Revisions start at 1 and are never negative; a negative one in a damaged file equals no revision given.
fn to_revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or(0))
}

/// Whether nobody knows any more what is on the disk. A full disk is no such case: SQLite rolls back.
fn is_disk_failure(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// A panic in another thread rolled its transaction back; the connection is as good as before.
fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) const STORE_FILE: &str = "store.db";
const LOG_FILE: &str = "store.db-wal";
/// How long closing a store waits for others who read it.
const EMPTY_LOG_MS_MAX: u64 = 50;
pub(crate) const LOCK_FILE: &str = "lock";
/// The schema, as steps from nothing. Steps are only ever appended.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE record (key BLOB NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL);
    CREATE TABLE counter (revision INTEGER NOT NULL);
    INSERT INTO counter (revision) VALUES (0);
"];
/// `KyFd`, in the header of the file.
const APPLICATION_ID: i64 = 0x4b79_4664;
/// 3.51.3, the first without the WAL-reset bug.
const ENGINE_VERSION_MIN: i32 = 3_051_003;
const SYNCHRONOUS_FULL: i64 = 2;
const PAGE_SIZE: i64 = 8192;
/// A key, a value and a revision at their largest, with room for SQLite's own statements.
const ROW_LEN_MAX: i32 = 1024 * 1024;
/// Behind the directory's own lock this is waited for by readers only, while another process recovers the WAL.
const BUSY_MS_MAX: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::super::{KEY_LEN_MAX, VALUE_LEN_MAX};
    use super::*;

    fn put(key: &str, value: &str, revision: Option<Revision>) -> Transaction {
        Transaction {
            conditions: vec![Condition { key: key.into(), revision }],
            writes: vec![Write::Put { key: key.into(), value: value.into() }],
        }
    }

    #[test]
    fn writes_happen_only_if_every_condition_holds() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        let Outcome::Committed(first) = store.commit_now(&put("a/1", "one", None)).unwrap() else { panic!() };
        assert_eq!(store.commit_now(&put("a/1", "two", None)).unwrap(), Outcome::Conflict);
        let mut both = put("a/1", "two", Some(first));
        both.conditions.push(Condition { key: b"a/2".into(), revision: Some(first) });
        assert_eq!(store.commit_now(&both).unwrap(), Outcome::Conflict);
        assert_eq!(store.get_now(b"a/1").unwrap().unwrap().value, b"one");
        let Outcome::Committed(second) = store.commit_now(&put("a/1", "two", Some(first))).unwrap() else {
            panic!()
        };
        assert!(second > first);
        let row = store.get_now(b"a/1").unwrap().unwrap();
        assert_eq!((row.revision, row.value.as_slice()), (second, b"two".as_slice()));
    }

    #[test]
    fn a_deleted_record_never_gets_an_old_revision_back() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        let Outcome::Committed(first) = store.commit_now(&put("a/1", "one", None)).unwrap() else { panic!() };
        let delete = Transaction { conditions: vec![], writes: vec![Write::Delete { key: b"a/1".into() }] };
        store.commit_now(&delete).unwrap();
        assert_eq!(store.get_now(b"a/1").unwrap(), None);
        drop(store);
        let store = SqliteStore::open(home.path()).unwrap();
        let Outcome::Committed(again) = store.commit_now(&put("a/1", "one", None)).unwrap() else { panic!() };
        assert!(again.0 > first.0 + 1);
    }

    #[test]
    fn ranges_are_sorted_bounded_and_stay_within_their_prefix() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        for key in ["a/3", "a/1", "b/1", "a/2", "a0", "a/~~"] {
            store.commit_now(&put(key, key, None)).unwrap();
        }
        let keys = |after: Option<&[u8]>, limit| {
            let rows = store.range_now(b"a/", after, limit).unwrap();
            rows.into_iter().map(|row| String::from_utf8(row.key).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(keys(None, 9), ["a/1", "a/2", "a/3", "a/~~"]);
        assert_eq!(keys(None, 2), ["a/1", "a/2"]);
        assert_eq!(keys(Some(b"a/2"), 9), ["a/3", "a/~~"]);
    }

    #[test]
    fn limits_come_before_writing() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        let long = "k".repeat(KEY_LEN_MAX + 1);
        for transaction in
            [put("", "v", None), put("ö", "v", None), put("a b", "v", None), put(&long, "v", None)]
        {
            assert!(matches!(store.commit_now(&transaction), Err(StoreError::OutOfBounds)));
        }
        let value = "v".repeat(VALUE_LEN_MAX + 1);
        assert!(matches!(store.commit_now(&put("k", &value, None)), Err(StoreError::OutOfBounds)));
    }

    #[test]
    fn settings_hold() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        for connection in [&store.writer, &store.reader] {
            let connection = locked(connection);
            let pragma =
                |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!((pragma("synchronous"), pragma("page_size")), (SYNCHRONOUS_FULL, PAGE_SIZE));
        }
        assert!(locked(&store.reader).execute("DELETE FROM record", []).is_err());
    }

    #[test]
    fn files_of_others_and_of_the_future_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(STORE_FILE);
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(SqliteStore::open(home.path()), Err(StoreError::NotAStore)));

        let home = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(home.path()).unwrap());
        let path = home.path().join(STORE_FILE);
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
        let error = SqliteStore::open(home.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key store has schema version 7; this version of Keyfold knows up to 1"
        );

        let home = tempfile::tempdir().unwrap();
        let garbage = vec![b'x'; 10_000];
        let mut file = File::create(home.path().join(STORE_FILE)).unwrap();
        std::io::Write::write_all(&mut file, &garbage).unwrap();
        assert!(matches!(SqliteStore::open(home.path()), Err(StoreError::NotAStore)));
        assert_eq!(std::fs::read(home.path().join(STORE_FILE)).unwrap(), garbage);
    }

    #[test]
    fn after_a_disk_failure_nothing_is_written() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        store.has_failed.store(true, Ordering::SeqCst);
        assert!(matches!(store.commit_now(&put("a/1", "one", None)), Err(StoreError::Failed)));
        let io = rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
            None,
        );
        let full =
            rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
        assert!(is_disk_failure(&io) && !is_disk_failure(&full));
    }
}
