//! Who may do what. Permission is a value: a handler takes an [`Authorized`](check::Authorized) request, and only
//! [`check`] makes one, so that no operation can be reached without being judged.
//!
//! ```text
//! policy       what one document says of one access
//! key_policy   the policy of a key: kept, by default, replaced
//! check        key policy, identity policies, account: who wins
//! ```

pub(crate) mod check;
pub(crate) mod key_policy;
pub(crate) mod policy;
