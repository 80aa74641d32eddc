//! Who may do what. Permission is a value: a handler takes an [`Authorized`](check::Authorized) request, and only
//! [`check`] makes one, so that no operation can be reached without being judged.
//!
//! ```text
//! document ─▶ statement, pattern ─▶ policy     what one document says of one access
//! key_policy                                   the policy of a key: kept, by default, replaced
//! standing                                     what the caller brings along: its policies
//! decision                                     who wins
//! check                                        all of it, and grants, for every resource of a request
//! ```

pub(crate) mod check;
mod decision;
mod document;
pub(crate) mod key_policy;
mod pattern;
pub(crate) mod policy;
mod standing;
mod statement;
