//! The key service through its public door: every operation, what is stored, and what other processes do to it.

mod aliases;
mod cryptography;
mod harness;
mod keys;
mod processes;
mod stored;
mod tables;
