//! The key store on this machine, opened when something needs it and no earlier.
//!
//! Where it is and how its passphrase is found is decided here; what it does is `keyfold-kms`. Only
//! [`KeyStore::open_or_create`] makes a store.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfold::keyring::DiscoveryFilter;
use keyfold_crypto::SecretBytes;
use keyfold_kms::root::RootError;
use keyfold_kms::{DefaultKey, Embedded, OpenError, RootKind, RootOfTrust, Service, SystemClock};
use keyfold_protocol::{Kms, KmsError};
use pollster::block_on;
use zeroize::Zeroizing;

use crate::args::GlobalArgs;
use crate::console::shown;
use crate::env;
use crate::failure::{Code, Failure, with_causes};

/// Where the store is and how to open it. Nothing has been looked at yet.
#[derive(Debug)]
pub(crate) struct KeyStore {
    home: Option<PathBuf>,
    passphrase_file: Option<PathBuf>,
}

impl KeyStore {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        Self {
            home: global.home.clone().or_else(env::default_home),
            passphrase_file: global.passphrase_file.clone().or_else(env::passphrase_file),
        }
    }

    /// The store in `home`.
    pub(crate) fn at(home: &Path, global: &GlobalArgs) -> Self {
        Self { home: Some(home.to_owned()), ..Self::new(global) }
    }

    /// Its directory.
    pub(crate) fn home(&self) -> Result<&Path, Failure> {
        self.home.as_deref().ok_or_else(|| {
            Failure::usage("there is no home directory to keep keys in")
                .hint("name a directory with --home DIR")
        })
    }

    /// Whether there is one, if only half made.
    pub(crate) fn exists(&self) -> Result<bool, Failure> {
        Ok(root_kind(self.home()?)?.is_some())
    }

    /// Opens the store that is there.
    pub(crate) fn open(&self) -> Result<OpenStore, Failure> {
        let (home, root) = (self.home()?, self.root()?);
        let opened = block_on(Embedded::open(home, &root, Arc::new(SystemClock)));
        opened.map(OpenStore::new).map_err(|error| open_failure(&error))
    }

    /// Opens the store that is there for a server: nobody else can open it meanwhile.
    pub(crate) fn open_alone(&self) -> Result<OpenStore, Failure> {
        let (home, root) = (self.home()?, self.root()?);
        let opened = block_on(Embedded::open_alone(home, &root, Arc::new(SystemClock)));
        opened.map(OpenStore::new).map_err(|error| open_failure(&error))
    }

    /// What opens the store that is there.
    fn root(&self) -> Result<RootOfTrust, Failure> {
        let home = self.home()?;
        match root_kind(home)? {
            Some(RootKind::Passphrase) => Ok(RootOfTrust::Passphrase(self.passphrase(false)?)),
            // Who names a passphrase expects one: a store that opens without it is not the one he means.
            Some(RootKind::KeyFile) if self.passphrase_file.is_some() => {
                Err(open_failure(&OpenError::NoPassphraseExpected { home: home.to_owned() }))
            }
            Some(RootKind::KeyFile) | None => Ok(RootOfTrust::KeyFile),
        }
    }

    /// Opens the store, or makes one: with a passphrase if `wants_passphrase`, or one is there in a file, and else
    /// with a key file beside it.
    pub(crate) fn open_or_create(&self, wants_passphrase: bool) -> Result<OpenStore, Failure> {
        let home = self.home()?;
        let root = match root_kind(home)? {
            Some(RootKind::Passphrase) => RootOfTrust::Passphrase(self.passphrase(false)?),
            Some(RootKind::KeyFile) if wants_passphrase || self.passphrase_file.is_some() => {
                return Err(open_failure(&OpenError::NoPassphraseExpected { home: home.to_owned() }));
            }
            Some(RootKind::KeyFile) => RootOfTrust::KeyFile,
            None => self.new_root(wants_passphrase)?,
        };
        let opened = block_on(Embedded::open_or_create(home, &root, Arc::new(SystemClock)));
        opened.map(OpenStore::new).map_err(|error| open_failure(&error))
    }

    /// What a store is to be opened with from now on: a passphrase if `wants_passphrase`, or one is there in a file, and
    /// else a key file.
    pub(crate) fn new_root(&self, wants_passphrase: bool) -> Result<RootOfTrust, Failure> {
        Ok(if wants_passphrase || self.passphrase_file.is_some() {
            RootOfTrust::Passphrase(self.passphrase(true)?)
        } else {
            RootOfTrust::KeyFile
        })
    }

    /// The passphrase: from the file, else from the user, twice if it is new.
    fn passphrase(&self, is_new: bool) -> Result<SecretBytes, Failure> {
        let passphrase = match &self.passphrase_file {
            Some(path) => first_line(path)?,
            None => ask(is_new)?,
        };
        if passphrase.is_empty() {
            return Err(Failure::usage("the passphrase is empty"));
        }
        Ok(SecretBytes::copied_from(passphrase.as_bytes()))
    }
}

