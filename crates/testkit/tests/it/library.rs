//! The library's promises that are about more than the format: policies, contexts, limits, streams, errors.

use std::{
    io::{Read, Write},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};
use keyfold::{
    Client, CommitmentPolicy, DecryptError, EncryptError, EncryptionContext, FailedUnwrap, LimitExceeded,
    Limits, Part, Suite, blocking,
    keyring::{
        GeneratedDataKey, InvalidKeyName, KeyName, Keyring, KeyringRequest, MultiKeyring, NamedError,
        RawAesKeyring, RawEcdhKeyring, RawRsaKeyring,
    },
    materials::{DataKey, EncryptedDataKey},
    message::{FrameLength, inspect},
};
use keyfold_crypto::{
    ecdh::{Curve, PrivateKey},
    rsa::{RsaPadding, RsaPublicKey},
};
use keyfold_protocol::BoxFuture;
use pollster::block_on;
use proptest::prelude::*;

fn aes(name: &str, byte: u8) -> RawAesKeyring {
    RawAesKeyring::new(KeyName::new("acme", name).unwrap(), &[byte; 32]).unwrap()
}

fn client() -> Client {
    Client::new(aes("2026", 7))
}

fn context() -> EncryptionContext {
    EncryptionContext::from_iter([("tenant", "acme"), ("purpose", "test")])
}

#[test]
fn every_policy_with_every_suite() {
    for policy in CommitmentPolicy::ALL {
        let client = client().commitment_policy(policy);
        let default = block_on(client.encrypt(b"x", &context())).unwrap();
        let default = inspect(&default, Limits::default()).unwrap();
        assert_eq!(default.suite(), policy.default_suite());
        for suite in Suite::ALL {
            let encrypts = match policy {
                CommitmentPolicy::ForbidEncryptAllowDecrypt => !suite.is_committing(),
                _ => suite.is_committing(),
            };
            match block_on(client.clone().suite(suite).encrypt(b"x", &context())) {
                Ok(_) => assert!(encrypts, "{policy} wrote {suite}"),
                Err(EncryptError::SuiteRefused { .. }) => assert!(!encrypts, "{policy} refused {suite}"),
                Err(error) => panic!("{policy} {suite}: {error}"),
            }
            let writer = if suite.is_committing() {
                CommitmentPolicy::RequireEncryptAllowDecrypt
            } else {
                CommitmentPolicy::ForbidEncryptAllowDecrypt
            };
            let writer = client.clone().commitment_policy(writer).suite(suite);
            let message = block_on(writer.encrypt(b"x", &context())).unwrap();
            let decrypts = suite.is_committing() || policy != CommitmentPolicy::RequireEncryptRequireDecrypt;
            match block_on(client.decrypt(&message, &context())) {
                Ok(_) => assert!(decrypts, "{policy} read {suite}"),
                Err(DecryptError::SuiteRefused { .. }) => assert!(!decrypts, "{policy} refused {suite}"),
                Err(error) => panic!("{policy} {suite}: {error}"),
            }
        }
    }
}

#[test]
fn only_unsigned_refuses_signed_messages() {
    let signed = block_on(client().encrypt(b"x", &context())).unwrap();
    let unsigned = client().suite(Suite::AES_256_GCM_HKDF_SHA512_COMMIT_KEY);
    let unsigned = block_on(unsigned.encrypt(b"x", &context())).unwrap();
    let client = client().only_unsigned();
    assert_eq!(block_on(client.decrypt(&unsigned, &context())).unwrap().plaintext, b"x");
    let error = block_on(client.decrypt(&signed, &context())).unwrap_err();
    assert!(matches!(error, DecryptError::SignedRefused { .. }));
    // Right after the header, with a keyring that could not have unwrapped it.
    let header_only = &signed[..signed.len() - 140];
    let stranger = client.with_keyring(aes("2027", 8));
    let error = block_on(stranger.decrypt(header_only, &context())).unwrap_err();
    assert!(matches!(error, DecryptError::SignedRefused { .. }), "{error}");
}

#[test]
fn the_context_is_a_demand() {
    let message = block_on(client().encrypt(b"x", &context())).unwrap();
    let decrypt = |pairs: &[(&str, &str)]| {
        block_on(client().decrypt(&message, &pairs.iter().copied().collect::<EncryptionContext>()))
    };
    let all = decrypt(&[]).unwrap();
    assert_eq!(all.header.context().get("tenant"), Some("acme"));
    assert!(decrypt(&[("tenant", "acme")]).is_ok());
    let error = decrypt(&[("tenant", "other")]).unwrap_err();
    assert!(matches!(&error, DecryptError::ContextMismatch { key } if key == "tenant"), "{error}");
    let error = decrypt(&[("missing", "x")]).unwrap_err().to_string();
    assert!(error.contains("does not store these demanded encryption context keys: \"missing\""), "{error}");
}

