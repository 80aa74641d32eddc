//! AWS Signature Version 4 against other people's signatures, rule by rule, and under mutation.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an unexpected error fails")]

mod known_answers;
mod mutations;
mod rules;
mod support;