/// A store that is open.
#[derive(Debug, Clone)]
pub(crate) struct OpenStore(Arc<Embedded>);

impl OpenStore {
    fn new(service: Embedded) -> Self {
        Self(Arc::new(service))
    }

    /// The key service in it.
    pub(crate) fn kms(&self) -> Arc<dyn Kms> {
        Arc::clone(&self.0) as Arc<dyn Kms>
    }

    /// The same, for administration.
    pub(crate) fn service(&self) -> &Service {
        self.0.service()
    }

    /// The same, for a server. It must not outlive this.
    pub(crate) fn shared_service(&self) -> Arc<Service> {
        self.0.shared_service()
    }

    /// The key `alias/default`, made if it is not there.
    pub(crate) fn ensure_default_key(&self) -> Result<DefaultKey, KmsError> {
        block_on(self.0.ensure_default_key())
    }
}

/// Whose keys are in the store on a machine: the same for every store.
pub(crate) fn local_keys() -> DiscoveryFilter {
    DiscoveryFilter {
        partition: "aws".to_owned(),
        region: "local".to_owned(),
        accounts: vec!["000000000000".to_owned()],
    }
}

fn root_kind(home: &Path) -> Result<Option<RootKind>, Failure> {
    Embedded::root_kind(home).map_err(|error| open_failure(&error))
}

pub(crate) fn open_failure(error: &OpenError) -> Failure {
    let failure = Failure::new(Code::KeyService, with_causes(error));
    match error {
        OpenError::NoStore { .. } => Failure { code: Code::NoUsableKey, ..failure }
            .hint("--home DIR names another directory, keyfold init makes a key store"),
        OpenError::InUse { .. } => failure
            .hint("is keyfold serve running? It has the key store for itself: use its API, or end it first"),
        OpenError::RootMissing { .. } => failure.hint("with recovery shares: keyfold recovery restore"),
        OpenError::NoPassphraseExpected { .. } => failure.hint("leave the passphrase away"),
        OpenError::Root(RootError::WrongPassphrase) => {
            failure.hint(
                "of a passphrase file the first line counts, spaces included; with recovery shares, keyfold recovery \
                 restore --replace makes a new root of trust",
            )
        }
        OpenError::Root(RootError::Wrong) => {
            failure.hint("restore root.key, or root.json, and store.db from one and the same backup")
        }
        OpenError::Root(RootError::Malformed { .. }) => {
            failure.hint("restore it from a backup, or make a new one with keyfold recovery restore --replace")
        }
        _ => failure,
    }
}

/// The first line of a file, without its end.
fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let read = || -> io::Result<Zeroizing<String>> {
        // Room for all of it, so that growing leaves no copy behind.
        let mut line = Zeroizing::new(String::with_capacity(PASSPHRASE_LEN_MAX + 2));
        BufReader::new(File::open(path)?.take(PASSPHRASE_LEN_MAX as u64 + 2)).read_line(&mut line)?;
        let len = line.trim_end_matches(['\r', '\n']).len();
        if len > PASSPHRASE_LEN_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is too long"));
        }
        line.truncate(len);
        Ok(line)
    };
    read().map_err(|error| Failure::io(&format!("can't read the passphrase file {}", shown(path)), &error))
}

fn ask(is_new: bool) -> Result<Zeroizing<String>, Failure> {
    if !io::stderr().is_terminal() {
        return Err(Failure::new(
            Code::KeyService,
            "the key store needs a passphrase, and there is no terminal to ask on",
        )
        .hint("--passphrase-file FILE, or KEYFOLD_PASSPHRASE_FILE"));
    }
    let prompt = |text| {
        let answer = rpassword::prompt_password(text).map(Zeroizing::new);
        answer.map_err(|error| Failure::io("can't ask for the passphrase", &error))
    };
    let passphrase = prompt("Passphrase of the key store: ")?;
    if is_new && *prompt("The same again: ")? != *passphrase {
        return Err(Failure::usage("the two passphrases differ"));
    }
    Ok(passphrase)
}

const PASSPHRASE_LEN_MAX: usize = 4096;
