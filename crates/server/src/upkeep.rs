//! What a service that stays up does unasked: due rotations, due deletions, and writing down when keys were used.

use std::sync::Arc;
use std::time::Duration;

use keyfold_kms::Service;
use keyfold_kms::worker::Worker;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Runs the service's worker now and every minute, until it is dropped. A run that failed is logged and tried again.
pub(crate) async fn run(service: Arc<Service>) {
    let start = Instant::now();
    let mut worker = Worker::default();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (service, uptime) = (Arc::clone(&service), start.elapsed());
        // The store blocks its thread.
        let run = tokio::task::spawn_blocking(move || {
            let done = pollster::block_on(worker.run_due(&service, uptime));
            (worker, done)
        });
        let Ok((kept, done)) = run.await else {
            tracing::error!("the worker has failed and is started anew");
            worker = Worker::default();
            continue;
        };
        worker = kept;
        match done {
            Ok(done) if done.rotated + done.deleted > 0 => {
                tracing::info!(rotated = done.rotated, deleted = done.deleted, "did what was due");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "could not do all that is due; trying again"),
        }
    }
}

/// Writes down what is only in memory, as the last thing before a server ends. A store that hangs is not waited for.
pub(crate) async fn finish(service: Arc<Service>) {
    let flush = tokio::task::spawn_blocking(move || pollster::block_on(service.flush()));
    let flushed = tokio::time::timeout(FINISH_MAX, flush).await;
    if !matches!(flushed, Ok(Ok(Ok(())))) {
        tracing::error!("could not write down when keys were last used");
    }
}

const PERIOD: Duration = Duration::from_secs(60);
/// The store itself may be waited for by another process for 10 s.
const FINISH_MAX: Duration = Duration::from_secs(15);
