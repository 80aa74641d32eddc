//! The key service through its public door: every operation, what is stored, and what other processes do to it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod aliases;
mod cryptography;
mod harness;
mod keys;
mod processes;
mod stored;
mod tables;
