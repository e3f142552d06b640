//! A store in memory. Clones share it, as tabs share a database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::manifests::Manifests;
use super::{Error, Store};

/// A store in memory; clones share the content and compete for the writer's role.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Shared>,
    writing: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    locked: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    blocks: BTreeMap<String, Vec<u8>>,
    manifests: Manifests,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another handle to the same content, as another tab or process would have.
    pub fn other(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            writing: Arc::default(),
        }
    }

    /// Bytes of all blocks and manifests.
    pub fn bytes(&self) -> usize {
        let state = self.state();
        state.blocks.values().map(Vec::len).sum::<usize>() + state.manifests.bytes()
    }

    /// Overwrites a block whatever it holds; for tests that damage one.
    #[doc(hidden)]
    pub fn corrupt(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.state().blocks.get_mut(name).map(change).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.state().blocks.get(name).cloned())
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.state().blocks.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        self.state().blocks.remove(name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, Error> {
        Ok(self.state().blocks.keys().cloned().collect())
    }

    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.manifests.admit(generation)?;
        state.manifests.insert(generation, manifest);
        Ok(())
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        Ok(self.state().manifests.newest_first())
    }

    async fn lock(&self) -> Result<(), Error> {
        if self.shared.locked.swap(true, Ordering::AcqRel) {
            return Err(Error::Locked {
                owner: "another handle of this memory".into(),
            });
        }
        self.writing.store(true, Ordering::Release);
        Ok(())
    }

    fn unlock(&self) {
        if self.writing.swap(false, Ordering::AcqRel) {
            self.shared.locked.store(false, Ordering::Release);
        }
    }
}
