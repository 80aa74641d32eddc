//! KMS keys: what is known of one, its material and its names, and when it may be used.
//!
//! The operations are elsewhere ([`crate::operations`]); here is what they act on. The meaning of every field and
//! state is AWS's.

pub(crate) mod alias;
pub(crate) mod create;
pub(crate) mod grant;
pub(crate) mod managed;
pub(crate) mod material;
pub(crate) mod record;
pub(crate) mod resolve;
pub(crate) mod rotation;
pub mod state;
pub(crate) mod tags;
pub(crate) mod usage;

pub use managed::SERVICES;
pub(crate) use material::BackingKey;
pub(crate) use record::KeyRecord;
pub(crate) use resolve::{Accepts, Key, resolve_key};
