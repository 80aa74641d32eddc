//! Every integration test that crosses crates, in one binary so that it links once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an unexpected error fails")]
#![allow(clippy::disallowed_methods, reason = "files here are for a test's own use")]

mod bombs;
mod canary;
mod clients;
mod durability;
mod esdk_vectors;
mod kms_keyring;
mod kms_peers;
mod library;
mod peers;
mod server;
mod service;
mod soak;
mod tampering;
mod two_keys;
mod wycheproof;
