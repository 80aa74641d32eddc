//! The header: parsed in one place, written in one place, trusted in one place ([`super::Decryptor`]).

use std::{num::NonZeroU32, ops::Deref};

use keyfold_crypto::aead::{IV_LEN, TAG_LEN};

use super::codec::{ReadError, Reader, write_field};
use crate::{
    DecryptError, EncryptionContext, LimitExceeded, Limits, Malformed, Suite, error::Part,
    materials::EncryptedDataKey,
};

/// The version of the message format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Version 1: suites without commitment.
    V1,
    /// Version 2: suites with commitment.
    V2,
}

impl Version {
    pub(super) fn of(suite: Suite) -> Self {
        if suite.is_committing() { Self::V2 } else { Self::V1 }
    }
}

/// A message's random id: 16 bytes in version 1, 32 in version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageId {
    /// Of a version 1 message.
    V1([u8; 16]),
    /// Of a version 2 message.
    V2([u8; 32]),
}

impl AsRef<[u8]> for MessageId {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::V1(id) => id,
            Self::V2(id) => id,
        }
    }
}

/// How many bytes of plaintext a frame holds: 1 to 2^32 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLength(NonZeroU32);

impl FrameLength {
    /// A frame length; `None` for zero.
    #[must_use]
    pub const fn new(len: u32) -> Option<Self> {
        match NonZeroU32::new(len) {
            Some(len) => Some(Self(len)),
            None => None,
        }
    }

    /// The length in bytes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Default for FrameLength {
    /// 4096, as in every official SDK.
    fn default() -> Self {
        Self(const { NonZeroU32::new(4096).unwrap() })
    }
}

/// How the body is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// In frames of this length; the last may be shorter.
    Framed(FrameLength),
    /// In one piece, which must be in memory at once to be read.
    NonFramed,
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) suite: Suite,
    pub(super) message_id: MessageId,
    pub(super) context: EncryptionContext,
    pub(super) encrypted_data_keys: Vec<EncryptedDataKey>,
    pub(super) content: Content,
    /// Version 2 only.
    pub(super) commitment: Option<[u8; 32]>,
    pub(super) iv: [u8; IV_LEN],
    pub(super) tag: [u8; TAG_LEN],
}

impl Header {
    /// The version of the message format.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::of(self.suite)
    }

    /// The algorithm suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The message id.
    #[must_use]
    pub fn message_id(&self) -> &MessageId {
        &self.message_id
    }

    /// The encryption context, as far as the message stores it.
    #[must_use]
    pub fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// The encrypted data keys.
    #[must_use]
    pub fn encrypted_data_keys(&self) -> &[EncryptedDataKey] {
        &self.encrypted_data_keys
    }

    /// How the body is cut.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// The commitment to the data key, in version 2.
    #[must_use]
    pub fn commitment(&self) -> Option<&[u8; 32]> {
        self.commitment.as_ref()
    }

    /// The IV and tag that authenticate the header. In version 2 the IV is zero and not on the wire.
    #[must_use]
    pub fn authentication(&self) -> (&[u8; IV_LEN], &[u8; TAG_LEN]) {
        (&self.iv, &self.tag)
    }

    /// The header's body on the wire: everything but IV and tag. `None` if something is too long for its
    /// length field.
    pub(super) fn serialize_body(&self) -> Option<Vec<u8>> {
        let mut out = match self.version() {
            Version::V1 => vec![1, TYPE_V1],
            Version::V2 => vec![2],
        };
        out.extend_from_slice(&self.suite.id().to_be_bytes());
        out.extend_from_slice(self.message_id.as_ref());
        write_field(&mut out, &self.context.serialize()?)?;
        out.extend_from_slice(&u16::try_from(self.encrypted_data_keys.len()).ok()?.to_be_bytes());
        for edk in &self.encrypted_data_keys {
            write_field(&mut out, edk.provider_id.as_bytes())?;
            write_field(&mut out, &edk.provider_info)?;
            write_field(&mut out, &edk.ciphertext)?;
        }
        let (content_type, frame_length) = match self.content {
            Content::NonFramed => (CONTENT_NON_FRAMED, 0),
            Content::Framed(len) => (CONTENT_FRAMED, len.get()),
        };
        out.push(content_type);
        if self.version() == Version::V1 {
            out.extend_from_slice(&[0, 0, 0, 0, IV_LEN_V1]);
        }
        out.extend_from_slice(&frame_length.to_be_bytes());
        if let Some(commitment) = &self.commitment {
            out.extend_from_slice(commitment);
        }
        Some(out)
    }

    /// IV and tag on the wire.
    pub(super) fn write_authentication(&self, out: &mut Vec<u8>) {
        if self.version() == Version::V1 {
            out.extend_from_slice(&self.iv);
        }
        out.extend_from_slice(&self.tag);
    }
}

