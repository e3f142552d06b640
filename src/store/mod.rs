//! Where the index lives: named immutable blocks and one manifest that is swapped atomically.
//!
//! | store | for |
//! | --- | --- |
//! | [`Memory`] | tests, and indexes that need not outlive the process |
//! | [`Files`] | a folder, natively |
//! | `IndexedDb` (feature `browser`) | a browser's database |
//! | `Fault` (tests, feature `fault`) | a disk that crashes, tears, reorders and refuses on purpose |

mod error;
#[cfg(any(test, feature = "fault"))]
mod fault;
#[cfg(not(target_family = "wasm"))]
mod files;
#[cfg(all(target_family = "wasm", feature = "browser"))]
mod indexeddb;
mod manifests;
mod memory;

pub use error::Error;
#[cfg(any(test, feature = "fault"))]
pub use fault::{Fault, Plan};
#[cfg(not(target_family = "wasm"))]
pub use files::Files;
#[cfg(all(target_family = "wasm", feature = "browser"))]
pub use indexeddb::{IndexedDb, Role};
#[cfg(all(target_family = "wasm", feature = "browser"))]
pub(crate) use indexeddb::{Tabs, Word, sleep};
pub use memory::Memory;

/// A place for named immutable blocks and one manifest.
///
/// Contract: `put` may be lazy; `swap` makes every block put before it, and then the manifest, durable, in
/// that order. After a crash the store shows the manifest of the last completed `swap` (or of one that was
/// under way) and every block that manifest was swapped after. The two newest manifests are kept.
///
/// A failed `put` or `delete` may or may not have happened. A failed `swap` too: `manifests` tells.
///
/// A store that is only read leaves out what writes, and refuses `lock` with [`Error::ReadOnly`], too.
#[allow(async_fn_in_trait)]
pub trait Store {
    /// Reads a block, or `None` if there is no such block.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;
    /// Reads several blocks, in the order of their names. Stores where every read is a round trip make one of
    /// them.
    async fn get_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let mut blocks = Vec::with_capacity(names.len());
        for name in names {
            blocks.push(self.get(name).await?);
        }
        Ok(blocks)
    }
    /// Whether reading may go over a network: then what will be needed again is rather kept than read twice.
    fn is_far(&self) -> bool {
        false
    }
    /// Writes a block. Names are never reused with other bytes.
    async fn put(&self, _name: &str, _bytes: &[u8]) -> Result<(), Error> {
        Err(Error::ReadOnly)
    }
    /// Removes a block; absent is fine.
    async fn delete(&self, _name: &str) -> Result<(), Error> {
        Err(Error::ReadOnly)
    }
    /// Names of all blocks.
    async fn list(&self) -> Result<Vec<String>, Error>;
    /// Makes everything put so far durable, then replaces the manifest atomically.
    ///
    /// Refuses a generation that is not newer than the stored ones ([`Error::Locked`]): a writer that slept
    /// while another took its place must not overwrite what that one committed.
    async fn swap(&self, _generation: u64, _manifest: &[u8]) -> Result<(), Error> {
        Err(Error::ReadOnly)
    }
    /// The stored manifests, newest generation first (at most the two newest).
    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error>;
    /// Takes the role of the only writer, or says who has it ([`Error::Locked`]). The role of a dead writer
    /// is taken over. Stores that cannot be shared need not implement it.
    async fn lock(&self) -> Result<(), Error> {
        Ok(())
    }
    /// Gives the role back. Called when a writer is dropped, so it cannot fail.
    fn unlock(&self) {}
}

/// Whether `name` is one that every store can hold as it is: `[0-9a-z-]`, 1 to 100 bytes.
#[cfg(not(target_family = "wasm"))]
fn valid_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'-')
}
