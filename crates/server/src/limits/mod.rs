//! Limits that need memory of who has done what: connections and unproven requests per peer, requests per account, request rates.
//!
//! Limits on one request stand where it is read. The figures are [`crate::config::Limits`].

mod accounts;
mod peers;

pub(crate) use accounts::{Accounts, Asked, Class};
pub(crate) use peers::{Counted, Peers};
