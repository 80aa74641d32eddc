//! Lengths that a message declares and does not have: refused at once, without memory, without asking a key.

use std::time::{Duration, Instant};

use keyfold::{
    Client, DecryptError, EncryptionContext, FailedUnwrap, LimitExceeded, Malformed, Part, Suite,
    keyring::{GeneratedDataKey, Keyring, KeyringRequest, NamedError},
    materials::{DataKey, EncryptedDataKey},
};
use keyfold_protocol::BoxFuture;
use pollster::block_on;

/// A keyring that must not be asked.
struct Untouchable;

impl Keyring for Untouchable {
    fn name(&self) -> String {
        "untouchable".to_owned()
    }

    fn generate_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>> {
        panic!("asked for a data key")
    }

    fn encrypt_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
        _: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>> {
        panic!("asked to wrap")
    }

    fn decrypt_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
        _: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>> {
        panic!("asked to unwrap")
    }
}

fn refused(message: &[u8]) -> DecryptError {
    let start = Instant::now();
    let error = block_on(Client::new(Untouchable).decrypt(message, &EncryptionContext::empty())).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5), "{error} took {:?}", start.elapsed());
    error
}

/// A version 2 header up to its context.
fn start() -> Vec<u8> {
    let suite = Suite::AES_256_GCM_HKDF_SHA512_COMMIT_KEY;
    [&[2][..], &suite.id().to_be_bytes(), &[0; 32]].concat()
}

/// What ends a version 2 header, with this frame length.
fn end(frame_length: u32) -> Vec<u8> {
    [&[2][..], &frame_length.to_be_bytes(), &[0; 32 + 16]].concat()
}

const ONE_EDK: [u8; 2 + 7] = [0, 1, 0, 1, b'p', 0, 0, 0, 0];

#[test]
fn frame_of_4_gib() {
    let message = [start(), vec![0, 0], ONE_EDK.to_vec(), end(u32::MAX)].concat();
    let error = refused(&message);
    let expected = LimitExceeded::FrameLen { len: u64::from(u32::MAX), limit: 64 * 1024 * 1024 };
    assert!(matches!(error, DecryptError::LimitExceeded(found) if found == expected), "{error}");
}

#[test]
fn encrypted_data_keys() {
    // Declared only, and really there.
    let declared = [start(), vec![0, 0], vec![0xff, 0xff]].concat();
    let there = [start(), vec![0, 0], vec![0xff, 0xff], ONE_EDK[2..].repeat(65_535), end(4096)].concat();
    for message in [declared, there] {
        let error = refused(&message);
        let expected = LimitExceeded::EncryptedDataKeys { count: 65_535, limit: 64 };
        assert!(matches!(error, DecryptError::LimitExceeded(found) if found == expected), "{error}");
    }
}

#[test]
fn header() {
    // 64 encrypted data keys of three times 65,535 bytes would be 12 MiB.
    let field = [&[0xff, 0xff][..], &[b'x'; 65_535]].concat();
    let message = [start(), vec![0, 0], vec![0, 64], field.repeat(3 * 64), end(4096)].concat();
    let error = refused(&message);
    assert!(matches!(error, DecryptError::LimitExceeded(LimitExceeded::HeaderLen { .. })), "{error}");
}

#[test]
fn context() {
    let declared = [start(), vec![0xff, 0xff]].concat();
    assert!(matches!(refused(&declared), DecryptError::Truncated(Part::Header)));
    // 65,535 bytes that say they are 65,535 pairs; empty strings would be the same key twice.
    let pairs = [&[0xff, 0xff][..], &[0; 65_533]].concat();
    let message = [start(), vec![0xff, 0xff], pairs, ONE_EDK.to_vec(), end(4096)].concat();
    assert!(matches!(refused(&message), DecryptError::Malformed(Malformed::Context)));
}

/// The lengths of the body, which come after the header has verified: fed with nothing behind them.
#[test]
fn body() {
    let client = Client::new(keyfold_testkit::StaticKeyring::new(&[0; 32]))
        .suite(Suite::AES_256_GCM_HKDF_SHA512_COMMIT_KEY);
    let message = block_on(client.clone().non_framed().encrypt(b"x", &EncryptionContext::empty())).unwrap();
    let header_len = message.len() - 36 - 1;
    let with_len = |len: u64| {
        let mut message = message.clone();
        message[header_len + 12..header_len + 20].copy_from_slice(&len.to_be_bytes());
        block_on(client.decrypt(&message, &EncryptionContext::empty())).unwrap_err()
    };
    assert!(matches!(with_len(u64::MAX), DecryptError::Malformed(Malformed::Content)));
    assert!(matches!(with_len(1 << 35), DecryptError::LimitExceeded(LimitExceeded::FrameLen { .. })));
    assert!(matches!(with_len(1 << 20), DecryptError::Truncated(Part::Body)));

    let message = block_on(client.encrypt(b"x", &EncryptionContext::empty())).unwrap();
    let mut message = message[..message.len() - 17].to_vec();
    let at = message.len() - 4;
    message[at..].copy_from_slice(&u32::MAX.to_be_bytes());
    let error = block_on(client.decrypt(&message, &EncryptionContext::empty())).unwrap_err();
    assert!(matches!(error, DecryptError::Malformed(Malformed::FinalFrame)), "{error}");
}

/// Where somebody accepts all that the format allows, the longest list of keys takes no longer than it must.
#[test]
fn all_encrypted_data_keys_accepted() {
    let begin = Instant::now();
    let message = [start(), vec![0, 0], vec![0xff, 0xff], ONE_EDK[2..].repeat(65_535), end(4096)].concat();
    let mut limits = keyfold::Limits::default();
    limits.encrypted_data_keys = u16::MAX;
    let header = keyfold::message::inspect(&[&message[..], b"body"].concat(), limits).unwrap();
    assert_eq!(header.encrypted_data_keys().len(), 65_535);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// A header that comes one byte at a time costs no more than its length times its fields.
#[test]
fn one_byte_at_a_time() {
    let begin = Instant::now();
    let field = [&[0x40, 0x00][..], &[b'x'; 0x4000]].concat();
    let message = [start(), vec![0, 0], vec![0, 20], field.repeat(3 * 20), end(4096)].concat();
    let mut reader = Client::new(Untouchable).header_reader();
    let whole = message.iter().find_map(|byte| reader.push(&mut &[*byte][..]).unwrap());
    assert_eq!(whole.unwrap().encrypted_data_keys().len(), 20);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
