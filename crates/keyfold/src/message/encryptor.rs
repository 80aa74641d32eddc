//! Plaintext in, message out.

use keyfold_crypto::{CryptoError, aead::TAG_LEN, digest::Hasher, ecdsa::SigningKey, rand};
use zeroize::Zeroizing;

use super::{
    Content, Header, MessageId, Version,
    body::{BodyKey, Kind, NON_FRAMED_LEN_MAX, frame_length_usize},
    codec::write_field,
    keys::MessageKeys,
};
use crate::{EncryptError, KeyringError, LimitExceeded, Limits, context, materials::EncryptionMaterials};

/// Writes one message. Every method appends to the buffer that it is given.
///
/// What it keeps in memory is the plaintext of less than two frames, or of the whole body without frames.
/// After an error the message can't be finished, since plaintext would be missing from it; drop what was written.
pub struct Encryptor {
    header: Header,
    key: BodyKey,
    signer: Option<(Hasher, SigningKey)>,
    /// Plaintext that waits, since only what comes after tells whether its frame is the final one.
    pending: Zeroizing<Vec<u8>>,
    /// Sequence number of the next frame.
    next: u32,
    failed: bool,
}

impl Encryptor {
    /// Begins a message: writes the header.
    pub(crate) fn new(
        materials: EncryptionMaterials,
        content: Content,
        limits: Limits,
        out: &mut Vec<u8>,
    ) -> Result<Self, EncryptError> {
        let EncryptionMaterials { suite, mut context, unstored_context_keys, data_key, .. } = materials;
        let encrypted_data_keys = materials.encrypted_data_keys;
        let limit = limits.encrypted_data_keys;
        let count = u16::try_from(encrypted_data_keys.len()).unwrap_or(u16::MAX);
        if count == 0 {
            let keyring = "materials manager".to_owned();
            return Err(EncryptError::Keyring { keyring, error: KeyringError::NotWrapped });
        }
        if count > limit {
            return Err(LimitExceeded::EncryptedDataKeys { count, limit }.into());
        }
        let unstored =
            context::serialize(context.iter().filter(|(key, _)| unstored_context_keys.contains(*key)));
        let unstored = unstored.ok_or(EncryptError::ContextTooLong)?;
        for key in &unstored_context_keys {
            context.remove(key);
        }

        let message_id = match Version::of(suite) {
            Version::V1 => MessageId::V1(rand::array()?),
            Version::V2 => MessageId::V2(rand::array()?),
        };
        let keys = MessageKeys::derive(suite, &message_id, &data_key)?;
        let commitment = keys.commitment;
        let (iv, tag) = ([0; 12], [0; TAG_LEN]);
        let mut header =
            Header { suite, message_id, context, encrypted_data_keys, content, commitment, iv, tag };
        let start = out.len();
        let mut authenticated = header.serialize_body().ok_or(EncryptError::ContextTooLong)?;
        out.extend_from_slice(&authenticated);
        authenticated.extend_from_slice(&unstored);
        header.tag = keys.key.seal_in_place(iv, &authenticated, &mut [])?;
        header.write_authentication(out);

        let signer = match (suite.signature(), materials.signing_key) {
            (None, None) => None,
            (Some(algorithm), Some(key)) if key.algorithm() == algorithm => {
                Some((Hasher::new(algorithm.hash()), key))
            }
            _ => return Err(CryptoError::InvalidKey.into()),
        };
        let key = BodyKey::new(keys.key, &header);
        let mut encryptor =
            Self { header, key, signer, pending: Zeroizing::default(), next: 1, failed: false };
        encryptor.sign(&out[start..]);
        Ok(encryptor)
    }

    /// The header that was written.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Takes more plaintext, and writes the frames that are whole.
    ///
    /// # Errors
    /// [`EncryptError::BodyTooLong`], [`EncryptError::Crypto`]; [`EncryptError::FailedBefore`] after either.
    pub fn update(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), EncryptError> {
        if self.failed {
            return Err(EncryptError::FailedBefore);
        }
        self.try_update(plaintext, out).inspect_err(|_| self.failed = true)
    }

    fn try_update(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), EncryptError> {
        let Content::Framed(frame_length) = self.header.content else {
            let len = self.pending.len() as u64 + plaintext.len() as u64;
            if len > NON_FRAMED_LEN_MAX {
                return Err(EncryptError::BodyTooLong);
            }
            self.pending.extend_from_slice(plaintext);
            return Ok(());
        };
        let frame_len = frame_length_usize(frame_length);
        let mut rest = plaintext;
        if !self.pending.is_empty() {
            let missing = frame_len - self.pending.len();
            if rest.len() <= missing {
                self.pending.extend_from_slice(rest);
                return Ok(());
            }
            let (head, tail) = rest.split_at(missing);
            self.pending.extend_from_slice(head);
            rest = tail;
            let frame = std::mem::take(&mut self.pending);
            self.seal_regular(&frame, out)?;
            self.pending = frame;
            self.pending.clear();
        }
        // The last byte stays back, and its frame with it: it may be the final one.
        let whole = rest.len().saturating_sub(1) / frame_len * frame_len;
        let (frames, rest) = rest.split_at(whole);
        self.seal_regular(frames, out)?;
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Ends the message: writes the final frame, full where the plaintext allows, and the signature.
    ///
    /// # Errors
    /// [`EncryptError::Crypto`]; [`EncryptError::FailedBefore`] if an update has failed.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Header, EncryptError> {
        if self.failed {
            return Err(EncryptError::FailedBefore);
        }
        let kind = match self.header.content {
            Content::Framed(_) => Kind::Final,
            Content::NonFramed => Kind::SingleBlock,
        };
        let start = out.len();
        self.key.seal_last(kind, self.next, &self.pending, out)?;
        self.sign(&out[start..]);
        if let Some((hasher, key)) = self.signer {
            let signature = key.sign(&hasher.finish())?;
            write_field(out, &signature).ok_or(CryptoError::Backend)?;
        }
        Ok(self.header)
    }

    fn seal_regular(&mut self, frames: &[u8], out: &mut Vec<u8>) -> Result<(), EncryptError> {
        let Content::Framed(frame_length) = self.header.content else { return Ok(()) };
        let count = frames.len() / frame_length_usize(frame_length);
        // The final frame needs a number too; the greatest one, which marks it, is still free for it.
        let next = u32::try_from(count).ok().and_then(|count| self.next.checked_add(count));
        let next = next.ok_or(EncryptError::BodyTooLong)?;
        let start = out.len();
        self.key.seal_regular(self.next, frames, frame_length, out)?;
        self.next = next;
        self.sign(&out[start..]);
        Ok(())
    }

    fn sign(&mut self, written: &[u8]) {
        if let Some((hasher, _)) = &mut self.signer {
            hasher.update(written);
        }
    }
}

impl std::fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encryptor({}, next frame {})", self.header.suite, self.next)
    }
}
