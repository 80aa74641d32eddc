//! The client: a keyring with the policies that go with it, and the ways to encrypt and decrypt.

use std::{future::poll_fn, io, pin::Pin, sync::Arc};

use futures_io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use crate::{
    CommitmentPolicy, DecryptError, EncryptError, EncryptionContext, Limits, Malformed, Part, Suite, context,
    keyring::Keyring,
    materials::{DecryptionRequest, DefaultManager, EncryptionRequest, MaterialsManager},
    message::{
        Content, Decryptor, Encryptor, FrameLength, Header, HeaderReader, UnverifiedHeader, VerifiedHeader,
    },
};

/// Encrypts and decrypts under one keyring, one commitment policy and one set of limits.
///
/// Cheap to clone, and to change with the methods that return another client. Nothing in it blocks, and it
/// needs no particular runtime.
#[derive(Clone)]
pub struct Client {
    manager: Arc<dyn MaterialsManager>,
    commitment_policy: CommitmentPolicy,
    suite: Option<Suite>,
    content: Content,
    limits: Limits,
    only_unsigned: bool,
}

/// A decrypted message.
pub struct Decrypted {
    /// The plaintext.
    pub plaintext: Vec<u8>,
    /// The header, with the encryption context.
    pub header: VerifiedHeader,
}

impl std::fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decrypted({} bytes, {:?})", self.plaintext.len(), self.header)
    }
}

impl Client {
    /// A client over `keyring` with the default settings: committing suites only, signed (suite 0578), frames
    /// of 4096 bytes, the default [`Limits`].
    pub fn new(keyring: impl Keyring + 'static) -> Self {
        Self::from_manager(DefaultManager::new(Arc::new(keyring)))
    }

    /// A client over a materials manager, with the default settings.
    pub fn from_manager(manager: impl MaterialsManager + 'static) -> Self {
        Self {
            manager: Arc::new(manager),
            commitment_policy: CommitmentPolicy::default(),
            suite: None,
            content: Content::Framed(FrameLength::default()),
            limits: Limits::default(),
            only_unsigned: false,
        }
    }

    /// The same settings over another keyring.
    #[must_use]
    pub fn with_keyring(&self, keyring: impl Keyring + 'static) -> Self {
        Self { manager: Arc::new(DefaultManager::new(Arc::new(keyring))), ..self.clone() }
    }

    /// With another commitment policy.
    #[must_use]
    pub fn commitment_policy(self, commitment_policy: CommitmentPolicy) -> Self {
        Self { commitment_policy, ..self }
    }

    /// Writes with this suite rather than the policy's default.
    #[must_use]
    pub fn suite(self, suite: Suite) -> Self {
        Self { suite: Some(suite), ..self }
    }

    /// Writes frames of this length.
    #[must_use]
    pub fn frame_length(self, frame_length: FrameLength) -> Self {
        Self { content: Content::Framed(frame_length), ..self }
    }

    /// Writes messages without frames, which must be in memory as a whole to be written and to be read. For
    /// readers that know nothing else.
    #[must_use]
    pub fn non_framed(self) -> Self {
        Self { content: Content::NonFramed, ..self }
    }

    /// With other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Refuses signed messages, right after their header. Then all plaintext of a stream is as good as it
    /// will get when it is released, but for the message being whole.
    #[must_use]
    pub fn only_unsigned(self) -> Self {
        Self { only_unsigned: true, ..self }
    }

    /// Encrypts `plaintext`, bound to `context`.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub async fn encrypt(
        &self,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, EncryptError> {
        let mut message = Vec::new();
        let mut encryptor = self.encryptor(context, &mut message).await?;
        encryptor.update(plaintext, &mut message)?;
        encryptor.finish(&mut message)?;
        Ok(message)
    }

