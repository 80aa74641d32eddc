//! Stopping: first nothing new is taken and what is in progress is ended, then what is left is cut.
//!
//! ```text
//! running ──stop()──▶ draining ──all guards dropped, or drain_ms_max──▶ cut
//! ```

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Draining,
    Cut,
}

/// The end that stops.
#[derive(Debug)]
pub(crate) struct Stop {
    phase: watch::Sender<Phase>,
    guard: mpsc::Sender<Infallible>,
    done: mpsc::Receiver<Infallible>,
}

/// The end that is stopped.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    phase: watch::Receiver<Phase>,
    guard: mpsc::WeakSender<Infallible>,
}

/// Something that has to end before the server has stopped.
#[derive(Debug)]
pub(crate) struct Guard {
    _alive: Option<mpsc::Sender<Infallible>>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        let (guard, done) = mpsc::channel(1);
        Self { phase: watch::Sender::new(Phase::Running), guard, done }
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping { phase: self.phase.subscribe(), guard: self.guard.downgrade() }
    }

    /// Drains and ends. Tells whether everything ended by itself.
    pub(crate) async fn stop(mut self, drain: Duration) -> bool {
        self.phase.send_replace(Phase::Draining);
        drop(self.guard);
        // Nothing is ever sent: it is over when all senders are gone.
        let drained = tokio::time::timeout(drain, self.done.recv()).await.is_ok();
        self.phase.send_replace(Phase::Cut);
        drained
    }
}

impl Stopping {
    /// Waits until nothing new is to be taken.
    pub(crate) async fn wait(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until nothing may go on.
    pub(crate) async fn wait_out(&mut self) {
        self.reached(Phase::Cut).await;
    }

    /// Whether the server still takes requests.
    pub(crate) fn is_running(&self) -> bool {
        *self.phase.borrow() == Phase::Running
    }

    /// Something to hold until it has ended.
    pub(crate) fn guard(&self) -> Guard {
        Guard { _alive: self.guard.upgrade() }
    }

    async fn reached(&mut self, phase: Phase) {
        // An error means that the other end is gone, which ends everything, too.
        let _ = self.phase.wait_for(|now| *now >= phase).await;
    }
}
