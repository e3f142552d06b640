//! Where the index lives: named immutable blocks and one manifest that is swapped atomically.

mod error;
#[cfg(all(target_family = "wasm", feature = "browser"))]
mod indexeddb;

pub use error::Error;
#[cfg(all(target_family = "wasm", feature = "browser"))]
pub use indexeddb::IndexedDb;

/// A place for named immutable blocks and one manifest.
///
/// Contract: `put` may be lazy; `swap` makes every block put before it, and then the manifest, durable, in
/// that order. After a crash the store shows the manifest of the last completed `swap` (or of one that was
/// under way) and every block that manifest was swapped after. The two newest manifests are kept.
#[allow(async_fn_in_trait)]
pub trait Store {
    /// Reads a block, or `None` if there is no such block.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;
    /// Writes a block. Names are never reused with other bytes.
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error>;
    /// Removes a block; absent is fine.
    async fn delete(&self, name: &str) -> Result<(), Error>;
    /// Names of all blocks.
    async fn list(&self) -> Result<Vec<String>, Error>;
    /// Makes everything put so far durable, then replaces the manifest atomically.
    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), Error>;
    /// The stored manifests, newest generation first (at most the two newest).
    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error>;
}
