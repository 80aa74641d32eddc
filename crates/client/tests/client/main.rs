//! The client against a service that answers what a test tells it to.

#![allow(clippy::unwrap_used, reason = "a test fails where something is not as expected")]

mod config;
mod credentials;
mod harness;
mod requests;
