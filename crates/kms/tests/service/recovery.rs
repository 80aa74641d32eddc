//! The recovery copy: what shares open, and how a store gets a new root of trust.

use std::fs;
use std::sync::Arc;

use keyfold_kms::root::RootError;
use keyfold_kms::root::shares::{Share, ShareError};
use keyfold_kms::{Embedded, OpenError, RootOfTrust, ServiceError, SystemClock};
use pollster::block_on;

use crate::harness::{Home, open, secret};

fn shares(home: &Home) -> Vec<Share> {
    home.kms.service().recovery_shares().unwrap()
}

/// The same shares, typed in again: of the indices, in this order.
fn typed(shares: &[Share], indices: &[u8]) -> Vec<Share> {
    let find = |index: &u8| shares.iter().find(|share| share.index() == *index).unwrap();
    indices.iter().map(|index| Share::parse(&find(index).text().unwrap()).unwrap()).collect()
}

fn restore(
    home: &std::path::Path,
    shares: &[Share],
    root: &RootOfTrust,
    replace: bool,
) -> Result<Vec<std::path::PathBuf>, OpenError> {
    block_on(Embedded::restore_root(home, shares, root, replace))
}

/// A closed home with a ciphertext in hand, and all its files by name.
struct Closed {
    directory: tempfile::TempDir,
    blob: Vec<u8>,
    shares: Vec<Share>,
}

