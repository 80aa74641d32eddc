//! A clock that makes who asks it the time wait, so that an operation is in progress for as long as a test likes.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use keyfold_kms::{Clock, SystemClock};
use keyfold_protocol::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    waiting: usize,
}

impl Gate {
    pub(crate) fn set_closed(&self, is_closed: bool) {
        self.state.lock().unwrap().is_closed = is_closed;
        self.changed.notify_all();
    }

    /// Waits until somebody waits.
    pub(crate) async fn somebody_waits(&self) {
        while self.state.lock().unwrap().waiting == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        // Not for ever: a test that fails is to end, too.
        let limit = Duration::from_secs(20);
        let (mut state, _) = self.changed.wait_timeout_while(state, limit, |state| state.is_closed).unwrap();
        state.waiting -= 1;
        drop(state);
        SystemClock.now()
    }
}
