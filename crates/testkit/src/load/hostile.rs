//! Clients that mean a service no good, from another address than the honest ones, for as long as they are let.
//!
//! ```text
//! slow header      a byte of the headers every half second
//! slow body        the headers, and a byte of the body every half second
//! half-open        a TLS handshake that is begun and not continued
//! oversized        a body of 2 MiB, and one that only announces as much
//! malformed HTTP   bytes that are no request
//! malformed JSON   signed, and cut, nested too deep, or with a member twice
//! bad signature    signed with a secret that is not the right one
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection::{connect_as_other, secure};
use super::{Connection, Target};

/// How many clients of each kind.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Connections of each of the three slow kinds. They are made again when the service ends them.
    pub slow: usize,
    /// Clients of each of the four loud kinds.
    pub loud: usize,
    /// How long a loud client waits between two attempts.
    pub pause: Duration,
}

/// What a crowd has done; it stops when this is dropped.
#[derive(Debug)]
pub struct Hostile {
    counts: Arc<Counts>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    attempts: AtomicU64,
    refused: AtomicU64,
    served: AtomicU64,
}

impl Hostile {
    /// Begins.
    #[must_use]
    pub fn start(target: &Target, crowd: Crowd) -> Self {
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        for kind in Kind::ALL {
            for number in 0..if kind.is_slow() { crowd.slow } else { crowd.loud } {
                let (target, counts) = (target.clone(), Arc::clone(&counts));
                tasks.spawn(async move {
                    // Not all at the same moment.
                    sleep(Duration::from_millis(number as u64 * 7)).await;
                    loop {
                        counts.attempts.fetch_add(1, Ordering::Relaxed);
                        // To be cut off, refused and timed out is what they are for; to be served is not.
                        let answers = timeout(ATTEMPT_MAX, kind.attempt(&target)).await;
                        for status in answers.into_iter().flatten().flatten() {
                            let count = if status == 200 { &counts.served } else { &counts.refused };
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        sleep(crowd.pause).await;
                    }
                });
            }
        }
        Self { counts, _tasks: tasks }
    }

    /// Connections and requests begun.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.counts.attempts.load(Ordering::Relaxed)
    }

    /// Requests that were answered as if nothing were wrong with them.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.counts.served.load(Ordering::Relaxed)
    }

    /// Requests that were answered with an error.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    SlowHeader,
    SlowBody,
    HalfOpen,
    Oversized,
    MalformedHttp,
    MalformedJson,
    BadSignature,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::SlowHeader,
        Self::SlowBody,
        Self::HalfOpen,
        Self::Oversized,
        Self::MalformedHttp,
        Self::MalformedJson,
        Self::BadSignature,
    ];

    fn is_slow(self) -> bool {
        matches!(self, Self::SlowHeader | Self::SlowBody | Self::HalfOpen)
    }

    /// One attempt; the statuses of the answers to it.
    async fn attempt(self, target: &Target) -> io::Result<Vec<u16>> {
        match self {
            Self::SlowHeader => Ok(vec![drip(target, b"", HEADERS).await?]),
            Self::SlowBody => Ok(vec![drip(target, announcing(1000).as_bytes(), &[b'x'; 1000]).await?]),
            Self::HalfOpen => {
                let mut stream = connect_as_other(target).await?;
                // The header of a record that does not come.
                stream.write_all(&[22, 3, 1, 2, 0, 1]).await?;
                let _ = stream.read_u8().await;
                Ok(Vec::new())
            }
            Self::Oversized => {
                let announced = drip(target, announcing(2 << 20).as_bytes(), b"").await?;
                let sent = format!("{}{}", announcing(2 << 20), "x".repeat(2 << 20));
                Ok(vec![announced, drip(target, sent.as_bytes(), b"").await?])
            }
            Self::MalformedHttp => Ok(vec![drip(target, b"\x00\xffGET\r\n\r\n : : \r\n\r\n", b"").await?]),
            Self::MalformedJson => {
                let mut connection = Connection::open_as_other(target).await?;
                let mut statuses = Vec::new();
                for body in [r#"{"KeyId":"#, &"[".repeat(100_000), r#"{"Limit":1,"Limit":1}"#] {
                    statuses.push(connection.call("ListKeys", Bytes::from(body.to_owned())).await?.status);
                }
                Ok(statuses)
            }
            Self::BadSignature => {
                let mut connection = Connection::open_as_other(&target.with_wrong_secret()).await?;
                let mut statuses = Vec::new();
                for _ in 0..10 {
                    statuses.push(connection.call("ListKeys", Bytes::from_static(b"{}")).await?.status);
                }
                Ok(statuses)
            }
        }
    }
}

/// Sends `first` at once and `rest` slowly, and gives the status of what comes back.
async fn drip(target: &Target, first: &[u8], rest: &[u8]) -> io::Result<u16> {
    let stream = secure(target, connect_as_other(target).await?).await?;
    let (mut read, mut write) = tokio::io::split(stream);
    let mut answer = [0; 12];
    let sending = async {
        write.write_all(first).await?;
        for byte in rest {
            write.write_all(&[*byte]).await?;
            write.flush().await?;
            sleep(DRIP).await;
        }
        // Whoever has said all waits for the answer.
        write.flush().await?;
        std::future::pending::<io::Result<()>>().await
    };
    tokio::select! {
        // The service may have answered before it had read all; that answer may be lost with the connection.
        Err(error) = sending => Err(error),
        got = read.read_exact(&mut answer) => {
            got?;
            let status = std::str::from_utf8(&answer[9..]).ok().and_then(|status| status.parse().ok());
            status.ok_or_else(|| io::ErrorKind::InvalidData.into())
        }
    }
}

fn announcing(len: usize) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: TrentService.ListKeys\r\ncontent-length: {len}\r\n\r\n"
    )
}

/// Longer than anyone waits for it, at [`DRIP`].
const HEADERS: &[u8] =
    b"POST / HTTP/1.1\r\nhost: x\r\nx-slow: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
const DRIP: Duration = Duration::from_millis(500);
const ATTEMPT_MAX: Duration = Duration::from_secs(60);
