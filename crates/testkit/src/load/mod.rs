//! Load on a service: clients that sign every request and keep their connections, and others that mean it no good.
//!
//! Requests are whole bodies that the caller has made, so that nothing but signing and sending is measured with the
//! service. No client of users: it has no retries, and takes one kind of credential.

#![allow(clippy::disallowed_methods, reason = "what is measured is time")]

pub mod ceiling;
mod connection;
mod figures;
pub mod hostile;
pub mod requests;
mod runs;
pub mod soak;
mod target;

pub use connection::{Answer, Connection};
pub use figures::Figures;
pub use runs::{Job, at_rate, saturated};
pub use target::{AccessKey, Target};
