//! The service as those who run it meet it: through the real binary, from its start to its end.

pub(crate) mod admin;
pub(crate) mod client;
pub(crate) mod collector;
mod container;
mod ending;
mod log;
mod systemd;
mod traces;
