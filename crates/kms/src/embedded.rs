//! A key service on a directory of this machine, for one user, without a server.
//!
//! ```text
//! home/
//!   lock        advisory lock: creation, migration and writes of several processes take turns
//!   lock.turn   who waits for the lock holds this one
//!   in-use      advisory lock: processes that have the home open share it, a server has it alone
//!   root.key    root of trust: a key file (mode 0600)              one of the two
//!   root.json   root of trust: a passphrase's salt and cost        (mode 0600)
//!   store.db    the store, sealed; SQLite's -wal and -shm beside it while processes use it, and after a kill
//!   complete    empty: creation got to its end
//! ```
//!
//! Creation, all under the lock, each step durable before the next:
//!
//! 1. the directory (mode 0700) and its entry in its parent
//! 2. the root of trust, by writing a temporary file and renaming it
//! 3. the store file with its schema
//! 4. domain key and home record, in one commit
//! 5. `complete`
//!
//! A process killed after any step leaves a home that the next one completes: a root of trust that exists is used,
//! never replaced, and step 4 happens only in a store without a domain key. The root comes first, so a store without
//! one means that it was lost; and a home that is complete has a domain key, so one without means that the store was
//! lost. Then everything is refused and nothing is touched.
//!
//! Restoring the root from recovery shares, also under the lock: the shares open a record of the store; a root that is
//! there is renamed to `….old`; the new one is written; the domain key is sealed under it, in one commit, also where
//! its record was lost, since the shares are the domain key. Until then the old root opens the store, if it ever did,
//! and whatever happens the shares do.
//!
//! Where the home is, and asking for a passphrase, is the caller's business.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfold_crypto::SecretBytes;
use keyfold_protocol::operations::{Request, Response};
use keyfold_protocol::{AccountId, BoxFuture, InvalidIdentifier, Kms, KmsError};

use crate::call::{Clock, Scope};
use crate::error::{RecordError, ServiceError};
use crate::root::barrier::{Barrier, Place};
use crate::root::shares::{Share, ShareError};
use crate::root::{FileRoot, PassphraseRoot, Root, RootError};
use crate::service::{DefaultKey, Service};
use crate::store::{
    HomeLock, LOCK_FILE, STORE_FILE, SqliteStore, Store, StoreError, USE_FILE, UseLock, private_file,
};

/// A key service on a directory.
#[derive(Debug)]
pub struct Embedded {
    service: Arc<Service>,
    /// Let go of when the service is.
    _in_use: UseLock,
}

/// The root of trust to open a home with, or to make a new one with.
#[derive(Debug)]
pub enum RootOfTrust {
    /// The file `root.key` in the home.
    KeyFile,
    /// This passphrase.
    Passphrase(SecretBytes),
}

/// Which root of trust a home has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// The file `root.key`.
    KeyFile,
    /// A passphrase, which the user has to give.
    Passphrase,
}