/// A header that parses, and of which nothing else is known: anyone may have written it.
#[derive(Debug, Clone)]
pub struct UnverifiedHeader {
    pub(super) header: Header,
    /// The whole header as it came, since authentication is over these bytes and not over a copy of their
    /// meaning.
    pub(super) bytes: Vec<u8>,
    /// How many of `bytes` come before IV and tag.
    pub(super) body_len: usize,
}

impl Deref for UnverifiedHeader {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}

/// The header of a message whose every byte has verified, the signature included.
///
/// Only [`Decryptor::finish`](super::Decryptor::finish) makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHeader(pub(super) Header);

impl Deref for VerifiedHeader {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.0
    }
}

/// Reads the header at the start of `message`, without any key. What it says is not authenticated.
///
/// # Errors
/// [`DecryptError::Malformed`], [`DecryptError::Truncated`], [`DecryptError::LimitExceeded`].
pub fn inspect(message: &[u8], limits: Limits) -> Result<UnverifiedHeader, DecryptError> {
    let mut reader = HeaderReader::new(limits);
    let mut rest = message;
    reader.push(&mut rest)?.ok_or(DecryptError::Truncated(Part::Header))
}

/// Collects bytes until they hold a header.
#[derive(Debug)]
pub struct HeaderReader {
    limits: Limits,
    bytes: Vec<u8>,
    /// The header is longer than this less one.
    needed: usize,
    failed: bool,
}

impl HeaderReader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, bytes: Vec::new(), needed: 1, failed: false }
    }

    /// Takes bytes from the front of `input`, never more than belong to the header, and returns the header
    /// once it is whole. `None` means that all of `input` was taken and more is needed.
    ///
    /// # Errors
    /// [`DecryptError::Malformed`], [`DecryptError::LimitExceeded`].
    pub fn push(&mut self, input: &mut &[u8]) -> Result<Option<UnverifiedHeader>, DecryptError> {
        if self.failed {
            return Err(DecryptError::FailedBefore);
        }
        self.try_push(input).inspect_err(|_| self.failed = true)
    }

    fn try_push(&mut self, input: &mut &[u8]) -> Result<Option<UnverifiedHeader>, DecryptError> {
        loop {
            let missing = self.needed - self.bytes.len();
            if input.len() < missing {
                self.bytes.extend_from_slice(input);
                *input = &[];
                return Ok(None);
            }
            // At least what is missing, and as much again as there is: so the tries to parse what is at hand are
            // few, and all of them together cost about as much as the last. What is too much goes back.
            let (taken, rest) = input.split_at(missing.max(self.bytes.len()).min(input.len()));
            self.bytes.extend_from_slice(taken);
            match parse_header(&self.bytes, self.limits) {
                Ok((.., needed)) | Err(ReadError::NeedMore(needed)) if needed > self.limits.header_len => {
                    return Err(LimitExceeded::HeaderLen { limit: self.limits.header_len }.into());
                }
                Ok((header, body_len, len)) => {
                    let surplus = self.bytes.len() - len;
                    *input = &input[taken.len() - surplus..];
                    self.bytes.truncate(len);
                    let bytes = std::mem::take(&mut self.bytes);
                    return Ok(Some(UnverifiedHeader { header, bytes, body_len }));
                }
                Err(ReadError::NeedMore(needed)) => (self.needed, *input) = (needed, rest),
                Err(ReadError::Malformed(malformed)) => return Err(malformed.into()),
                Err(ReadError::Limit(limit)) => return Err(limit.into()),
            }
        }
    }
}

/// The header at the front of `bytes`, how long it is up to IV and tag, and how long with them.
fn parse_header(bytes: &[u8], limits: Limits) -> Result<(Header, usize, usize), ReadError> {
    let mut reader = Reader::new(bytes);
    let version = match reader.u8()? {
        1 => Version::V1,
        2 => Version::V2,
        b'A' => return Err(Malformed::Base64.into()),
        other => return Err(Malformed::Version(other).into()),
    };
    if version == Version::V1 {
        match reader.u8()? {
            TYPE_V1 => {}
            other => return Err(Malformed::Type(other).into()),
        }
    }
    let suite_id = reader.u16()?;
    let suite = Suite::from_id(suite_id).filter(|suite| Version::of(*suite) == version);
    let suite = suite.ok_or(Malformed::Suite(suite_id))?;
    let message_id = match version {
        Version::V1 => MessageId::V1(reader.array()?),
        Version::V2 => MessageId::V2(reader.array()?),
    };
    let context = reader.field()?;
    let encrypted_data_keys = parse_edks(&mut reader, limits.encrypted_data_keys)?;
    let content_type = reader.u8()?;
    if version == Version::V1 && reader.array()? != [0, 0, 0, 0, IV_LEN_V1] {
        return Err(Malformed::FixedField.into());
    }
    let content = match (content_type, FrameLength::new(reader.u32()?)) {
        (CONTENT_NON_FRAMED, None) => Content::NonFramed,
        (CONTENT_FRAMED, Some(length)) => {
            let (len, limit) = (u64::from(length.get()), limits.frame_len);
            if len > limit {
                return Err(LimitExceeded::FrameLen { len, limit }.into());
            }
            Content::Framed(length)
        }
        _ => return Err(Malformed::Content.into()),
    };
    let (commitment, body_len, iv) = match version {
        Version::V1 => (None, reader.position(), reader.array()?),
        Version::V2 => (Some(reader.array()?), reader.position(), [0; IV_LEN]),
    };
    let tag = reader.array()?;
    // Last, since each try to parse comes by here and this is the one costly part.
    let context = parse_context(context)?;
    let header = Header { suite, message_id, context, encrypted_data_keys, content, commitment, iv, tag };
    Ok((header, body_len, reader.position()))
}

