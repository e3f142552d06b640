//! Reading an export as it comes in: one block is in memory at a time, and nothing shows before all is checked.

use std::collections::BTreeSet;

use super::super::manifest::{Block, Manifest};
use super::super::{Error, Index};
use super::{HEAD, bad, manifest_len};
use crate::store::{self, Store};

/// Bytes of a file in memory that are looked at together.
const PART: usize = 64 * 1024;

impl<S: Store> Index<S> {
    /// Fills an empty store from an export, as [`Index::import_from`] does.
    pub async fn import(store: S, file: &[u8]) -> Result<Self, Error> {
        let mut parts = file.chunks(PART);
        Self::import_from(store, async || Ok(parts.next().map(<[u8]>::to_vec))).await
    }

    /// Fills an empty store from an export that `source` gives part by part, of any size, until it gives
    /// nothing.
    ///
    /// The file is taken as hostile. Every block is checked when it has come and goes to the store; all of them
    /// are decoded there, and only then is the manifest swapped. A file that is not whole leaves nothing behind.
    pub async fn import_from(
        store: S,
        source: impl AsyncFnMut() -> Result<Option<Vec<u8>>, store::Error>,
    ) -> Result<Self, Error> {
        let mut file = Incoming::new(source);
        let head = file.take(HEAD as usize).await?;
        let bytes = file.take(manifest_len(&head)? as usize).await?;
        let manifest = Manifest::decode(&bytes)?;
        let blocks: Vec<Block> = manifest.blocks().collect();
        let names: BTreeSet<String> = blocks.iter().map(Block::name).collect();
        if names.len() != blocks.len() {
            return Err(bad("it holds a block twice"));
        }
        store.lock().await?;
        let filled = fill(&store, file, &blocks, (manifest.generation, bytes)).await;
        store.unlock();
        filled?;
        Self::open(store).await
    }
}

async fn fill<S: Store, F>(
    store: &S,
    mut file: Incoming<F>,
    blocks: &[Block],
    manifest: (u64, Vec<u8>),
) -> Result<(), Error>
where
    F: AsyncFnMut() -> Result<Option<Vec<u8>>, store::Error>,
{
    let empty = async || store.manifests().await.map(|stored| stored.is_empty());
    if !empty().await? {
        return Err(Error::Exists);
    }
    let mut begun = Vec::new();
    let filled = async {
        for block in blocks {
            let bytes = file.take(block.len as usize).await?;
            if !block.matches(&bytes) {
                return Err(bad("the checksum of a block does not match"));
            }
            begun.push(block.name());
            store.put(&block.name(), &bytes).await?;
        }
        file.end().await?;
        check(store, &manifest).await?;
        // It may have taken long, and the role may have been lost meanwhile.
        if !empty().await? {
            return Err(Error::Exists);
        }
        Ok(store.swap(manifest.0, &manifest.1).await?)
    };
    let filled = filled.await;
    // A store that is full must not stay full of half an import. A swap that failed may be visible all the
    // same: then everything stays.
    if filled.is_err() && empty().await.is_ok_and(|empty| empty) {
        for name in &begun {
            let _ = store.delete(name).await;
        }
    }
    filled
}

/// Decodes all that `manifest` names.
async fn check<S: Store>(store: &S, manifest: &(u64, Vec<u8>)) -> Result<(), Error> {
    let index = Index::open(Staged { store, manifest }).await?;
    let report = index.snapshot().verify().await?;
    match report.damaged.first() {
        Some(finding) => Err(Error::Import(format!(
            "its {}: {}",
            finding.part, finding.why
        ))),
        None => Ok(()),
    }
}

/// An export of which so much has come.
struct Incoming<F> {
    source: F,
    bytes: Vec<u8>,
    /// Bytes of those that were taken.
    taken: usize,
    crc: crc32fast::Hasher,
}

impl<F> Incoming<F>
where
    F: AsyncFnMut() -> Result<Option<Vec<u8>>, store::Error>,
{
    fn new(source: F) -> Self {
        Self {
            source,
            bytes: Vec::new(),
            taken: 0,
            crc: crc32fast::Hasher::new(),
        }
    }

    /// The next `len` bytes. What has come takes memory, not what a length promises.
    async fn take(&mut self, len: usize) -> Result<Vec<u8>, Error> {
        while self.bytes.len() - self.taken < len {
            let part = (self.source)().await?;
            let part = part.ok_or_else(|| bad("it ends early"))?;
            self.bytes.drain(..self.taken);
            self.taken = 0;
            self.bytes.extend_from_slice(&part);
        }
        let bytes = self.bytes[self.taken..self.taken + len].to_vec();
        self.taken += len;
        self.crc.update(&bytes);
        Ok(bytes)
    }

    /// The checksum of all that was taken, and nothing after it.
    async fn end(&mut self) -> Result<(), Error> {
        let crc = self.crc.clone().finalize();
        if self.take(4).await? != crc.to_le_bytes() {
            return Err(bad("its checksum does not match"));
        }
        while self.taken == self.bytes.len() {
            match (self.source)().await? {
                Some(part) => self.bytes.extend_from_slice(&part),
                None => return Ok(()),
            }
        }
        Err(bad("it goes on after its end"))
    }
}

/// A store whose blocks are there and whose manifest is not yet. To be read.
struct Staged<'a, S> {
    store: &'a S,
    manifest: &'a (u64, Vec<u8>),
}

impl<S: Store> Store for Staged<'_, S> {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, store::Error> {
        self.store.get(name).await
    }

    async fn get_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, store::Error> {
        self.store.get_all(names).await
    }

    async fn list(&self) -> Result<Vec<String>, store::Error> {
        self.store.list().await
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, store::Error> {
        Ok(vec![self.manifest.clone()])
    }

    async fn lock(&self) -> Result<(), store::Error> {
        Err(store::Error::ReadOnly)
    }
}