/// Why a home can't be opened. A store that was there is as it was; what a failed creation left is completed by the
/// next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no key store.
    #[error("there is no key store in {}", home.display())]
    NoStore {
        /// Where.
        home: PathBuf,
    },
    /// A server has the home for itself, or, to a server, others use it.
    #[error("the key store in {} is in use by another process", home.display())]
    InUse {
        /// Where.
        home: PathBuf,
    },
    /// There is a store, but not what opens it.
    #[error(
        "the key store in {} has lost its root of trust (root.key or root.json); restore it from a backup or \
         with recovery shares, without either no key can be recovered",
        home.display()
    )]
    RootMissing {
        /// Where.
        home: PathBuf,
    },
    /// The store is gone, or nothing is in it that was.
    #[error(
        "the key store in {} is damaged: its database store.db is missing or empty; restore all files of the \
         directory from a backup",
        home.display()
    )]
    StoreLost {
        /// Where.
        home: PathBuf,
    },
    /// The home needs a passphrase and none was given.
    #[error("the key store in {} is protected by a passphrase", home.display())]
    PassphraseNeeded {
        /// Where.
        home: PathBuf,
    },
    /// The home has a key file, and a passphrase was given.
    #[error("the key store in {} is opened by its key file root.key, not by a passphrase", home.display())]
    NoPassphraseExpected {
        /// Where.
        home: PathBuf,
    },
    /// The root of trust is not usable, or not the one of this store.
    #[error(transparent)]
    Root(RootError),
    /// There is a root of trust, and none was to be replaced.
    #[error("the key store in {} has a root of trust", home.display())]
    RootPresent {
        /// Where.
        home: PathBuf,
    },
    /// The recovery shares are not usable, or not of this store.
    #[error(transparent)]
    Shares(ShareError),
    /// The store is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record that every store has is not there or damaged.
    #[error(transparent)]
    Record(RecordError),
    /// The file system failed.
    #[error("can't use the directory {}", home.display())]
    Io {
        /// Where.
        home: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Embedded {
    /// Opens the key store in `home`.
    ///
    /// # Errors
    /// [`OpenError`], [`OpenError::NoStore`] if there is none.
    pub async fn open(home: &Path, root: &RootOfTrust, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        must_exist(home)?;
        Self::open_existing(home, root, clock, Use::Shared).await
    }

    /// Opens the key store in `home` for a server, which has it for itself: nobody else opens it until this is
    /// dropped.
    ///
    /// # Errors
    /// [`OpenError`], [`OpenError::InUse`] if others have it open, another server for instance.
    pub async fn open_alone(
        home: &Path,
        root: &RootOfTrust,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        must_exist(home)?;
        Self::open_existing(home, root, clock, Use::Alone).await
    }

    /// Opens the key store in `home`, or makes it with `root`. Safe against others who do the same, and against
    /// being killed at any point (see the module).
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_or_create(
        home: &Path,
        root: &RootOfTrust,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        create_directory(home).map_err(|source| OpenError::Io { home: home.into(), source })?;
        Self::open_existing(home, root, clock, Use::Shared).await
    }

    /// Gives the store in `home` a new root of trust, where the old one is lost: `shares` stand in for it. With
    /// `replace` a root that is there is kept under another name, which is returned; else it is refused.
    ///
    /// # Errors
    /// [`OpenError::Shares`] if the shares are not of this store, [`OpenError::RootPresent`], [`OpenError::InUse`] if
    /// any process has the home open: nothing has changed then. With any other error the root may have been renamed
    /// or replaced; the shares work as before.
    pub async fn restore_root(
        home: &Path,
        shares: &[Share],
        root: &RootOfTrust,
        replace: bool,
    ) -> Result<Vec<PathBuf>, OpenError> {
        must_exist(home)?;
        let failed = |source| OpenError::Io { home: home.into(), source };
        let in_use = UseLock::exclusive(&home.join(USE_FILE)).map_err(failed)?;
        let _in_use = in_use.ok_or_else(|| OpenError::InUse { home: home.into() })?;
        let lock = HomeLock::open(&home.join(LOCK_FILE))?;
        let _held = lock.acquire()?;
        if Self::root_kind(home)?.is_some() && !replace {
            return Err(OpenError::RootPresent { home: home.into() });
        }
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open_locked(home, lock.clone())?);
        let barrier = Barrier::recovered(store, shares)?;
        match barrier.get::<Scope>(&Place::home()).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(OpenError::StoreLost { home: home.into() }),
            Err(RecordError::Damaged) => return Err(OpenError::Shares(ShareError::WrongStore)),
            Err(error) => return Err(OpenError::Record(error)),
        }
        let kept = put_roots_aside(home).map_err(failed)?;
        let root = create_root(home, root)?;
        barrier.change_root(root.as_ref()).await?;
        Ok(kept)
    }

    /// Which root of trust `home` has; `None` if it has none, so it is new or damaged.
    ///
    /// # Errors
    /// [`OpenError::Io`] if that can't be told.
    pub fn root_kind(home: &Path) -> Result<Option<RootKind>, OpenError> {
        Ok(if exists(home, ROOT_JSON)? {
            Some(RootKind::Passphrase)
        } else if exists(home, ROOT_KEY)? {
            Some(RootKind::KeyFile)
        } else {
            None
        })
    }

    /// The service, which is its owner's to use.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The same, to be kept by others. They must not outlive this, which keeps the home from being used by more
    /// processes than may.
    #[must_use]
    pub fn shared_service(&self) -> Arc<Service> {
        Arc::clone(&self.service)
    }

    /// Makes sure that there is a key to use when none is named; see [`Service::ensure_default_key`].
    ///
    /// # Errors
    /// Those of CreateKey and CreateAlias.
    pub async fn ensure_default_key(&self) -> Result<DefaultKey, KmsError> {
        self.service.ensure_default_key().await
    }

    /// Opens a home whose directory is there, completing it if need be.
    async fn open_existing(
        home: &Path,
        root: &RootOfTrust,
        clock: Arc<dyn Clock>,
        how: Use,
    ) -> Result<Self, OpenError> {
        let path = home.join(USE_FILE);
        let in_use = match how {
            Use::Shared => UseLock::shared(&path),
            Use::Alone => UseLock::exclusive(&path),
        };
        let in_use = in_use
            .map_err(|source| OpenError::Io { home: home.into(), source })?
            .ok_or_else(|| OpenError::InUse { home: home.into() })?;
        let lock = HomeLock::open(&home.join(LOCK_FILE))?;
        let _held = lock.acquire()?;
        if exists(home, COMPLETE)? && !exists(home, STORE_FILE)? {
            return Err(OpenError::StoreLost { home: home.into() });
        }
        let root = load_or_create_root(home, root)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open_locked(home, lock.clone())?);
        let opened = Service::open(Arc::clone(&store), root.as_ref(), Arc::clone(&clock)).await;
        let service = match opened {
            Err(ServiceError::NotInitialised) => {
                if exists(home, COMPLETE)? {
                    return Err(OpenError::StoreLost { home: home.into() });
                }
                Service::initialise(Arc::clone(&store), root.as_ref(), &local_scope()?).await?;
                Service::open(store, root.as_ref(), clock).await?
            }
            opened => opened?,
        };
        mark_complete(home).map_err(|source| OpenError::Io { home: home.into(), source })?;
        Ok(Self { service: Arc::new(service), _in_use: in_use })
    }
}