#[test]
fn reserved_and_oversized_contexts_are_refused() {
    let refused = |key: &str, value: String| {
        block_on(client().encrypt(b"x", &EncryptionContext::from_iter([(key, value)]))).unwrap_err()
    };
    let error = refused("aws-crypto-public-key", "x".to_owned());
    assert!(matches!(error, EncryptError::ReservedContextKey { .. }), "{error}");
    assert!(matches!(refused("k", "x".repeat(65_536)), EncryptError::ContextTooLong));
    // It fits alone, but not with the public key of a signed message.
    assert!(matches!(refused("k", "x".repeat(65_500)), EncryptError::ContextTooLong));
}

#[test]
fn errors_name_the_keys() {
    let multi = MultiKeyring::new(Some(Arc::new(aes("2025", 5))), vec![Arc::new(aes("2026", 6))]);
    let message = block_on(client().with_keyring(multi).encrypt(b"x", &context())).unwrap();
    let error = |keyring: RawAesKeyring| {
        block_on(client().with_keyring(keyring).decrypt(&message, &context())).unwrap_err().to_string()
    };
    assert_eq!(error(aes("2027", 7)), "2 encrypted data keys, none of them mine: acme/2025, acme/2026");
    assert_eq!(
        error(aes("2026", 7)),
        "2 encrypted data keys, none of them usable: acme/2025, acme/2026; raw-aes acme/2026 on acme/2026: \
         it does not verify under this wrapping key and encryption context"
    );
    // Bytes that somebody else chose do not reach the terminal as they are.
    let rude = RawAesKeyring::new(KeyName::new("n\u{1b}[2J", "k\n").unwrap(), &[7; 32]).unwrap();
    let message = block_on(client().with_keyring(rude).encrypt(b"x", &context())).unwrap();
    let error = block_on(client().decrypt(&message, &context())).unwrap_err().to_string();
    assert!(error.contains("n\\u{1b}[2J/k\\n") && !error.contains('\u{1b}'), "{error}");
}

/// One key of two that fails does not keep the other from being tried.
#[test]
fn the_next_key_is_tried() {
    let multi = MultiKeyring::new(Some(Arc::new(aes("same", 5))), vec![Arc::new(aes("same", 6))]);
    let message = block_on(client().with_keyring(multi).encrypt(b"x", &context())).unwrap();
    for byte in [5, 6] {
        let reader = client().with_keyring(aes("same", byte));
        assert_eq!(block_on(reader.decrypt(&message, &context())).unwrap().plaintext, b"x");
    }
}

#[test]
fn keyrings_that_go_one_way_say_so() {
    let encrypt = |keyring: Arc<dyn Keyring>| {
        let keyring = MultiKeyring::new(Some(keyring), vec![]);
        block_on(client().with_keyring(keyring).encrypt(b"x", &context()))
    };
    let discovery = RawEcdhKeyring::discovery(PrivateKey::generate(Curve::P256).unwrap());
    let error = encrypt(Arc::new(discovery)).unwrap_err().to_string();
    assert_eq!(error, "raw-ecdh discovery P256: this keyring can only decrypt");
    let public = RsaPublicKey::from_pem(include_str!("../../keys/rsa-public.pem")).unwrap();
    let name = KeyName::new("acme", "rsa").unwrap();
    let public = || RawRsaKeyring::encrypting(name.clone(), RsaPadding::OaepSha256, public.clone());
    let message = encrypt(Arc::new(public())).unwrap();
    let error =
        block_on(client().with_keyring(public()).decrypt(&message, &context())).unwrap_err().to_string();
    assert!(error.ends_with("raw-rsa acme/rsa on acme/rsa: this keyring can only encrypt"), "{error}");
    let error = encrypt(Arc::new(MultiKeyring::new(None, vec![]))).unwrap_err().to_string();
    assert_eq!(error, "multi []: this keyring can only decrypt");
    assert_eq!(KeyName::new("aws-kms-mine", "x"), Err(InvalidKeyName::Reserved));
}

/// A keyring from outside that makes what no message can use.
struct Careless {
    data_key_len: usize,
    wraps: bool,
}

impl Keyring for Careless {
    fn name(&self) -> String {
        "careless".to_owned()
    }

    fn generate_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>> {
        let edk = EncryptedDataKey { provider_id: "p".to_owned(), provider_info: vec![], ciphertext: vec![] };
        let data_key = DataKey::random(self.data_key_len).unwrap();
        let encrypted_data_keys = if self.wraps { vec![edk] } else { vec![] };
        Box::pin(std::future::ready(Ok(GeneratedDataKey { data_key, encrypted_data_keys })))
    }

