//! Every integration test that crosses crates, in one binary so that it links once.

mod wycheproof;
