//! A server in this process, spoken to byte by byte, so that a client can be as wrong as it likes.

#![allow(clippy::unwrap_used, reason = "a test that meets an unexpected error fails")]

mod authentication;
mod gate;
mod harness;
mod limits;
mod records;
mod requests;
mod tls;
mod upkeep;
