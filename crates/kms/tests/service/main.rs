//! The key service through its public door: every operation, what is stored, and what other processes do to it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod aliases;
mod authz;
mod cross_account;
mod cryptography;
mod grants;
mod harness;
mod keys;
mod managed;
mod principals;
mod processes;
mod recovery;
mod rotation;
mod stored;
mod tables;
mod tags;
mod usage;
mod worker;
