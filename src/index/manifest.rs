//! The manifest: everything about one generation that is not in a block.
//!
//! `docs/format.md` describes every byte. The last four bytes are the CRC-32 of all before them in every
//! version, so that damage is told from a newer version.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Error;
use crate::model::ModelId;
use crate::text::blocks::DEFLATE_MOST;

/// The format this version writes, and the newest it reads.
pub const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"GOSSAMER";

/// One generation of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Grows by at least one with every commit.
    pub generation: u64,
    /// The model whose embeddings were coded.
    pub model: ModelId,
    /// SHA-256 of the codec file.
    pub codec: [u8; 32],
    /// The codec file itself, where it is not the bundled one.
    pub codec_block: Option<Block>,
    /// Where the index lies in the model's space; empty until the first chunk is coded.
    pub frame: Vec<u8>,
    /// Whether the text is kept in the index.
    pub keeps_text: bool,
    /// More than the number of any segment so far.
    pub next_segment: u64,
    /// Oldest first.
    #[serde(deserialize_with = "list")]
    pub segments: Vec<SegmentInfo>,
}

/// One immutable segment, and what has been removed from it since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentInfo {
    pub number: u64,
    pub documents: u32,
    pub chunks: u32,
    pub text_bytes: u64,
    #[serde(deserialize_with = "list")]
    pub pages: Vec<Page>,
    /// Numbers of removed documents, ascending, each as the difference to the one before, less one.
    pub removed: Vec<u32>,
    /// Chunks of the removed documents.
    pub removed_chunks: u32,
}

/// A block of a segment and the stretch of it that it holds. Pages of one kind follow each other in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub block: Block,
    pub holds: Holds,
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Holds {
    /// Ids, titles, metadata and hashes of so many documents.
    Documents { documents: u32 },
    /// Borders of so many documents, chunks and bytes of text.
    Table {
        documents: u32,
        chunks: u32,
        bytes: u64,
    },
    /// Codes of so many chunks.
    Codes { chunks: u32 },
    /// So much text.
    Text { bytes: u64, utf16: u64 },
    /// The graph over all chunks.
    Graph,
}

/// Where a block is, how long, and its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Block {
    /// Generation that wrote it.
    pub generation: u64,
    /// Number within that generation.
    pub number: u32,
    pub len: u32,
    pub crc: u32,
}

/// A list that takes memory as its items come: one byte can claim a length that nothing pays for.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    struct Items<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut found = Vec::new();
            while let Some(item) = items.next_element()? {
                found.push(item);
            }
            Ok(found)
        }
    }
    from.deserialize_seq(Items(PhantomData))
}

impl Block {
    pub(crate) fn of(generation: u64, number: u32, bytes: &[u8]) -> Self {
        Self {
            generation,
            number,
            len: bytes.len() as u32,
            crc: crc32fast::hash(bytes),
        }
    }

    /// The checksum is part of the name, so two writers of one generation never share a name.
    pub(crate) fn name(&self) -> String {
        format!("{:x}-{:x}-{:08x}", self.generation, self.number, self.crc)
    }

    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.len as usize && crc32fast::hash(bytes) == self.crc
    }
}

impl Manifest {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        out = postcard::to_extend(self, out)
            .map_err(|e| Error::damaged("the manifest", e.to_string()))?;
        out.extend(crc32fast::hash(&out).to_le_bytes());
        Ok(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |why: &str| Error::damaged("the manifest", why);
        let (body, crc) = bytes.split_last_chunk().ok_or(damaged("too short"))?;
        if u32::from_le_bytes(*crc) != crc32fast::hash(body) {
            return Err(damaged("its checksum does not match"));
        }
        let body = body
            .strip_prefix(MAGIC)
            .ok_or(damaged("it does not begin as one"))?;
        let (version, body) = body.split_first_chunk().ok_or(damaged("too short"))?;
        let found = u32::from_le_bytes(*version);
        if found > FORMAT {
            return Err(Error::Newer {
                found,
                supported: FORMAT,
            });
        }
        if found == 0 {
            return Err(damaged("there is no format 0"));
        }
        let (manifest, rest): (Self, _) =
            postcard::take_from_bytes(body).map_err(|e| damaged(&e.to_string()))?;
        if !rest.is_empty() {
            return Err(damaged("bytes are left over"));
        }
        for segment in &manifest.segments {
            segment.check()?;
        }
        Ok(manifest)
    }

    /// All blocks.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block> {
        let pages = self.segments.iter().flat_map(|s| &s.pages);
        self.codec_block.into_iter().chain(pages.map(|p| p.block))
    }
}

impl Page {
    /// Whether so much fits into the block. What is lost with a page takes memory in proportion to what the
    /// manifest says it held, so a manifest must not say more than its blocks can pay for.
    fn check(&self) -> Result<(), Error> {
        let len = u64::from(self.block.len);
        let fits = match self.holds {
            // A hash each.
            Holds::Documents { documents } => (1..=len / 8).contains(&u64::from(documents)),
            // Two bytes and two bits at the least.
            Holds::Table {
                documents, chunks, ..
            } => (1..=len / 2).contains(&u64::from(documents)) && u64::from(chunks) <= 4 * len,
            Holds::Codes { chunks } => (1..=len).contains(&u64::from(chunks)),
            Holds::Text { bytes, .. } => {
                (1..=len.saturating_mul(DEFLATE_MOST as u64)).contains(&bytes)
            }
            Holds::Graph => len > 0,
        };
        if fits {
            return Ok(());
        }
        Err(Error::damaged(
            "the manifest",
            "a page that cannot hold what it is said to",
        ))
    }
}

