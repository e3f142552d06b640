//! One file that holds a whole index: for moving it, and for reading it where it lies.
//!
//! `GOSSEXPT`, format (u32), length of the manifest (u32), the manifest, its blocks in its order, CRC-32 of
//! all before. Numbers are little-endian. The same generation gives the same bytes everywhere.

mod incoming;

use std::collections::HashMap;
use std::ops::Range;
use std::vec;

use super::manifest::{Block, FORMAT, Manifest};
use super::segment::fetch;
use super::{Error, Snapshot};
use crate::store::{self, Store};

const MAGIC: &[u8; 8] = b"GOSSEXPT";
const HEAD: u64 = 16;

fn bad(why: &str) -> Error {
    Error::Import(why.to_owned())
}

/// The length of the manifest, as the first [`HEAD`] bytes tell it.
fn manifest_len(head: &[u8]) -> Result<u32, Error> {
    let rest = head.strip_prefix(MAGIC);
    let rest = rest.ok_or_else(|| bad("it does not begin as one"))?;
    let short = || bad("it is too short");
    let (&found, len) = rest.split_first_chunk().ok_or_else(short)?;
    let found = u32::from_le_bytes(found);
    if found > FORMAT {
        return Err(Error::Newer {
            found,
            supported: FORMAT,
        });
    }
    if found == 0 {
        return Err(bad("there is no format 0"));
    }
    let len = <[u8; 4]>::try_from(len).map_err(|_| short())?;
    Ok(u32::from_le_bytes(len))
}

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
        let len = ranges.size().await?;
        if len < HEAD + 4 {
            return Err(bad("it is too short"));
        }
        let head = ranges.read(0..HEAD).await?;
        let mut at = HEAD + u64::from(manifest_len(&head)?);
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

    async fn list(&self) -> Result<Vec<String>, store::Error> {
        Ok(self.blocks.keys().cloned().collect())
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

/// An export on its way out: the parts of the file, each read when it is asked for.
#[derive(Debug)]
pub struct Export<S> {
    snapshot: Snapshot<S>,
    head: Option<Vec<u8>>,
    blocks: vec::IntoIter<Block>,
    /// Of what was given out; gone at the end.
    crc: Option<crc32fast::Hasher>,
}

impl<S: Store> Export<S> {
    /// The next part, or nothing after the last. Fails if a block is damaged.
    pub async fn part(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some(crc) = &mut self.crc else {
            return Ok(None);
        };
        let part = if let Some(head) = self.head.take() {
            head
        } else if let Some(block) = self.blocks.next() {
            let bytes = fetch(&self.snapshot.inner.store, &block).await?;
            bytes.map_err(|why| Error::damaged(format!("block {}", block.name()), why))?
        } else {
            let crc = self.crc.take().unwrap_or_default().finalize();
            return Ok(Some(crc.to_le_bytes().into()));
        };
        crc.update(&part);
        Ok(Some(part))
    }
}

impl<S: Store> Snapshot<S> {
    /// This generation as one file, to be read part by part: no more than one block is in memory.
    pub fn parts(self) -> Result<Export<S>, Error> {
        let manifest = self.state.manifest.encode()?;
        let mut head = Vec::with_capacity(HEAD as usize + manifest.len());
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&FORMAT.to_le_bytes());
        head.extend_from_slice(&(manifest.len() as u32).to_le_bytes());
        head.extend_from_slice(&manifest);
        let blocks: Vec<Block> = self.state.manifest.blocks().collect();
        Ok(Export {
            snapshot: self,
            head: Some(head),
            blocks: blocks.into_iter(),
            crc: Some(crc32fast::Hasher::new()),
        })
    }

    /// Writes this generation as one file, in parts as they are read. Fails if a block is damaged.
    pub async fn export(
        &self,
        mut write: impl FnMut(&[u8]) -> Result<(), store::Error>,
    ) -> Result<(), Error> {
        let mut parts = self.clone().parts()?;
        while let Some(part) = parts.part().await? {
            write(&part)?;
        }
        Ok(())
    }
}
