//! The joint between whoever needs a key service and whoever is one.
//!
//! [`Kms`] is what the embedded service, a client of a remote service and a test double implement: one method,
//! object-safe, no runtime named. [`KmsExt::send`] is what callers use: it gives the answer that belongs to the
//! request. Neither retries, caches or logs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::KmsError;
use crate::operations::{Operation, Request, Response};

/// A future on the heap that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key service.
pub trait Kms: Send + Sync {
    /// Performs `request`. An implementation answers each request with the response of the same operation.
    ///
    /// Dropping the future gives up waiting; whether the operation has happened is then unknown.
    ///
    /// # Errors
    /// What the service answers; see [`crate::operations`] for each operation.
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>>;
}

/// Typed requests on any [`Kms`], `dyn Kms` included.
pub trait KmsExt: Kms {
    /// Performs `request` and gives the response of its operation.
    ///
    /// # Errors
    /// Those of [`Kms::call`]; `KMSInternalException` if the service answered another operation than asked.
    fn send<O: Operation>(&self, request: O) -> impl Future<Output = Result<O::Output, KmsError>> + Send {
        let answer = self.call(request.into());
        async { O::Output::try_from(answer.await?).map_err(KmsError::internal) }
    }
}

impl<T: Kms + ?Sized> KmsExt for T {}

impl<T: Kms + ?Sized> Kms for &T {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        T::call(self, request)
    }
}

impl<T: Kms + ?Sized> Kms for Arc<T> {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        T::call(self, request)
    }
}

impl<T: Kms + ?Sized> Kms for Box<T> {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        T::call(self, request)
    }
}

impl fmt::Debug for dyn Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kms")
    }
}