impl SegmentInfo {
    /// The numbers of the removed documents.
    pub(crate) fn removed(&self) -> impl Iterator<Item = u32> {
        self.removed.iter().scan(0u32, |next, gap| {
            let number = next.wrapping_add(*gap);
            *next = number.wrapping_add(1);
            Some(number)
        })
    }

    /// Replaces the removed documents; `numbers` ascend.
    pub(crate) fn set_removed(&mut self, numbers: impl Iterator<Item = u32>) {
        let mut next = 0;
        self.removed = numbers
            .map(|n| n - std::mem::replace(&mut next, n + 1))
            .collect();
    }

    /// Whether it has a graph.
    pub(crate) fn has_graph(&self) -> bool {
        self.pages.iter().any(|page| page.holds == Holds::Graph)
    }

    /// Chunks that are not removed.
    pub(crate) fn live_chunks(&self) -> u32 {
        self.chunks - self.removed_chunks
    }

    /// Whether the counts agree with each other, so that the rest of the code may add without fear.
    fn check(&self) -> Result<(), Error> {
        let damaged = |why| Error::damaged("the manifest", why);
        let (mut documents, mut tabled, mut chunks, mut coded) = (0u64, 0u64, 0u64, 0u64);
        let (mut text, mut bytes) = (0u128, 0u128);
        for page in &self.pages {
            page.check()?;
            match page.holds {
                Holds::Documents { documents: n } => documents += u64::from(n),
                Holds::Table {
                    documents: n,
                    chunks: c,
                    bytes: b,
                } => {
                    tabled += u64::from(n);
                    chunks += u64::from(c);
                    bytes += u128::from(b);
                }
                Holds::Codes { chunks: c } => coded += u64::from(c),
                Holds::Text { bytes: b, utf16 } => {
                    if utf16 > b {
                        return Err(damaged("more UTF-16 units than bytes"));
                    }
                    text += u128::from(b);
                }
                Holds::Graph => {}
            }
        }
        let (d, c, t) = (
            u64::from(self.documents),
            u64::from(self.chunks),
            u128::from(self.text_bytes),
        );
        if documents != d || tabled != d || chunks != c || coded != c || bytes != t {
            return Err(damaged("the counts of a segment do not add up"));
        }
        if text != t && text != 0 {
            return Err(damaged("the text of a segment does not add up"));
        }
        let mut last = None;
        let mut sum = 0u64;
        for gap in &self.removed {
            sum += u64::from(*gap) + u64::from(last.is_some());
            last = Some(sum);
        }
        if last.is_some_and(|last| last >= d) || self.removed_chunks > self.chunks {
            return Err(damaged("removed documents that never were"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(pages: Vec<Page>, counts: (u32, u32, u64)) -> Result<Manifest, Error> {
        let manifest = Manifest {
            generation: 1,
            model: ModelId {
                name: "m".into(),
                sha256: [0; 32],
            },
            codec: [0; 32],
            codec_block: None,
            frame: Vec::new(),
            keeps_text: true,
            next_segment: 1,
            segments: vec![SegmentInfo {
                number: 0,
                documents: counts.0,
                chunks: counts.1,
                text_bytes: counts.2,
                pages,
                removed: Vec::new(),
                removed_chunks: 0,
            }],
        };
        Manifest::decode(&manifest.encode()?)
    }

    fn page(len: u32, holds: Holds) -> Page {
        let (generation, number, crc) = (1, 0, 0);
        let block = Block {
            generation,
            number,
            len,
            crc,
        };
        Page { block, holds }
    }

    #[test]
    fn a_manifest_cannot_promise_more_than_its_blocks_can_hold() {
        let pages = |documents, chunks, bytes, [d, t, c, x]: [u32; 4]| {
            vec![
                page(d, Holds::Documents { documents }),
                page(
                    t,
                    Holds::Table {
                        documents,
                        chunks,
                        bytes,
                    },
                ),
                page(c, Holds::Codes { chunks }),
                page(x, Holds::Text { bytes, utf16: 1 }),
            ]
        };
        let of = |documents, chunks, bytes, lens| {
            let counts = (documents, chunks, bytes);
            manifest(pages(documents, chunks, bytes, lens), counts)
        };
        assert!(of(2, 8, 99, [16, 4, 168, 9]).is_ok());
        // Each block a byte too short, or as good as empty.
        for lens in [
            [15, 4, 168, 9],
            [16, 1, 168, 9],
            [16, 4, 7, 9],
            [16, 4, 168, 0],
        ] {
            assert!(of(2, 8, 99, lens).is_err(), "{lens:?}");
        }
        assert!(of(u32::MAX, u32::MAX, 1 << 50, [99; 4]).is_err());
        // Chunks without a document to be in.
        assert!(of(0, 8, 99, [16, 4, 168, 9]).is_err());
    }
}
