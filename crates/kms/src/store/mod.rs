//! Where records are kept: the [`Store`] trait and its contract. Engines are in the modules below.
//!
//! A store is not trusted with anything but durability and atomicity: what it gets is sealed already (see
//! [`crate::root`]), and what it gives back is believed only after it opened. It knows no keys, aliases or SQL
//! above it; it knows row keys and bytes. `docs/format/store.md` draws what is inside.
//!
//! # The contract
//!
//! 1. A record is a row key, a value and a revision. Row keys are 1 to [`KEY_LEN_MAX`] bytes of printable ASCII
//!    (0x21 to 0x7e); values are at most [`VALUE_LEN_MAX`] bytes.
//! 2. Revisions come from one counter per store that only grows: every commit has one, all records that it wrote
//!    carry it, and none is given twice, also not after a record was deleted and made again.
//! 3. [`Store::commit`] is all or nothing. It happens only if every condition holds at that moment, as if no
//!    other commit ran beside it, in this process or another.
//! 4. When `commit` has answered [`Outcome::Committed`], the records survive a crash of the process, of the
//!    operating system and a power cut. When it has answered [`Outcome::Conflict`], nothing was written. When it
//!    has failed, either may be true, and the caller finds out by reading.
//! 5. A read that starts after a commit was answered sees it, in every process. A single [`Store::range`] sees
//!    one moment; two reads may see two.
//! 6. An engine whose disk failed it once writes no more until it is opened anew: after a failed fsync nobody
//!    knows what is on the disk, and trying again would hide it.
//! 7. A store may make its caller wait for other writers, but not without a bound: then it is
//!    [`StoreError::Busy`].
//!
//! There is no way to watch a store for changes, as nothing needs it yet. A future may block its thread while
//! the disk works; a runtime that minds runs the service where that is allowed.

mod lock;
mod sqlite;

use std::error::Error;
use std::fmt;

use keyfold_protocol::BoxFuture;

pub(crate) use lock::{HomeLock, UseLock, private_file};
pub use sqlite::SqliteStore;
pub(crate) use sqlite::{LOCK_FILE, STORE_FILE};

/// Name of the file of [`UseLock`] in a home.
pub(crate) const USE_FILE: &str = "in-use";

/// Longest row key, in bytes.
pub const KEY_LEN_MAX: usize = 512;
/// Longest value, in bytes. A quarter of what etcd takes in a request.
pub const VALUE_LEN_MAX: usize = 256 * 1024;
/// Most conditions, and most writes, in a transaction (etcd: `--max-txn-ops`, 128).
pub const TRANSACTION_LEN_MAX: usize = 128;

/// Where records are kept. The [module](self) has the contract.
pub trait Store: Send + Sync + fmt::Debug {
    /// The record at `key`, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Engine`] if it can't be read.
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>>;

    /// The first `limit` records whose keys start with `prefix` and come after `after` (a whole key), by key.
    ///
    /// # Errors
    /// [`StoreError::Engine`] if they can't be read.
    fn range<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Writes all of `transaction` if all of its conditions hold, else nothing.
    ///
    /// # Errors
    /// [`StoreError::OutOfBounds`] if a key, a value or the transaction is beyond its limit;
    /// [`StoreError::Busy`], [`StoreError::Failed`] and [`StoreError::Engine`] as the contract says.
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Outcome, StoreError>>;
}

/// A number that tells one state of a record from all others that it ever had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A record as it is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it is.
    pub key: Vec<u8>,
    /// The commit that wrote it.
    pub revision: Revision,
    /// What it is.
    pub value: Vec<u8>,
}

/// Conditions and the writes that depend on them. Each key is in `writes` once at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What must hold.
    pub conditions: Vec<Condition>,
    /// What then happens.
    pub writes: Vec<Write>,
}

/// What must hold for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The record.
    pub key: Vec<u8>,
    /// The revision it must have; `None`: it must not be there.
    pub revision: Option<Revision>,
}

/// A change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Make it, or replace it.
    Put {
        /// The record.
        key: Vec<u8>,
        /// Its new value.
        value: Vec<u8>,
    },
    /// Remove it, if it is there.
    Delete {
        /// The record.
        key: Vec<u8>,
    },
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done and durable; its records have this revision.
    Committed(Revision),
    /// A condition did not hold; nothing was done.
    Conflict,
}

/// Why a store did not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the store, and has for longer than is reasonable.
    #[error("another process holds the key store, and did not let go of it within {waited_ms} ms")]
    Busy {
        /// How long was waited.
        waited_ms: u64,
    },
    /// A key, a value or a transaction beyond the limits of the contract.
    #[error("a record or a transaction is beyond the limits of the store")]
    OutOfBounds,
    /// The store was written by a newer version of this program.
    #[error("the key store has schema version {found}; this version of Keyfold knows up to {known}")]
    SchemaTooNew {
        /// The version it has.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("the file is not a Keyfold key store")]
    NotAStore,
    /// The SQLite that this program is linked with has a known way to lose commits.
    #[error("SQLite {found} is too old: 3.51.3 or later is needed")]
    EngineTooOld {
        /// The version, as `sqlite3_libversion_number` has it.
        found: i32,
    },
    /// The engine did not take a setting that durability depends on.
    #[error("the database engine did not take the setting {setting}")]
    SettingRefused {
        /// The setting.
        setting: &'static str,
    },
    /// The disk failed this store before; it writes no more until it is opened anew.
    #[error("the key store failed to write earlier and takes no more writes until it is opened again")]
    Failed,
    /// The file system failed.
    #[error("the file system failed the key store")]
    Io(#[from] std::io::Error),
    /// The engine failed.
    #[error("the database engine failed")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
}

/// Checks the limits of the contract, before anything is written.
fn check_bounds(transaction: &Transaction) -> Result<(), StoreError> {
    let keys = transaction.conditions.iter().map(|condition| &condition.key);
    let keys = keys.chain(transaction.writes.iter().map(|write| match write {
        Write::Put { key, .. } | Write::Delete { key } => key,
    }));
    let keys_fit = { keys }.all(|key| {
        (1..=KEY_LEN_MAX).contains(&key.len()) && key.iter().all(|byte| (0x21..=0x7e).contains(byte))
    });
    let values_fit = transaction.writes.iter().all(|write| match write {
        Write::Put { value, .. } => value.len() <= VALUE_LEN_MAX,
        Write::Delete { .. } => true,
    });
    let len = transaction.conditions.len().max(transaction.writes.len());
    if keys_fit && values_fit && len <= TRANSACTION_LEN_MAX { Ok(()) } else { Err(StoreError::OutOfBounds) }
}
