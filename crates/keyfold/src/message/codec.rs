//! Reading and writing the fields that the format is made of.

use crate::{LimitExceeded, Malformed};

/// Why a field could not be read.
pub(super) enum ReadError {
    /// The bytes end first; the whole input must be at least this long for the next try to get further.
    NeedMore(usize),
    /// They can't be what they should.
    Malformed(Malformed),
    /// They declare more than is accepted.
    Limit(LimitExceeded),
}

impl From<LimitExceeded> for ReadError {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

impl From<Malformed> for ReadError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A cursor over bytes of which more may come.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let end = self.position.saturating_add(len);
        let taken = self.bytes.get(self.position..end).ok_or(ReadError::NeedMore(end))?;
        self.position = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| ReadError::NeedMore(self.position))
    }

    pub(super) fn u8(&mut self) -> Result<u8, ReadError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A field with its length(2) before it.
    pub(super) fn field(&mut self) -> Result<&'a [u8], ReadError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A field with its length(2) before it, in UTF-8.
    pub(super) fn text(&mut self, otherwise: Malformed) -> Result<&'a str, ReadError> {
        std::str::from_utf8(self.field()?).map_err(|_| otherwise.into())
    }
}

/// Appends `field` with its length(2) before it. `None` if it is too long for that.
#[must_use]
pub(super) fn write_field(out: &mut Vec<u8>, field: &[u8]) -> Option<()> {
    out.extend_from_slice(&u16::try_from(field.len()).ok()?.to_be_bytes());
    out.extend_from_slice(field);
    Some(())
}
