//! What goes over the wire: requests as bytes, answers as bytes, in each of the two protocols that are spoken here.
//!
//! Protocols are codecs beside the operations: what an operation does is decided in `keyfold-kms`. The truth is the
//! AWS JSON 1.1 and AWS Query protocol specifications of Smithy.

pub(crate) mod json;
pub(crate) mod query;
mod refusal;

pub(crate) use refusal::Refusal;