impl Kms for Embedded {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        self.service.call(request)
    }
}

impl From<ServiceError> for OpenError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotInitialised => Self::Record(RecordError::Incomplete),
            ServiceError::Root(error) => Self::Root(error),
            ServiceError::Shares(error) => Self::Shares(error),
            ServiceError::Store(error) => Self::Store(error),
            ServiceError::Record(error) => Self::Record(error),
        }
    }
}

/// Whether others may have a home open, too.
#[derive(Debug, Clone, Copy)]
enum Use {
    Shared,
    Alone,
}

/// The root of trust of `home`. One is made only where there is neither one nor a store.
fn load_or_create_root(home: &Path, root: &RootOfTrust) -> Result<Box<dyn Root>, OpenError> {
    let (key_file, parameters) = (home.join(ROOT_KEY), home.join(ROOT_JSON));
    let here = || home.to_path_buf();
    let found = Embedded::root_kind(home)?;
    if found.is_none() && exists(home, STORE_FILE)? {
        return Err(OpenError::RootMissing { home: here() });
    }
    let opened: Result<Box<dyn Root>, RootError> = match (root, found) {
        (_, None) => return create_root(home, root),
        (RootOfTrust::KeyFile, Some(RootKind::KeyFile)) => FileRoot::load(&key_file).map(boxed),
        (RootOfTrust::Passphrase(text), Some(RootKind::Passphrase)) => {
            PassphraseRoot::load(&parameters, text).map(boxed)
        }
        (RootOfTrust::KeyFile, Some(RootKind::Passphrase)) => {
            return Err(OpenError::PassphraseNeeded { home: here() });
        }
        (RootOfTrust::Passphrase(_), Some(RootKind::KeyFile)) => {
            return Err(OpenError::NoPassphraseExpected { home: here() });
        }
    };
    opened.map_err(OpenError::Root)
}

/// Makes a root of trust where there is none.
fn create_root(home: &Path, root: &RootOfTrust) -> Result<Box<dyn Root>, OpenError> {
    let created = match root {
        RootOfTrust::KeyFile => FileRoot::create(&home.join(ROOT_KEY)).map(boxed),
        RootOfTrust::Passphrase(text) => PassphraseRoot::create(&home.join(ROOT_JSON), text).map(boxed),
    };
    created.map_err(OpenError::Root)
}

/// Renames the roots of trust that are there to `….old`, or `….old.2` and so on where such a one is: nothing is lost.
fn put_roots_aside(home: &Path) -> io::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for name in [ROOT_KEY, ROOT_JSON] {
        let root = home.join(name);
        if !root.try_exists()? {
            continue;
        }
        let mut old = home.join(format!("{name}.old"));
        let mut number = 2_u32;
        while old.try_exists()? {
            old = home.join(format!("{name}.old.{number}"));
            number += 1;
        }
        fs::rename(&root, &old)?;
        kept.push(old);
    }
    File::open(home)?.sync_all()?;
    Ok(kept)
}

fn boxed<R: Root + 'static>(root: R) -> Box<dyn Root> {
    Box::new(root)
}

/// Whether `name` is in `home`; not being allowed to look is no answer.
fn exists(home: &Path, name: &str) -> Result<bool, OpenError> {
    home.join(name).try_exists().map_err(|source| OpenError::Io { home: home.into(), source })
}

/// There is a store in `home`, if only half made.
fn must_exist(home: &Path) -> Result<(), OpenError> {
    if exists(home, STORE_FILE)? {
        Ok(())
    } else if exists(home, COMPLETE)? {
        Err(OpenError::StoreLost { home: home.into() })
    } else {
        Err(OpenError::NoStore { home: home.into() })
    }
}

/// From now on a home without a domain key is one that has lost it.
fn mark_complete(home: &Path) -> io::Result<()> {
    let path = home.join(COMPLETE);
    if path.try_exists()? {
        return Ok(());
    }
    private_file(&path)?;
    File::open(home)?.sync_all()
}

/// Makes the directory and makes its entry durable, parents as needed. A directory without a store may be one that
/// another process has only just made, so its entry is made durable here too.
fn create_directory(home: &Path) -> io::Result<()> {
    if home.join(STORE_FILE).exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(home)?;
    let parent = fs::canonicalize(home)?;
    parent.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// The account and Region of every embedded store.
fn local_scope() -> Result<Scope, OpenError> {
    let scope = || -> Result<Scope, InvalidIdentifier> {
        Ok(Scope { partition: "aws".parse()?, account: AccountId::from_number(0)?, region: "local".parse()? })
    };
    scope().map_err(|_| OpenError::Record(RecordError::Incomplete))
}

const COMPLETE: &str = "complete";
const ROOT_KEY: &str = "root.key";
const ROOT_JSON: &str = "root.json";