impl Closed {
    fn new() -> Self {
        let home = Home::new();
        let key = home.create_key();
        let (blob, shares) = (home.encrypt(&key, b"kept"), shares(&home));
        let Home { directory, kms, .. } = home;
        drop(kms);
        Self { directory, blob, shares }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn decrypts(&self, root: &RootOfTrust) {
        let kms = block_on(Embedded::open(self.directory.path(), root, Arc::new(SystemClock))).unwrap();
        let request = keyfold_protocol::operations::DecryptRequest::new(&*self.blob);
        let answer = block_on(keyfold_protocol::KmsExt::send(&kms, request)).unwrap();
        assert_eq!(answer.plaintext.expose(), b"kept");
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        // What SQLite keeps for readers changes when one comes.
        let lasting = entries.filter(|path| !path.to_string_lossy().ends_with("-shm"));
        let mut files: Vec<_> = lasting
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

#[test]
fn three_shares_prove_themselves_and_the_proof_is_remembered() {
    let home = Home::new();
    assert_eq!(block_on(home.kms.service().recovery_copy()).unwrap(), None);
    let (one, other) = (shares(&home), shares(&home));
    assert_ne!(one[0].set(), other[0].set());
    block_on(home.kms.service().prove_recovery(&typed(&one, &[5, 1, 3]))).unwrap();
    let noted = block_on(home.kms.service().recovery_copy()).unwrap().unwrap();
    assert_eq!((noted.set, noted.proven.epoch_ms()), (one[0].set(), crate::harness::START_MS));
    let home = home.reopened();
    block_on(home.kms.service().prove_recovery(&typed(&other, &[2, 3, 4]))).unwrap();
    assert_eq!(block_on(home.kms.service().recovery_copy()).unwrap().unwrap().set, other[0].set());
}

#[test]
fn shares_of_another_store_or_too_few_prove_nothing() {
    let (home, foreign) = (Home::new(), Home::new());
    let service = home.kms.service();
    let refused = |shares: &[Share]| match block_on(service.prove_recovery(shares)).unwrap_err() {
        ServiceError::Shares(error) => error,
        error => panic!("{error}"),
    };
    assert_eq!(refused(&typed(&shares(&foreign), &[1, 2, 3])), ShareError::WrongStore);
    assert_eq!(refused(&typed(&shares(&home), &[1, 2])), ShareError::TooFew { given: 2, needed: 3 });
    assert_eq!(block_on(service.recovery_copy()).unwrap(), None);
}

#[test]
fn a_lost_key_file_is_replaced() {
    let closed = Closed::new();
    fs::remove_file(closed.path("root.key")).unwrap();
    let lost = open(closed.directory.path()).unwrap_err();
    assert!(matches!(lost, OpenError::RootMissing { .. }), "{lost}");
    let kept =
        restore(closed.directory.path(), &typed(&closed.shares, &[4, 2, 1]), &RootOfTrust::KeyFile, false);
    assert!(kept.unwrap().is_empty());
    closed.decrypts(&RootOfTrust::KeyFile);
}

#[test]
fn a_forgotten_passphrase_is_replaced_by_another_or_by_a_key_file_and_the_shares_stay_good() {
    let closed = Closed::new();
    let path = closed.directory.path();
    let passphrase = |text: &str| RootOfTrust::Passphrase(secret(text.as_bytes()));
    let kept = restore(path, &typed(&closed.shares, &[1, 2, 3]), &passphrase("first"), true).unwrap();
    assert_eq!(kept, [closed.path("root.key.old")]);
    closed.decrypts(&passphrase("first"));
    let error = block_on(Embedded::open(path, &passphrase("forgotten"), Arc::new(SystemClock))).unwrap_err();
    assert!(matches!(error, OpenError::Root(RootError::WrongPassphrase)), "{error}");

    let kept = restore(path, &typed(&closed.shares, &[3, 4, 5]), &passphrase("second"), true).unwrap();
    assert_eq!(kept, [closed.path("root.json.old")]);
    closed.decrypts(&passphrase("second"));
    let kept = restore(path, &typed(&closed.shares, &[5, 1, 2]), &RootOfTrust::KeyFile, true).unwrap();
    assert_eq!(kept, [closed.path("root.json.old.2")]);
    closed.decrypts(&RootOfTrust::KeyFile);
    // What was put aside opens nothing any more.
    fs::rename(closed.path("root.key.old"), closed.path("root.key")).unwrap();
    let error = open(path).unwrap_err();
    assert!(matches!(error, OpenError::Root(RootError::Wrong)), "{error}");
}

#[test]
fn shares_bring_the_record_of_the_domain_key_back() {
    let closed = Closed::new();
    let path = closed.directory.path();
    let store = rusqlite::Connection::open(closed.path("store.db")).unwrap();
    let lost = store.execute("DELETE FROM record WHERE CAST(key AS TEXT) = 'domain/1'", []).unwrap();
    assert_eq!(lost, 1);
    drop(store);
    let error = open(path).unwrap_err();
    assert!(matches!(error, OpenError::StoreLost { .. }), "{error}");
    restore(path, &typed(&closed.shares, &[1, 3, 5]), &RootOfTrust::KeyFile, true).unwrap();
    closed.decrypts(&RootOfTrust::KeyFile);
}

#[test]
fn nothing_changes_when_shares_are_wrong_a_root_is_there_or_the_home_is_in_use() {
    let (closed, foreign) = (Closed::new(), Closed::new());
    let path = closed.directory.path();
    let before = closed.files();
    let good = || typed(&closed.shares, &[1, 2, 3]);
    let error = restore(path, &good(), &RootOfTrust::KeyFile, false).unwrap_err();
    assert!(matches!(error, OpenError::RootPresent { .. }), "{error}");
    let error = restore(path, &typed(&foreign.shares, &[1, 2, 3]), &RootOfTrust::KeyFile, true).unwrap_err();
    assert!(matches!(error, OpenError::Shares(ShareError::WrongStore)), "{error}");
    let error = restore(path, &typed(&closed.shares, &[1, 2]), &RootOfTrust::KeyFile, true).unwrap_err();
    assert!(matches!(error, OpenError::Shares(ShareError::TooFew { .. })), "{error}");
    assert_eq!(closed.files(), before);

    let held = open(path).unwrap();
    let error = restore(path, &good(), &RootOfTrust::KeyFile, true).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(held);
    closed.decrypts(&RootOfTrust::KeyFile);

    let empty = tempfile::tempdir().unwrap();
    let error = restore(empty.path(), &good(), &RootOfTrust::KeyFile, true).unwrap_err();
    assert!(matches!(error, OpenError::NoStore { .. }), "{error}");
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}
