//! One file that holds a whole index: for moving it, and for reading it where it lies.
//!
//! `GOSSEXPT`, format (u32), length of the manifest (u32), the manifest, its blocks in its order, CRC-32 of
//! all before. Numbers are little-endian. The same generation gives the same bytes everywhere.

use std::collections::HashMap;
use std::ops::Range;

use super::manifest::{FORMAT, Manifest};
use super::segment::fetch;
use super::{Error, Index, Snapshot};
use crate::store::{self, Store};

const MAGIC: &[u8; 8] = b"GOSSEXPT";
const HEAD: u64 = 16;

/// A source of bytes by range: a file in memory, on disk, or on a web server.
#[allow(async_fn_in_trait)]
pub trait Ranges {
    /// Bytes in all.
    async fn size(&self) -> Result<u64, store::Error>;
    /// The bytes of a range that lies within `len`.
    async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, store::Error>;
    /// The bytes of several ranges, in their order. Sources with a round trip to pay ask for all at once.
    async fn read_all(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>, store::Error> {
        let mut parts = Vec::with_capacity(ranges.len());
        for range in ranges {
            parts.push(self.read(range.clone()).await?);
        }
        Ok(parts)
    }
}

impl Ranges for &[u8] {
    async fn size(&self) -> Result<u64, store::Error> {
        Ok(<[u8]>::len(self) as u64)
    }

    async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, store::Error> {
        let bytes = self.get(range.start as usize..range.end as usize);
        bytes.map(<[u8]>::to_vec).ok_or_else(short)
    }
}

/// An exported index as a store that can only be read. Blocks are fetched when they are needed, and checked
/// against the manifest like those of any store; the manifest has its own checksum.
#[derive(Debug)]
pub struct Archive<R> {
    ranges: R,
    manifest: (u64, Vec<u8>),
    blocks: HashMap<String, Range<u64>>,
}

impl<R: Ranges> Archive<R> {
    /// Reads the head and the manifest of an export.
    pub async fn open(ranges: R) -> Result<Self, Error> {
        let bad = |why: &str| Error::Import(why.to_owned());
        let len = ranges.size().await?;
        if len < HEAD + 4 {
            return Err(bad("it is too short"));
        }
        let head = ranges.read(0..HEAD).await?;
        let Some(rest) = head.strip_prefix(MAGIC) else {
            return Err(bad("it does not begin as one"));
        };
        let Some(([a, b, c, d], size)) = rest.split_first_chunk() else {
            return Err(bad("it is too short"));
        };
        let found = u32::from_le_bytes([*a, *b, *c, *d]);
        if found > FORMAT {
            return Err(Error::Newer {
                found,
                supported: FORMAT,
            });
        }
        if found == 0 {
            return Err(bad("there is no format 0"));
        }
        let size = <[u8; 4]>::try_from(size).map_err(|_| bad("it is too short"))?;
        let mut at = HEAD + u64::from(u32::from_le_bytes(size));
        if at + 4 > len {
            return Err(bad("it ends within the manifest"));
        }
        let bytes = ranges.read(HEAD..at).await?;
        let manifest = Manifest::decode(&bytes)?;
        let mut blocks = HashMap::new();
        for block in manifest.blocks() {
            let range = at..at + u64::from(block.len);
            at = range.end;
            if blocks.insert(block.name(), range).is_some() {
                return Err(bad("it holds a block twice"));
            }
        }
        if at + 4 != len {
            return Err(bad("it is not as long as its blocks"));
        }
        Ok(Self {
            ranges,
            manifest: (manifest.generation, bytes),
            blocks,
        })
    }

