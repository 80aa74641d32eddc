//! What is told of requests that end otherwise than usual.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tracing::subscriber::DefaultGuard;

use crate::gate::Gate;
use crate::harness::Running;

/// What is logged on this thread. A runtime of one thread runs all of a server's tasks there.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines_of(&self, operation: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let wanted = format!("operation=\"{operation}\"");
        text.lines().filter(|line| line.contains(&wanted)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_logged_and_counted_with_what_became_of_its_request() {
    let (log, _logging) = Log::start();
    let gate = Arc::new(Gate::default());
    let server = Running::start_gated(&gate, |_| {}).await;
    gate.set_closed(true);
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(server.signed("CreateKey", "{}").to_bytes().as_bytes()).await.unwrap();
    gate.somebody_waits().await;
    drop(client);
    // Time for the server to see it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.set_closed(false);
    while log.lines_of("CreateKey").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = log.lines_of("CreateKey");
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["outcome=\"OK\"", "principal=\"arn:aws:iam::000000000000:root\"", "request_id="] {
        assert!(lines[0].contains(part), "{part} in {lines:?}");
    }
    let metrics = server.admin("/metrics").await.body;
    assert!(
        metrics.contains("keyfold_requests_total{operation=\"CreateKey\",outcome=\"OK\"} 1"),
        "{metrics}"
    );
    assert!(server.stop().await);
}

#[test]
fn a_request_that_is_in_progress_at_the_very_end_is_logged_as_cut() {
    let (log, _logging) = Log::start();
    let gate = Arc::new(Gate::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Running::start_gated(&gate, |config| config.limits.drain_ms_max = 100).await;
        gate.set_closed(true);
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(server.signed("CreateKey", "{}").to_bytes().as_bytes()).await.unwrap();
        gate.somebody_waits().await;
        // The one who waits may be the server's own worker.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!server.stop().await, "not all is answered");
    });
    runtime.shutdown_background();
    gate.set_closed(false);
    let lines = log.lines_of("CreateKey");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("outcome=\"cut\"") && lines[0].contains("principal="), "{lines:?}");
}
