//! The time, as a value: signatures and expiries ask it, nothing else.

use std::fmt;
use std::time::UNIX_EPOCH;

use keyfold_protocol::Timestamp;

/// Says what time it is.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
    fn now(&self) -> Timestamp {
        // Before 1970 a clock is not set; the epoch then, which no service takes.
        let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_epoch_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}