/// The pairs may be in any order: some writers did not sort them, and what is authenticated is the bytes.
fn parse_context(bytes: &[u8]) -> Result<EncryptionContext, ReadError> {
    let mut context = EncryptionContext::empty();
    if bytes.is_empty() {
        return Ok(context);
    }
    // These bytes are all there are: running out of them is an error, not a wish for more.
    let whole = |error| match error {
        ReadError::NeedMore(_) => ReadError::Malformed(Malformed::Context),
        other => other,
    };
    let mut reader = Reader::new(bytes);
    let count = reader.u16().map_err(whole)?;
    for _ in 0..count {
        let key = reader.text(Malformed::Context).map_err(whole)?;
        let value = reader.text(Malformed::Context).map_err(whole)?;
        if context.insert(key, value).is_some() {
            return Err(Malformed::Context.into());
        }
    }
    if count == 0 || reader.position() != bytes.len() {
        return Err(Malformed::Context.into());
    }
    Ok(context)
}

fn parse_edks(reader: &mut Reader<'_>, limit: u16) -> Result<Vec<EncryptedDataKey>, ReadError> {
    let count = reader.u16()?;
    if count == 0 {
        return Err(Malformed::EncryptedDataKeys.into());
    }
    if count > limit {
        return Err(LimitExceeded::EncryptedDataKeys { count, limit }.into());
    }
    // Nothing is copied before all of them are there, since each try to parse comes by here.
    let mut edk = || Ok((reader.text(Malformed::EncryptedDataKeys)?, reader.field()?, reader.field()?));
    let edks = (0..count).map(|_| edk()).collect::<Result<Vec<_>, ReadError>>()?;
    let owned = |(provider_id, provider_info, ciphertext): (&str, &[u8], &[u8])| EncryptedDataKey {
        provider_id: provider_id.to_owned(),
        provider_info: provider_info.to_vec(),
        ciphertext: ciphertext.to_vec(),
    };
    Ok(edks.into_iter().map(owned).collect())
}

const TYPE_V1: u8 = 0x80;
const IV_LEN_V1: u8 = 12;
const CONTENT_NON_FRAMED: u8 = 1;
const CONTENT_FRAMED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with as many encrypted data keys as the format can count.
    fn longest_list() -> Vec<u8> {
        let edk = EncryptedDataKey {
            provider_id: "p".to_owned(),
            provider_info: b"key".to_vec(),
            ciphertext: vec![7; 20],
        };
        let header = Header {
            suite: Suite::AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
            message_id: MessageId::V2([1; 32]),
            context: EncryptionContext::empty(),
            encrypted_data_keys: vec![edk; usize::from(u16::MAX)],
            content: Content::Framed(FrameLength::default()),
            commitment: Some([2; 32]),
            iv: [0; IV_LEN],
            tag: [3; TAG_LEN],
        };
        let mut bytes = header.serialize_body().unwrap();
        header.write_authentication(&mut bytes);
        bytes
    }

    /// If each field cost a new look at all fields before it, this would take an hour.
    #[test]
    fn the_longest_list_of_keys_reads_in_any_pieces_and_takes_nothing_of_the_body() {
        let limits =
            Limits { encrypted_data_keys: u16::MAX, header_len: 8 * 1024 * 1024, ..Limits::default() };
        let (bytes, body) = (longest_list(), [9; 100]);
        let message = [&bytes[..], &body].concat();
        for piece_len in [message.len(), 64 * 1024 + 1, 100_003] {
            let mut reader = HeaderReader::new(limits);
            let mut at = 0;
            let header = loop {
                let mut piece = &message[at..message.len().min(at + piece_len)];
                let found = reader.push(&mut piece).unwrap();
                at = message.len().min(at + piece_len) - piece.len();
                if let Some(header) = found {
                    break header;
                }
            };
            assert_eq!(at, bytes.len());
            assert_eq!(header.bytes, bytes);
            assert_eq!(header.encrypted_data_keys().len(), usize::from(u16::MAX));
        }
        let limits = Limits { header_len: bytes.len() - 1, ..limits };
        let refused = inspect(&message, limits);
        assert!(matches!(refused, Err(DecryptError::LimitExceeded(LimitExceeded::HeaderLen { .. }))));
    }
}
