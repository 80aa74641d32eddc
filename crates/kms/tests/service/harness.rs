//! A key service in a temporary home, with a clock that tests set.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyfold_crypto::SecretBytes;
use keyfold_kms::{Clock, Embedded, OpenError, RootOfTrust};
use keyfold_protocol::operations::{CreateKeyRequest, DecryptRequest, EncryptRequest, Operation};
use keyfold_protocol::{EncryptionContext, ErrorKind, KmsError, KmsExt as _, Timestamp};
use tempfile::TempDir;

/// Where [`TestClock`] starts: 2023-11-14.
pub(crate) const START_MS: i64 = 1_700_000_000_000;
/// What stands before a key id in the ARN of an embedded key.
pub(crate) const KEY_ARN_PREFIX: &str = "arn:aws:kms:local:000000000000:key/";
/// A well-formed key id without a key.
pub(crate) const NO_KEY: &str = "00000000-0000-4000-8000-000000000000";

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_epoch_ms(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Home {
    pub(crate) directory: TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) kms: Embedded,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
        let kms = open_with(directory.path(), &clock).unwrap();
        Self { directory, clock, kms }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The same home, closed and opened again.
    pub(crate) fn reopened(self) -> Self {
        let Self { directory, clock, kms } = self;
        drop(kms);
        let kms = open_with(directory.path(), &clock).unwrap();
        Self { directory, clock, kms }
    }

    pub(crate) fn days_later(&self, days: i64) {
        self.clock.0.fetch_add(days * 24 * 60 * 60 * 1000, Ordering::SeqCst);
    }

    pub(crate) fn minutes_later(&self, minutes: i64) {
        self.clock.0.fetch_add(minutes * 60 * 1000, Ordering::SeqCst);
    }

    pub(crate) fn send<O: Operation>(&self, request: O) -> Result<O::Output, KmsError> {
        pollster::block_on(self.kms.send(request))
    }

    /// The answer to a request that must succeed.
    pub(crate) fn ok<O: Operation>(&self, request: O) -> O::Output {
        self.send(request).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// A request that must fail, with this kind and text.
    pub(crate) fn fails<O: Operation>(&self, request: O, kind: ErrorKind, message: &str) {
        let Err(error) = self.send(request) else { panic!("{} succeeded", O::NAME) };
        assert_eq!((error.kind(), error.message()), (kind, Some(message)), "{}", O::NAME);
    }

    /// A request that must fail, without any text.
    pub(crate) fn fails_silently<O: Operation>(&self, request: O, kind: ErrorKind) {
        let Err(error) = self.send(request) else { panic!("{} succeeded", O::NAME) };
        assert_eq!((error.kind(), error.message()), (kind, None), "{}", O::NAME);
    }

    /// A new key's id.
    pub(crate) fn create_key(&self) -> String {
        self.ok(CreateKeyRequest::new()).key_metadata.key_id
    }

    pub(crate) fn encrypt(&self, key_id: &str, plaintext: &[u8]) -> Vec<u8> {
        self.ok(EncryptRequest::new(key_id, secret(plaintext))).ciphertext_blob
    }

    pub(crate) fn decrypt(&self, blob: &[u8]) -> Vec<u8> {
        self.ok(DecryptRequest::new(blob)).plaintext.expose().to_vec()
    }
}

pub(crate) fn open_with(home: &Path, clock: &Arc<TestClock>) -> Result<Embedded, OpenError> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    pollster::block_on(Embedded::open_or_create(home, &RootOfTrust::KeyFile, clock))
}

pub(crate) fn open(home: &Path) -> Result<Embedded, OpenError> {
    open_with(home, &Arc::new(TestClock(AtomicI64::new(START_MS))))
}

pub(crate) fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::copied_from(bytes)
}

pub(crate) fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    pairs.iter().copied().collect()
}

pub(crate) fn arn(key_id: &str) -> String {
    format!("{KEY_ARN_PREFIX}{key_id}")
}

/// AWS's text for one violated constraint.
pub(crate) fn violation(what: &str, constraint: &str) -> String {
    format!("1 validation error detected: {what} failed to satisfy constraint: {constraint}")
}
