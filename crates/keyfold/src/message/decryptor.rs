//! Message in, plaintext out, as it authenticates.

use keyfold_crypto::{CryptoError, ct_eq, digest::Hasher, ecdsa::VerifyingKey};
use zeroize::Zeroizing;

use super::{
    Content, FrameLength, Header, UnverifiedHeader, VerifiedHeader,
    body::{BodyKey, FINAL_FRAME, Kind, NON_FRAMED_LEN_MAX, REGULAR_OVERHEAD, Sealed, frame_length_usize},
    codec::{ReadError, Reader},
    keys::MessageKeys,
};
use crate::{DecryptError, LimitExceeded, Limits, Malformed, error::Part, materials::DecryptionMaterials};

/// Reads the body of one message, whose header has verified.
///
/// Plaintext is released frame by frame, as soon as its frame authenticates; the last frame of a signed
/// message is kept until the signature verifies. That the message is whole is known only when
/// [`finish`](Self::finish) returns: until then do nothing with the plaintext that can't be undone.
///
/// What it keeps in memory is one frame, or the whole body without frames.
pub struct Decryptor {
    header: Header,
    key: BodyKey,
    verifier: Option<(Hasher, VerifyingKey)>,
    limits: Limits,
    state: State,
    /// The beginning of a piece that is not whole yet.
    pending: Vec<u8>,
    /// How long `pending` must be for the next look at it.
    needed: usize,
    /// Sequence number of the next frame.
    next: u32,
    /// Plaintext bytes so far.
    body_len: u64,
    /// The last plaintext of a signed message.
    held: Zeroizing<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Body,
    Signature,
    Done,
    Failed,
}

/// What the next bytes are.
enum Piece {
    /// So many regular frames.
    Regular { frames: usize, frame_length: FrameLength },
    /// The final frame or the whole body, so long; `header_len` bytes stand before its IV and `length_len`
    /// bytes after it.
    Last { kind: Kind, len: usize, header_len: usize, length_len: usize },
    /// The signature with its length, so long.
    Signature { len: usize },
    /// Not known before there are so many bytes.
    NeedMore(usize),
}

impl Decryptor {
    /// Verifies the header's commitment and tag.
    pub(crate) fn new(
        unverified: UnverifiedHeader,
        materials: &DecryptionMaterials,
        limits: Limits,
    ) -> Result<Self, DecryptError> {
        let UnverifiedHeader { header, bytes, body_len } = unverified;
        let keys = MessageKeys::derive(header.suite, &header.message_id, &materials.data_key)?;
        // Before the tag: a data key that is not the committed one must not get to authenticate anything.
        match (&keys.commitment, &header.commitment) {
            (None, None) => {}
            (Some(derived), Some(stored)) if ct_eq(derived, stored) => {}
            _ => return Err(DecryptError::NotAuthentic(Part::Commitment)),
        }
        let unstored = materials.unstored_context.serialize().ok_or(Malformed::Context)?;
        let authenticated = [&bytes[..body_len], &unstored].concat();
        keys.key
            .open(header.iv, &authenticated, &[], &header.tag, &mut [])
            .map_err(|_| DecryptError::NotAuthentic(Part::Header))?;

        let verifier = match (header.suite.signature(), &materials.verifying_key) {
            (None, None) => None,
            (Some(algorithm), Some(key)) if key.algorithm() == algorithm => {
                let mut hasher = Hasher::new(algorithm.hash());
                hasher.update(&bytes);
                Some((hasher, key.clone()))
            }
            _ => return Err(Malformed::PublicKey.into()),
        };
        Ok(Self {
            key: BodyKey::new(keys.key, &header),
            header,
            verifier,
            limits,
            state: State::Body,
            pending: Vec::new(),
            needed: 0,
            next: 1,
            body_len: 0,
            held: Zeroizing::default(),
        })
    }

    /// The header, which has verified; the body may yet fail.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Takes more of the message and appends the plaintext that has authenticated to `out`.
    ///
    /// # Errors
    /// [`DecryptError::Malformed`], [`DecryptError::NotAuthentic`], [`DecryptError::LimitExceeded`]. What was
    /// appended to `out` before the error is authentic, but the message is not.
    pub fn update(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), DecryptError> {
        if self.state == State::Failed {
            return Err(DecryptError::FailedBefore);
        }
        self.advance(message, out).inspect_err(|_| self.state = State::Failed)
    }

