//! The server's log: events of `tracing`, as text or JSON lines, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::args::{LogForm, ServeArgs};
use crate::failure::{Code, Failure};

/// Starts it, for the rest of the process.
pub(super) fn start(args: &ServeArgs) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&args.log_level)
        .map_err(|error| Failure::usage(format!("--log-level {}: {error}", args.log_level)))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match args.log {
        LogForm::Json => log.json().flatten_event(true).with_span_list(false).try_init(),
        LogForm::Text => log.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
    };
    started.map_err(|error| Failure::new(Code::Other, error.to_string()))
}
