//! A client on a thread of its own, for who has no tokio runtime.

use std::io;

use keyfold_protocol::operations::{Request, Response};
use keyfold_protocol::{BoxFuture, ErrorKind, Kms, KmsError};
use tokio::runtime::{Builder, Runtime};

use crate::client::Client;
use crate::error::RequestError;

/// A [`Client`] whose requests run on one thread in the background. Its futures can be waited for by any executor,
/// one that only blocks included.
#[derive(Debug)]
pub struct Background {
    client: Client,
    runtime: Runtime,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn new(client: Client) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { client, runtime })
    }
}

impl Kms for Background {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        let client = self.client.clone();
        let task = self.runtime.spawn(async move { client.call(request).await });
        Box::pin(async move {
            let stopped = || {
                let error = RequestError::Stopped;
                KmsError::new(ErrorKind::Other, error.to_string()).caused_by(error)
            };
            task.await.unwrap_or_else(|_| Err(stopped()))
        })
    }
}
