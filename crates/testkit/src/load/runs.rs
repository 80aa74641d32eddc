//! Many requests over many connections: as fast as they are answered, or at a rate that nothing slows down.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Answer, Connection, Figures, Target};

/// What to send: the operation and body of the n-th request.
pub type Job = Arc<dyn Fn(u64) -> (&'static str, Bytes) + Send + Sync>;

/// Sends the next request when the one before is answered, on each of the connections. What is measured is how much
/// is answered; latencies are those of a service that is always busy.
///
/// # Errors
/// Where the connections can't be made.
pub async fn saturated(
    target: &Target,
    connections: usize,
    duration: Duration,
    job: &Job,
) -> io::Result<Figures> {
    let connections = open(target, connections).await?;
    let (start, count) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (job, count) = (Arc::clone(job), Arc::clone(&count));
        tasks.spawn(async move {
            let mut figures = Figures::default();
            while start.elapsed() < duration {
                let due = Instant::now();
                let (operation, body) = job(count.fetch_add(1, Ordering::Relaxed));
                if !record(&mut figures, due, connection.call(operation, body).await) {
                    break;
                }
            }
            figures
        });
    }
    Ok(collected(tasks, start).await)
}

/// Sends so many requests per second, evenly, whether answers come or not: each is due at a moment that is fixed
/// beforehand, goes out on the first connection that is free, and its latency counts from when it was due. So a
/// service that stalls is charged for every request that had to wait (no coordinated omission).
///
/// # Errors
/// Where the connections can't be made.
pub async fn at_rate(
    target: &Target,
    connections: usize,
    per_second: u32,
    duration: Duration,
    job: &Job,
) -> io::Result<Figures> {
    let connections = open(target, connections).await?;
    let requests = u64::from(per_second) * duration.as_secs();
    let start = Instant::now();
    let due = move |number: u64| start + Duration::from_secs(number) / per_second;
    let arrived = Arc::new(Semaphore::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let clock = {
        let (arrived, is_over) = (Arc::clone(&arrived), Arc::clone(&is_over));
        // A thread of its own: timers of the runtime have a resolution of a millisecond.
        thread::spawn(move || {
            for number in 0..requests {
                thread::sleep(due(number).saturating_duration_since(Instant::now()));
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                arrived.add_permits(1);
            }
            arrived.close();
        })
    };
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (job, count, arrived) = (Arc::clone(job), Arc::clone(&count), Arc::clone(&arrived));
        tasks.spawn(async move {
            let mut figures = Figures::default();
            loop {
                // Closed with permits left, it gives an error; what was due is sent nevertheless.
                if let Ok(permit) = arrived.acquire().await {
                    permit.forget();
                }
                let number = count.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return figures;
                }
                let (operation, body) = job(number);
                if !record(&mut figures, due(number), connection.call(operation, body).await) {
                    return figures;
                }
            }
        });
    }
    let mut figures = collected(tasks, start).await;
    is_over.store(true, Ordering::Relaxed);
    let _ = clock.join();
    let sent = figures.requests() + figures.failures().values().sum::<u64>();
    for _ in sent..requests {
        figures.failed("not sent: no connection was left".to_owned());
    }
    Ok(figures)
}

async fn open(target: &Target, connections: usize) -> io::Result<Vec<Connection>> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(target).await?);
    }
    Ok(opened)
}

/// Notes how a request ended; whether the connection is still of use.
fn record(figures: &mut Figures, due: Instant, answer: io::Result<Answer>) -> bool {
    match answer {
        Ok(answer) if answer.is_ok() => figures.done(due.elapsed()),
        Ok(answer) => figures.failed(format!("{} {}", answer.status, answer.error())),
        Err(error) => {
            figures.failed(error.to_string());
            return false;
        }
    }
    true
}

async fn collected(mut tasks: JoinSet<Figures>, start: Instant) -> Figures {
    let mut all = Figures::default();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(figures) => all.add(&figures),
            Err(error) => all.failed(error.to_string()),
        }
    }
    all.took = start.elapsed();
    all
}