    /// Ends the message: the proof that all of it has verified.
    ///
    /// # Errors
    /// [`DecryptError::Truncated`], or [`DecryptError::FailedBefore`] after an earlier error.
    pub fn finish(self) -> Result<VerifiedHeader, DecryptError> {
        self.check_end()?;
        Ok(VerifiedHeader(self.header))
    }

    /// Whether the message has ended.
    pub(crate) fn check_end(&self) -> Result<(), DecryptError> {
        match (self.state, self.header.content) {
            (State::Done, _) => Ok(()),
            (State::Body, Content::Framed(_)) => Err(DecryptError::Truncated(Part::Frame(self.next))),
            (State::Body, Content::NonFramed) => Err(DecryptError::Truncated(Part::Body)),
            (State::Signature, _) => Err(DecryptError::Truncated(Part::Signature)),
            (State::Failed, _) => Err(DecryptError::FailedBefore),
        }
    }

    fn advance(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), DecryptError> {
        while !input.is_empty() {
            if self.pending.is_empty() {
                let taken = self.take_pieces(input, out)?;
                let rest = &input[taken..];
                self.pending.extend_from_slice(rest);
                return Ok(());
            }
            let missing = self.needed - self.pending.len();
            let (head, rest) = input.split_at(missing.min(input.len()));
            self.pending.extend_from_slice(head);
            input = rest;
            if head.len() == missing {
                let mut pending = std::mem::take(&mut self.pending);
                let taken = self.take_pieces(&pending, out)?;
                pending.drain(..taken);
                self.pending = pending;
            }
        }
        Ok(())
    }

