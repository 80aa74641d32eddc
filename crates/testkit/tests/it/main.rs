//! Every integration test that crosses crates, in one binary so that it links once.

mod bombs;
mod esdk_vectors;
mod peers;
mod tampering;
mod two_keys;
mod wycheproof;
