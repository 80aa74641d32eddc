//! Sealing and opening frames: pure work on bytes, the same for every way of driving it.
//!
//! ```text
//! AAD   message id ‖ "AWSKMSEncryptionClient " ("Frame" │ "Final Frame" │ "Single Block")
//!       ‖ sequence(4) ‖ plaintext length(8)
//! IV    as it stands in the frame; written as the sequence number, in 12 bytes
//! ```
//! Source: specification, `data-format/message-body.md` and `message-body-aad.md`.

use keyfold_crypto::{
    CryptoError,
    aead::{GcmKey, IV_LEN, TAG_LEN},
};

use super::{FrameLength, Header, MessageId};
use crate::error::Part;

/// Sequence number in the place of which a final frame says that it is one.
pub(super) const FINAL_FRAME: u32 = u32::MAX;
/// What a regular frame has besides its ciphertext.
pub(super) const REGULAR_OVERHEAD: usize = 4 + IV_LEN + TAG_LEN;
/// The longest body without frames (SP 800-38D, section 5.2.1.1).
pub(super) const NON_FRAMED_LEN_MAX: u64 = (1 << 36) - 32;

/// What a piece of the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Final,
    SingleBlock,
}

impl Kind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Regular => b"AWSKMSEncryptionClient Frame",
            Self::Final => b"AWSKMSEncryptionClient Final Frame",
            Self::SingleBlock => b"AWSKMSEncryptionClient Single Block",
        }
    }

    /// How errors call this piece.
    pub(super) const fn part(self, sequence: u32) -> Part {
        match self {
            Self::Regular | Self::Final => Part::Frame(sequence),
            Self::SingleBlock => Part::Body,
        }
    }
}

/// The message key and what else every frame of a message shares.
pub(super) struct BodyKey {
    key: GcmKey,
    message_id: MessageId,
}

impl BodyKey {
    pub(super) fn new(key: GcmKey, header: &Header) -> Self {
        Self { key, message_id: *header.message_id() }
    }

    fn aad(&self, kind: Kind) -> Aad {
        let mut bytes = Vec::with_capacity(32 + 35 + 12);
        bytes.extend_from_slice(self.message_id.as_ref());
        bytes.extend_from_slice(kind.label());
        let prefix_len = bytes.len();
        Aad { bytes, prefix_len }
    }

    /// Seals regular frames: `plaintext` is a whole number of frames, `first` the number of the first.
    pub(super) fn seal_regular(
        &self,
        first: u32,
        plaintext: &[u8],
        frame_length: FrameLength,
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let frame_len = frame_length_usize(frame_length);
        out.reserve(plaintext.len() / frame_len * (frame_len + REGULAR_OVERHEAD));
        let mut aad = self.aad(Kind::Regular);
        for (frame, sequence) in plaintext.chunks_exact(frame_len).zip(first..) {
            out.extend_from_slice(&sequence.to_be_bytes());
            self.seal_into(aad.of(sequence, frame.len()), sequence, &[], frame, out)?;
        }
        Ok(())
    }

    /// Seals the final frame, or the body without frames.
    pub(super) fn seal_last(
        &self,
        kind: Kind,
        sequence: u32,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let mut aad = self.aad(kind);
        let aad = aad.of(sequence, plaintext.len());
        if kind == Kind::SingleBlock {
            return self.seal_into(aad, sequence, &(plaintext.len() as u64).to_be_bytes(), plaintext, out);
        }
        let len = u32::try_from(plaintext.len()).map_err(|_| CryptoError::InvalidLength)?;
        out.extend_from_slice(&FINAL_FRAME.to_be_bytes());
        out.extend_from_slice(&sequence.to_be_bytes());
        self.seal_into(aad, sequence, &len.to_be_bytes(), plaintext, out)
    }

    /// IV, `after_iv`, ciphertext, tag.
    fn seal_into(
        &self,
        aad: &[u8],
        sequence: u32,
        after_iv: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let mut iv = [0; IV_LEN];
        iv[IV_LEN - 4..].copy_from_slice(&sequence.to_be_bytes());
        out.extend_from_slice(&iv);
        out.extend_from_slice(after_iv);
        let start = out.len();
        out.resize(start + plaintext.len(), 0);
        let mut tag = [0; TAG_LEN];
        self.key.seal(iv, aad, plaintext, &mut out[start..], &mut tag)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens regular frames: `frames` is a whole number of frames, numbered from `first` on, appended to
    /// `out` as plaintext. If one is not authentic, the plaintext of those before it stays in `out`, the rest
    /// does not, and the number of the bad one is the error.
    pub(super) fn open_regular(
        &self,
        first: u32,
        frames: &[u8],
        frame_length: FrameLength,
        out: &mut Vec<u8>,
    ) -> Result<(), u32> {
        let wire_len = frame_length_usize(frame_length) + REGULAR_OVERHEAD;
        out.reserve(frames.len() / wire_len * frame_length_usize(frame_length));
        let mut aad = self.aad(Kind::Regular);
        for (frame, sequence) in frames.chunks_exact(wire_len).zip(first..) {
            let sealed = Sealed::split(&frame[4..], 0).ok_or(sequence)?;
            self.open_into(aad.of(sequence, sealed.ciphertext.len()), &sealed, out).map_err(|_| sequence)?;
        }
        Ok(())
    }

    /// Opens the final frame, or the body without frames.
    pub(super) fn open_last(
        &self,
        kind: Kind,
        sequence: u32,
        sealed: &Sealed<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        self.open_into(self.aad(kind).of(sequence, sealed.ciphertext.len()), sealed, out)
    }

    fn open_into(&self, aad: &[u8], sealed: &Sealed<'_>, out: &mut Vec<u8>) -> Result<(), CryptoError> {
        let start = out.len();
        out.resize(start + sealed.ciphertext.len(), 0);
        let opened = self.key.open(*sealed.iv, aad, sealed.ciphertext, sealed.tag, &mut out[start..]);
        opened.inspect_err(|_| out.truncate(start))
    }
}

/// IV, ciphertext and tag of a piece of the body.
pub(super) struct Sealed<'a> {
    iv: &'a [u8; IV_LEN],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

impl<'a> Sealed<'a> {
    /// Splits a piece from its IV on; `length_len` bytes of length stand between IV and ciphertext.
    pub(super) fn split(bytes: &'a [u8], length_len: usize) -> Option<Self> {
        let (iv, rest) = bytes.split_first_chunk()?;
        let (ciphertext, tag) = rest.get(length_len..)?.split_last_chunk()?;
        Some(Self { iv, ciphertext, tag })
    }
}

/// Additional authenticated data whose beginning is the same for all frames of a kind.
struct Aad {
    bytes: Vec<u8>,
    prefix_len: usize,
}

impl Aad {
    fn of(&mut self, sequence: u32, len: usize) -> &[u8] {
        self.bytes.truncate(self.prefix_len);
        self.bytes.extend_from_slice(&sequence.to_be_bytes());
        self.bytes.extend_from_slice(&(len as u64).to_be_bytes());
        &self.bytes
    }
}

/// A frame length in memory. Where `usize` is narrower than 32 bits no frame of that length can exist.
pub(super) fn frame_length_usize(frame_length: FrameLength) -> usize {
    usize::try_from(frame_length.get()).unwrap_or(usize::MAX)
}