    /// Consumes the whole pieces at the front of `bytes` and returns how long they were. If anything is left,
    /// `needed` says how long it must get.
    fn take_pieces(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, DecryptError> {
        let mut taken = 0;
        while taken < bytes.len() {
            let rest = &bytes[taken..];
            match self.next_piece(rest)? {
                Piece::NeedMore(needed) => {
                    self.needed = needed;
                    break;
                }
                Piece::Regular { frames, frame_length } => {
                    let len = frames * (frame_length_usize(frame_length) + REGULAR_OVERHEAD);
                    self.open_regular(&rest[..len], frames, frame_length, out)?;
                    taken += len;
                }
                Piece::Last { kind, len, header_len, length_len } => {
                    self.hash(&rest[..len]);
                    let sealed = Sealed::split(&rest[header_len..len], length_len);
                    self.open_last(kind, sealed, out)?;
                    taken += len;
                }
                Piece::Signature { len } => {
                    self.verify(&rest[2..len])?;
                    out.append(&mut self.held);
                    taken += len;
                }
            }
        }
        Ok(taken)
    }

    fn next_piece(&self, bytes: &[u8]) -> Result<Piece, DecryptError> {
        let parsed = match (self.state, self.header.content) {
            (State::Body, Content::Framed(frame_length)) => self.parse_frames(bytes, frame_length),
            (State::Body, Content::NonFramed) => self.parse_body(bytes),
            (State::Signature, _) => parse_signature(bytes),
            (State::Done, _) => Err(Malformed::TrailingBytes.into()),
            (State::Failed, _) => return Err(DecryptError::FailedBefore),
        };
        match parsed {
            Ok(piece) => Ok(piece),
            Err(ReadError::NeedMore(needed)) => Ok(Piece::NeedMore(needed)),
            Err(ReadError::Malformed(malformed)) => Err(malformed.into()),
            Err(ReadError::Limit(limit)) => Err(limit.into()),
        }
    }

    fn parse_frames(&self, bytes: &[u8], frame_length: FrameLength) -> Result<Piece, ReadError> {
        let mut frames = 0;
        let mut expected = self.next;
        let mut reader = Reader::new(bytes);
        loop {
            let start = reader.position();
            let piece = self.parse_frame(&mut reader, expected, frame_length);
            match piece {
                Ok(None) => {
                    frames += 1;
                    // No regular frame has the greatest number: it would mark the final one.
                    expected = expected.saturating_add(1);
                }
                // First what is whole; the reader comes back here for what stopped it.
                _ if frames > 0 => {
                    self.check_body_len(u64::from(frame_length.get()) * frames as u64)?;
                    return Ok(Piece::Regular { frames, frame_length });
                }
                Ok(Some(len)) => {
                    let len = reader.position() - start + len;
                    let piece = Piece::Last { kind: Kind::Final, len, header_len: 8, length_len: 4 };
                    return if bytes.len() < len { Err(ReadError::NeedMore(len)) } else { Ok(piece) };
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves over a regular frame (`None`), or up to the ciphertext of the final frame and gives the length
    /// of that with its tag.
    fn parse_frame(
        &self,
        reader: &mut Reader<'_>,
        expected: u32,
        frame_length: FrameLength,
    ) -> Result<Option<usize>, ReadError> {
        let marker = reader.u32()?;
        let found = if marker == FINAL_FRAME { reader.u32()? } else { marker };
        if found != expected {
            return Err(Malformed::FrameSequence { expected, found }.into());
        }
        if marker != FINAL_FRAME {
            self.check_body_len(u64::from(frame_length.get()))?;
            reader.take(REGULAR_OVERHEAD - 4 + frame_length_usize(frame_length))?;
            return Ok(None);
        }
        reader.take(12)?;
        let len = reader.u32()?;
        if len > frame_length.get() {
            return Err(Malformed::FinalFrame.into());
        }
        self.check_body_len(u64::from(len))?;
        Ok(Some(usize::try_from(len).unwrap_or(usize::MAX).saturating_add(16)))
    }

    fn parse_body(&self, bytes: &[u8]) -> Result<Piece, ReadError> {
        let mut reader = Reader::new(bytes);
        reader.take(12)?;
        let len = reader.u64()?;
        if len > NON_FRAMED_LEN_MAX {
            return Err(Malformed::Content.into());
        }
        if len > self.limits.frame_len {
            return Err(LimitExceeded::FrameLen { len, limit: self.limits.frame_len }.into());
        }
        self.check_body_len(len)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX).saturating_add(12 + 8 + 16);
        if bytes.len() < len {
            return Err(ReadError::NeedMore(len));
        }
        Ok(Piece::Last { kind: Kind::SingleBlock, len, header_len: 0, length_len: 8 })
    }

    fn check_body_len(&self, more: u64) -> Result<(), ReadError> {
        let limit = self.limits.body_len;
        match self.body_len.checked_add(more) {
            Some(len) if len <= limit => Ok(()),
            _ => Err(LimitExceeded::BodyLen { limit }.into()),
        }
    }

    fn open_regular(
        &mut self,
        bytes: &[u8],
        frames: usize,
        frame_length: FrameLength,
        out: &mut Vec<u8>,
    ) -> Result<(), DecryptError> {
        self.hash(bytes);
        let opened = self.key.open_regular(self.next, bytes, frame_length, out);
        opened.map_err(|sequence| DecryptError::NotAuthentic(Part::Frame(sequence)))?;
        self.next += u32::try_from(frames).map_err(|_| CryptoError::InvalidLength)?;
        self.body_len += u64::from(frame_length.get()) * frames as u64;
        Ok(())
    }

    fn open_last(
        &mut self,
        kind: Kind,
        sealed: Option<Sealed<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), DecryptError> {
        let not_authentic = DecryptError::NotAuthentic(kind.part(self.next));
        let Some(sealed) = sealed else { return Err(not_authentic) };
        let out = if self.verifier.is_some() { &mut *self.held } else { out };
        self.key.open_last(kind, self.next, &sealed, out).map_err(|_| not_authentic)?;
        self.state = if self.verifier.is_some() { State::Signature } else { State::Done };
        Ok(())
    }

    fn verify(&mut self, signature: &[u8]) -> Result<(), DecryptError> {
        let not_authentic = DecryptError::NotAuthentic(Part::Signature);
        let Some((hasher, key)) = self.verifier.take() else { return Err(not_authentic) };
        key.verify(&hasher.finish(), signature).map_err(|_| not_authentic)?;
        self.state = State::Done;
        Ok(())
    }

    fn hash(&mut self, bytes: &[u8]) {
        if let Some((hasher, _)) = &mut self.verifier {
            hasher.update(bytes);
        }
    }
}

impl std::fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decryptor({}, {:?}, next frame {})", self.header.suite, self.state, self.next)
    }
}

fn parse_signature(bytes: &[u8]) -> Result<Piece, ReadError> {
    let mut reader = Reader::new(bytes);
    reader.field()?;
    Ok(Piece::Signature { len: reader.position() })
}