    /// Where it is read from.
    pub fn ranges(&self) -> &R {
        &self.ranges
    }
}

impl<R: Ranges> Store for Archive<R> {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, store::Error> {
        match self.blocks.get(name) {
            Some(range) => self.ranges.read(range.clone()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Blocks that lie next to each other are read together.
    async fn get_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, store::Error> {
        let mut wanted: Vec<(usize, &Range<u64>)> = names
            .iter()
            .enumerate()
            .filter_map(|(i, name)| Some((i, self.blocks.get(name)?)))
            .collect();
        wanted.sort_unstable_by_key(|(_, range)| range.start);
        let mut runs: Vec<Range<u64>> = Vec::new();
        for (_, range) in &wanted {
            match runs.last_mut() {
                Some(run) if run.end == range.start => run.end = range.end,
                _ => runs.push((*range).clone()),
            }
        }
        let parts = self.ranges.read_all(&runs).await?;
        let mut found = vec![None; names.len()];
        for (i, range) in wanted {
            let run = runs.partition_point(|run| run.end < range.end);
            let part = runs.get(run).zip(parts.get(run)).and_then(|(run, part)| {
                let from = (range.start - run.start) as usize;
                part.get(from..from + (range.end - range.start) as usize)
            });
            found[i] = Some(part.ok_or_else(short)?.to_vec());
        }
        Ok(found)
    }

    async fn put(&self, _: &str, _: &[u8]) -> Result<(), store::Error> {
        Err(store::Error::ReadOnly)
    }

    async fn delete(&self, _: &str) -> Result<(), store::Error> {
        Err(store::Error::ReadOnly)
    }

    async fn list(&self) -> Result<Vec<String>, store::Error> {
        Ok(self.blocks.keys().cloned().collect())
    }

    async fn swap(&self, _: u64, _: &[u8]) -> Result<(), store::Error> {
        Err(store::Error::ReadOnly)
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, store::Error> {
        Ok(vec![self.manifest.clone()])
    }

    async fn lock(&self) -> Result<(), store::Error> {
        Err(store::Error::ReadOnly)
    }
}

fn short() -> store::Error {
    store::Error::Io {
        doing: "reading an export".into(),
        why: "it is shorter than it says".into(),
    }
}

impl<S: Store> Snapshot<S> {
    /// Writes this generation as one file, in parts as they are read. Fails if a block is damaged.
    pub async fn export(
        &self,
        mut write: impl FnMut(&[u8]) -> Result<(), store::Error>,
    ) -> Result<(), Error> {
        let mut crc = crc32fast::Hasher::new();
        let mut both = |bytes: &[u8]| {
            crc.update(bytes);
            write(bytes)
        };
        let manifest = self.state.manifest.encode()?;
        both(MAGIC)?;
        both(&FORMAT.to_le_bytes())?;
        both(&(manifest.len() as u32).to_le_bytes())?;
        both(&manifest)?;
        for block in self.state.manifest.blocks() {
            let bytes = fetch(&self.inner.store, &block).await?;
            both(&bytes.map_err(|why| Error::damaged(format!("block {}", block.name()), why))?)?;
        }
        write(&crc.finalize().to_le_bytes())?;
        Ok(())
    }
}

impl<S: Store> Index<S> {
    /// Fills an empty store from an export. The file is taken as hostile: all of it is checked and decoded
    /// before anything is written.
    pub async fn import(store: S, file: &[u8]) -> Result<Self, Error> {
        let Some((body, crc)) = file.split_last_chunk() else {
            return Err(Error::Import("it is too short".into()));
        };
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(Error::Import("its checksum does not match".into()));
        }
        let archive = Archive::open(file).await?;
        let names = archive.list().await?;
        let (generation, manifest) = archive.manifest.clone();
        let index = Index::open(archive).await?;
        let report = index.snapshot().verify().await?;
        if let Some(finding) = report.damaged.first() {
            return Err(Error::Import(format!(
                "its {}: {}",
                finding.part, finding.why
            )));
        }
        store.lock().await?;
        let filled = fill(&store, index.store(), &names, generation, &manifest).await;
        store.unlock();
        filled?;
        Self::open(store).await
    }
}

async fn fill<S: Store, R: Ranges>(
    store: &S,
    archive: &Archive<R>,
    names: &[String],
    generation: u64,
    manifest: &[u8],
) -> Result<(), Error> {
    if !store.manifests().await?.is_empty() {
        return Err(Error::Exists);
    }
    let filled = async {
        for name in names {
            if let Some(bytes) = archive.get(name).await? {
                store.put(name, &bytes).await?;
            }
        }
        store.swap(generation, manifest).await
    };
    let filled = filled.await;
    // A store that is full must not stay full of half an import. A swap that failed may be visible all the
    // same: then everything stays.
    if filled.is_err() && store.manifests().await.is_ok_and(|m| m.is_empty()) {
        for name in names {
            let _ = store.delete(name).await;
        }
    }
    Ok(filled?)
}
