//! Who may do what. Permission is a value: a handler takes an [`Authorized`](check::Authorized) request, and only
//! [`check`] makes one, so that no operation can be reached without being judged.
//!
//! Today there is one kind of principal, the root of an account, who may do everything in it. Policies and grants
//! will be judged at the same place.

pub(crate) mod check;