    /// Decrypts `message`, demanding the pairs of `context`. Returns plaintext only if all of it verified.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub async fn decrypt(
        &self,
        message: &[u8],
        context: &EncryptionContext,
    ) -> Result<Decrypted, DecryptError> {
        let mut rest = message;
        let header = self.header_reader().push(&mut rest)?.ok_or(DecryptError::Truncated(Part::Header))?;
        let mut decryptor = self.decryptor(header, context).await?;
        let mut plaintext = Zeroizing::new(Vec::new());
        decryptor.update(rest, &mut plaintext)?;
        let header = decryptor.finish()?;
        Ok(Decrypted { plaintext: std::mem::take(&mut plaintext), header })
    }

    /// Encrypts what `reader` gives, bound to `context`, into `writer`, which is flushed but not closed.
    ///
    /// Memory does not depend on the length of the stream, but on the frame length. If it fails, what has been
    /// written is the beginning of a message.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub async fn encrypt_stream(
        &self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
        context: &EncryptionContext,
    ) -> Result<Header, EncryptError> {
        let mut out = Vec::new();
        let mut encryptor = self.encryptor(context, &mut out).await?;
        let mut buffer = Zeroizing::new(vec![0; STREAM_BUFFER_LEN]);
        loop {
            let len = read(&mut reader, &mut buffer).await?;
            if len == 0 {
                break;
            }
            encryptor.update(&buffer[..len], &mut out)?;
            write_all(&mut writer, &out).await?;
            out.clear();
        }
        let header = encryptor.finish(&mut out)?;
        write_all(&mut writer, &out).await?;
        poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await?;
        Ok(header)
    }

    /// Decrypts what `reader` gives into `writer`, demanding the pairs of `context`.
    ///
    /// Frames are written as they authenticate. **Until this returns `Ok`, what has been written is not known
    /// to be the whole message**, nor, of a signed one, to be signed: keep it where it can be thrown away.
    ///
    /// # Errors
    /// [`DecryptError`].
    pub async fn decrypt_stream(
        &self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
        context: &EncryptionContext,
    ) -> Result<VerifiedHeader, DecryptError> {
        let mut buffer = vec![0; STREAM_BUFFER_LEN];
        let mut header = self.header_reader();
        let (header, mut len, mut start) = loop {
            let len = read(&mut reader, &mut buffer).await?;
            if len == 0 {
                return Err(DecryptError::Truncated(Part::Header));
            }
            let mut rest = &buffer[..len];
            if let Some(header) = header.push(&mut rest)? {
                break (header, len, len - rest.len());
            }
        };
        let mut decryptor = self.decryptor(header, context).await?;
        let mut out = Zeroizing::new(Vec::new());
        while len > 0 {
            decryptor.update(&buffer[start..len], &mut out)?;
            write_all(&mut writer, &out).await?;
            out.clear();
            (start, len) = (0, read(&mut reader, &mut buffer).await?);
        }
        let header = decryptor.finish()?;
        poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await?;
        Ok(header)
    }

    /// Begins a message: obtains a data key and writes the header to `out`. The engine that comes back does
    /// no I/O and never waits.
    ///
    /// # Errors
    /// [`EncryptError`].
    pub async fn encryptor(
        &self,
        context: &EncryptionContext,
        out: &mut Vec<u8>,
    ) -> Result<Encryptor, EncryptError> {
        if let Some((key, _)) = context.iter().find(|(key, _)| key.starts_with(context::RESERVED_PREFIX)) {
            return Err(EncryptError::ReservedContextKey { key: key.to_owned() });
        }
        let policy = self.commitment_policy;
        let request = EncryptionRequest { context, suite: self.suite, commitment_policy: policy };
        if let Some(suite) = self.suite.filter(|suite| !policy.allows_encrypt(*suite)) {
            return Err(EncryptError::SuiteRefused { policy, suite });
        }
        let materials = self.manager.encryption_materials(request).await?;
        // Whatever the manager did, the policy holds.
        if !policy.allows_encrypt(materials.suite) {
            return Err(EncryptError::SuiteRefused { policy, suite: materials.suite });
        }
        Encryptor::new(materials, self.content, self.limits, out)
    }

    /// A reader of headers with this client's limits.
    #[must_use]
    pub fn header_reader(&self) -> HeaderReader {
        HeaderReader::new(self.limits)
    }

    /// Unwraps the data key of a message, demanding the pairs of `context`, and verifies its header. The
    /// engine that comes back does no I/O and never waits.
    ///
    /// # Errors
    /// [`DecryptError`]; the policies are checked before any keyring is asked.
    pub async fn decryptor(
        &self,
        header: UnverifiedHeader,
        context: &EncryptionContext,
    ) -> Result<Decryptor, DecryptError> {
        let (suite, policy) = (header.suite(), self.commitment_policy);
        if !policy.allows_decrypt(suite) {
            return Err(DecryptError::SuiteRefused { policy, suite });
        }
        if self.only_unsigned && suite.is_signing() {
            return Err(DecryptError::SignedRefused { suite });
        }
        // A signing suite has a public key in its context, and no other has one: else somebody could turn a signed
        // message into an unsigned one.
        if suite.is_signing() != header.context().get(context::PUBLIC_KEY).is_some() {
            return Err(Malformed::PublicKey.into());
        }
        let request = DecryptionRequest {
            suite,
            stored_context: header.context(),
            demanded_context: context,
            encrypted_data_keys: header.encrypted_data_keys(),
            commitment_policy: policy,
        };
        let materials = self.manager.decryption_materials(request).await?;
        // Whatever the manager did, the demand holds: a pair stands in the header, or its tag will vouch for it.
        for (key, value) in context.iter() {
            let found = header.context().get(key).or(materials.unstored_context.get(key));
            if found != Some(value) {
                return Err(DecryptError::ContextMismatch { key: key.to_owned() });
            }
        }
        Decryptor::new(header, &materials, self.limits)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("commitment_policy", &self.commitment_policy)
            .field("suite", &self.suite)
            .field("content", &self.content)
            .field("limits", &self.limits)
            .field("only_unsigned", &self.only_unsigned)
            .finish_non_exhaustive()
    }
}

/// How many bytes of a stream are read at a time.
pub(crate) const STREAM_BUFFER_LEN: usize = 256 * 1024;

async fn read(reader: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut *reader).poll_read(cx, buffer)).await
}

async fn write_all(writer: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| Pin::new(&mut *writer).poll_write(cx, bytes)).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}
