//! The message format, read and written without I/O.
//!
//! ```text
//! message   header body [footer]                      all integers big-endian, lengths in bytes
//!
//! header    01 80 │ suite(2) │ message id(16) │ context │ edks │ content │ 00000000 │ 0c │ frame length(4)
//!           │ IV(12) │ tag(16)                                                      version 1
//!           02 │ suite(2) │ message id(32) │ context │ edks │ content │ frame length(4) │ commitment(32)
//!           │ tag(16)                                                               version 2
//! context   length(2) │ [ count(2) │ ( length(2) │ key │ length(2) │ value )* ]
//! edks      count(2) │ ( length(2) │ provider id │ length(2) │ provider info │ length(2) │ ciphertext )*
//! content   01, no frames: frame length is 0         02, frames
//!
//! body      regular frame*  final frame                                             with frames
//!           IV(12) │ length(8) │ ciphertext │ tag(16)                               without
//! regular   sequence(4) │ IV(12) │ ciphertext(frame length) │ tag(16)
//! final     ffffffff │ sequence(4) │ IV(12) │ length(4) │ ciphertext │ tag(16)
//!
//! footer    length(2) │ ECDSA signature in DER over everything before       signing suites only
//! ```
//! `docs/format/message.md` has the same with every rule; the truth is the specification's `data-format/`,
//! and, where that errs, the published vectors.
//!
//! The engine is three values, each made from the one before: [`HeaderReader`] finds the header, a
//! [`Decryptor`] exists only once its commitment and tag have verified, and a [`VerifiedHeader`] only once
//! the last byte has. [`Encryptor`] is the way back. None of them waits, allocates for a length that it was
//! told, or knows where bytes come from.

mod body;
mod codec;
mod decryptor;
mod encryptor;
mod header;
mod keys;

pub use decryptor::Decryptor;
pub use encryptor::Encryptor;
pub use header::{
    Content, FrameLength, Header, HeaderReader, MessageId, UnverifiedHeader, VerifiedHeader, Version, inspect,
};
