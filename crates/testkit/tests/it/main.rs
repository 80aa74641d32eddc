//! Every integration test that crosses crates, in one binary so that it links once.

mod esdk_vectors;
mod peers;
mod wycheproof;
