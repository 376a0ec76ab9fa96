//! Where a subscription keeps its place while it does not run.

mod file;
mod memory;

use std::future::Future;
use std::pin::Pin;

pub use file::FileStore;
pub use memory::MemoryStore;

use crate::error::BoxError;

/// What a store answers with.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// Keeps ids under keys.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use headwater_client::{Store, StoreFuture};
///
/// /// Keeps them in memory, as an example.
/// #[derive(Default)]
/// struct Table(Mutex<HashMap<String, String>>);
///
/// impl Store for Table {
///     fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<String>> {
///         Box::pin(async move { Ok(self.0.lock().unwrap().get(key).cloned()) })
///     }
///
///     fn save<'a>(&'a self, key: &'a str, id: &'a str) -> StoreFuture<'a, ()> {
///         Box::pin(async move {
///             self.0.lock().unwrap().insert(key.into(), id.into());
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait Store: Send + Sync + 'static {
    /// The id that was saved last under this key.
    ///
    /// # Errors
    /// Whatever went wrong. The subscription tells it as a [`Warning`](crate::Warning) and starts without an id.
    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<String>>;

    /// Saves an id under a key, in place of the one before. One subscription never has two saves under way.
    ///
    /// # Errors
    /// Whatever went wrong. The subscription tells it as a [`Warning`](crate::Warning) and goes on.
    fn save<'a>(&'a self, key: &'a str, id: &'a str) -> StoreFuture<'a, ()>;
}