    fn encrypt_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
        _: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>> {
        Box::pin(std::future::ready(Ok(vec![])))
    }

    fn decrypt_data_key<'a>(
        &'a self,
        _: KeyringRequest<'a>,
        _: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>> {
        Box::pin(std::future::ready(Err(vec![])))
    }
}

#[test]
fn what_keyrings_return_is_checked() {
    let error = |keyring: Careless| {
        block_on(client().with_keyring(keyring).encrypt(b"x", &context())).unwrap_err().to_string()
    };
    let short = Careless { data_key_len: 16, wraps: true };
    assert_eq!(error(short), "careless: the data key has 16 bytes, the suite needs 32");
    let unwrapped = Careless { data_key_len: 32, wraps: false };
    assert_eq!(error(unwrapped), "careless: it wrapped the data key under no key");
}

#[test]
fn encrypted_data_keys_are_limited_when_writing_too() {
    let children = (0..4).map(|n| Arc::new(aes("x", n)) as Arc<dyn Keyring>).collect();
    let multi = MultiKeyring::new(Some(Arc::new(aes("x", 9))), children);
    let mut limits = Limits::default();
    limits.encrypted_data_keys = 4;
    let client = client().with_keyring(multi);
    let message = block_on(client.encrypt(b"x", &context())).unwrap();
    let expected = LimitExceeded::EncryptedDataKeys { count: 5, limit: 4 };
    let error = block_on(client.clone().limits(limits).encrypt(b"x", &context())).unwrap_err();
    assert!(matches!(error, EncryptError::LimitExceeded(found) if found == expected));
    let error = block_on(client.limits(limits).decrypt(&message, &context())).unwrap_err();
    assert!(matches!(error, DecryptError::LimitExceeded(found) if found == expected));
}

#[test]
fn body_and_frame_limits() {
    let client = client().frame_length(FrameLength::new(16).unwrap());
    let message = block_on(client.encrypt(&[1; 100], &context())).unwrap();
    for (body_len, fits) in [(100, true), (99, false), (95, false), (15, false)] {
        let mut limits = Limits::default();
        limits.body_len = body_len;
        match block_on(client.clone().limits(limits).decrypt(&message, &context())) {
            Ok(_) => assert!(fits, "{body_len}"),
            Err(DecryptError::LimitExceeded(LimitExceeded::BodyLen { .. })) => assert!(!fits, "{body_len}"),
            Err(error) => panic!("{body_len}: {error}"),
        }
    }
    let mut limits = Limits::default();
    limits.frame_len = 15;
    let error = block_on(client.limits(limits).decrypt(&message, &context())).unwrap_err();
    assert!(matches!(error, DecryptError::LimitExceeded(LimitExceeded::FrameLen { len: 16, limit: 15 })));
}

#[test]
fn std_adapters() {
    let client = blocking::Client::from(client().frame_length(FrameLength::new(100).unwrap()));
    let plaintext: Vec<u8> = (0..10_000_u32).map(|n| u8::try_from(n % 256).unwrap()).collect();
    let mut writer = client.encrypting_writer(Vec::new(), &context()).unwrap();
    for piece in plaintext.chunks(333) {
        writer.write_all(piece).unwrap();
    }
    writer.flush().unwrap();
    let (message, header) = writer.finish().unwrap();
    assert_eq!(*inspect(&message, Limits::default()).unwrap(), header);

    let mut reader = client.decrypting_reader(&message[..], &context()).unwrap();
    let mut out = Vec::new();
    reader.read_to_end(&mut out).unwrap();
    assert_eq!(out, plaintext);
    assert_eq!(*reader.finish().unwrap(), header);

    // `finish` looks for itself whether anything follows.
    let mut reader = client.decrypting_reader(&message[..], &context()).unwrap();
    reader.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(*reader.finish().unwrap(), header);
}

/// Who only reads and never asks for the proof still sees that a message is not whole.
#[test]
fn std_reader_ends_in_an_error() {
    let client = blocking::Client::from(client().frame_length(FrameLength::new(100).unwrap()));
    let message = client.encrypt(&vec![1; 1_000_000], &context()).unwrap();
    let mut changed = message.clone();
    changed[900_000] ^= 1;
    let cuts = [message.len() - 1, message.len() / 2, message.len() - 200].map(|len| message[..len].to_vec());
    for (bad, what) in cuts
        .into_iter()
        .map(|cut| (cut, "is truncated"))
        .chain([(changed, "is not authentic"), ([&message[..], b"more"].concat(), "bytes after its end")])
    {
        let mut reader = client.decrypting_reader(&bad[..], &context()).unwrap();
        let mut out = Vec::new();
        let error = reader.read_to_end(&mut out).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        // Nor does a second look give more.
        assert!(reader.read_to_end(&mut out).is_err());
        assert!(reader.finish().is_err());
        assert!(out.len() <= 1_000_000 && out.iter().all(|byte| *byte == 1));
    }
}

/// A writer that takes some bytes and then fails, once.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            self.0 = usize::MAX;
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let len = bytes.len().min(self.0);
        self.0 -= len;
        Ok(len)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A write that failed can't be tried again: the plaintext would be in the message twice.
#[test]
fn std_writer_fails_for_good() {
    let client = blocking::Client::from(client().frame_length(FrameLength::new(100).unwrap()));
    let mut writer = client.encrypting_writer(Full(500), &context()).unwrap();
    let failed = writer.write_all(&[1; 1000]).unwrap_err();
    assert_eq!(failed.kind(), std::io::ErrorKind::StorageFull);
    assert!(writer.write_all(&[1; 1000]).unwrap_err().to_string().contains("has failed already"));
    assert!(writer.flush().is_err());
    assert!(matches!(writer.finish(), Err(EncryptError::FailedBefore)));
}

/// Reads and writes that are pending every other time, and short.
struct Reluctant<T> {
    inner: T,
    ready: bool,
}

impl<T> Reluctant<T> {
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        self.ready = !self.ready;
        cx.waker().wake_by_ref();
        !self.ready
    }
}

impl AsyncRead for Reluctant<&[u8]> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.wait(cx) {
            return Poll::Pending;
        }
        let len = buffer.len().min(10);
        Poll::Ready(self.inner.read(&mut buffer[..len]))
    }
}

impl AsyncWrite for Reluctant<Vec<u8>> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.wait(cx) {
            return Poll::Pending;
        }
        Poll::Ready(self.inner.write(&bytes[..bytes.len().min(7)]))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn async_streams() {
    let plaintext = vec![3; 1000];
    let mut message = Reluctant { inner: Vec::new(), ready: false };
    let reader = Reluctant { inner: &plaintext[..], ready: false };
    block_on(client().encrypt_stream(reader, &mut message, &context())).unwrap();
    let mut out = Reluctant { inner: Vec::new(), ready: false };
    let reader = Reluctant { inner: &message.inner[..], ready: false };
    let header = block_on(client().decrypt_stream(reader, &mut out, &context())).unwrap();
    assert_eq!(out.inner, plaintext);
    assert_eq!(header.context().get("purpose"), Some("test"));
    let error = block_on(client().decrypt_stream(&message.inner[..9], Vec::new(), &context())).unwrap_err();
    assert!(matches!(error, DecryptError::Truncated(Part::Header)), "{error}");
}

proptest! {
    /// However plaintext and message are cut, the same bytes come back, and the message is as long as it says.
    #[test]
    fn any_cut_gives_the_same(
        plaintext in proptest::collection::vec(any::<u8>(), 0..500),
        frame_length in 1_u32..200,
        suite in 0_usize..11,
        cuts in proptest::collection::vec(1_usize..300, 1..10),
    ) {
        let suite = Suite::ALL[suite];
        let policy = if suite.is_committing() {
            CommitmentPolicy::RequireEncryptAllowDecrypt
        } else {
            CommitmentPolicy::ForbidEncryptAllowDecrypt
        };
        let client = client()
            .commitment_policy(policy)
            .suite(suite)
            .frame_length(FrameLength::new(frame_length).unwrap());
        let mut message = Vec::new();
        let mut encryptor = block_on(client.encryptor(&context(), &mut message)).unwrap();
        for piece in cut(&plaintext, &cuts) {
            encryptor.update(piece, &mut message).unwrap();
        }
        encryptor.finish(&mut message).unwrap();
        prop_assert_eq!(&block_on(client.decrypt(&message, &context())).unwrap().plaintext, &plaintext);

        let mut rest = &message[..];
        let header = client.header_reader().push(&mut rest).unwrap().unwrap();
        let mut decryptor = block_on(client.decryptor(header, &context())).unwrap();
        let mut out = Vec::new();
        for piece in cut(rest, &cuts) {
            decryptor.update(piece, &mut out).unwrap();
        }
        decryptor.finish().unwrap();
        prop_assert_eq!(out, plaintext);
    }
}

/// `bytes` in pieces of these lengths, over and over.
fn cut<'a>(mut bytes: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for len in lens.iter().cycle() {
        let (piece, rest) = bytes.split_at((*len).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces
}
