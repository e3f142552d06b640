//! Writing a segment: pages are put into the store as they fill, so that no text piles up in memory.

use super::Error;
use super::documents::{self, Entry};
use super::manifest::{Block, Holds, Page, SegmentInfo};
use super::table::{self, Borders};
use crate::codec::Codes;
use crate::store::Store;
use crate::text::blocks::PageBuilder;

/// Stored bytes after which a page of text, codes or documents is closed. A page is what a damaged block
/// costs and what one passage costs to fetch; every page adds some 20 bytes to the manifest.
const PAGE: usize = 48 * 1024;
/// Chunks after which a page of the table is closed: about 48 KiB as well.
const TABLE_CHUNKS: usize = 32 * 1024;
/// The same for documents.
const TABLE_DOCUMENTS: usize = 16 * 1024;

/// Names and puts blocks of one generation.
#[derive(Debug)]
pub(crate) struct Blocks<'a, S> {
    store: &'a S,
    generation: u64,
    names: Vec<String>,
}

impl<'a, S: Store> Blocks<'a, S> {
    pub(crate) fn new(store: &'a S, generation: u64) -> Self {
        Self {
            store,
            generation,
            names: Vec::new(),
        }
    }

    /// A number for the segment that they make up: one that no segment ever had, even in a commit that failed
    /// after it was visible. What is remembered of a segment may be filed under it.
    pub(crate) fn segment_number(&self) -> u64 {
        self.generation
    }

    /// The generation, and the names of all blocks that were tried to put.
    pub(crate) fn done(self) -> (u64, Vec<String>) {
        (self.generation, self.names)
    }

    pub(crate) async fn put(&mut self, bytes: &[u8]) -> Result<Block, Error> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Error::damaged("a block", "it is larger than 4 GiB"));
        }
        let block = Block::of(self.generation, self.names.len() as u32, bytes);
        self.names.push(block.name());
        self.store.put(&block.name(), bytes).await?;
        Ok(block)
    }
}

/// A segment being written.
#[derive(Debug)]
pub(crate) struct Builder {
    keeps_text: bool,
    entries: Vec<Entry>,
    borders: Vec<Borders>,
    text: PageBuilder,
    pages: Vec<Page>,
    open_bytes: usize,
    open_chunks: usize,
    documents: u32,
    chunks: u32,
    text_bytes: u64,
}

impl Builder {
    pub(crate) fn new(keeps_text: bool) -> Self {
        Self {
            keeps_text,
            entries: Vec::new(),
            borders: Vec::new(),
            text: PageBuilder::default(),
            pages: Vec::new(),
            open_bytes: 0,
            open_chunks: 0,
            documents: 0,
            chunks: 0,
            text_bytes: 0,
        }
    }

    pub(crate) fn documents(&self) -> u32 {
        self.documents
    }

    /// Appends a document. `text` is needed only if the index keeps it.
    pub(crate) async fn push<S: Store>(
        &mut self,
        blocks: &mut Blocks<'_, S>,
        entry: Entry,
        borders: Borders,
        text: &str,
    ) -> Result<(), Error> {
        self.documents += 1;
        self.chunks += borders.chunks.len() as u32;
        self.text_bytes += u64::from(borders.text_len);
        self.open_bytes += entry.bytes();
        self.open_chunks += borders.chunks.len();
        self.entries.push(entry);
        self.borders.push(borders);
        if self.open_bytes >= 2 * PAGE {
            self.close_documents(blocks).await?;
        }
        if self.open_chunks >= TABLE_CHUNKS || self.borders.len() >= TABLE_DOCUMENTS {
            self.close_table(blocks).await?;
        }
        if self.keeps_text {
            // In parts, so that a large document is spread over pages.
            let mut rest = text;
            while !rest.is_empty() {
                let (part, more) = rest.split_at(rest.floor_char_boundary(PAGE));
                rest = more;
                self.text.push(part);
                if self.text.stored() >= PAGE {
                    self.close_text(blocks).await?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is open, the codes and the graph. The caller numbers the segment.
    pub(crate) async fn finish<S: Store>(
        mut self,
        blocks: &mut Blocks<'_, S>,
        number: u64,
        codes: &Codes,
        graph: Option<&[u8]>,
    ) -> Result<SegmentInfo, Error> {
        if codes.len() != self.chunks as usize {
            return Err(Error::damaged(
                "a new segment",
                "one code per chunk is needed",
            ));
        }
        self.close_documents(blocks).await?;
        self.close_table(blocks).await?;
        self.close_text(blocks).await?;
        let per_page = (PAGE / codes.stride()).max(1) as u32;
        for from in (0..self.chunks).step_by(per_page as usize) {
            let to = self.chunks.min(from.saturating_add(per_page));
            let page = if to - from == self.chunks {
                codes.to_bytes()
            } else {
                codes.retain(|id| (from..to).contains(&id)).to_bytes()
            };
            self.add(blocks, &page, Holds::Codes { chunks: to - from })
                .await?;
        }
        if let Some(graph) = graph {
            self.add(blocks, graph, Holds::Graph).await?;
        }
        Ok(SegmentInfo {
            number,
            documents: self.documents,
            chunks: self.chunks,
            text_bytes: self.text_bytes,
            pages: self.pages,
            removed: Vec::new(),
            removed_chunks: 0,
        })
    }

    async fn add<S: Store>(
        &mut self,
        blocks: &mut Blocks<'_, S>,
        bytes: &[u8],
        holds: Holds,
    ) -> Result<(), Error> {
        let block = blocks.put(bytes).await?;
        self.pages.push(Page { block, holds });
        Ok(())
    }

    async fn close_documents<S: Store>(&mut self, blocks: &mut Blocks<'_, S>) -> Result<(), Error> {
        let entries = std::mem::take(&mut self.entries);
        self.open_bytes = 0;
        if entries.is_empty() {
            return Ok(());
        }
        let documents = entries.len() as u32;
        let page = documents::encode(&entries);
        self.add(blocks, &page, Holds::Documents { documents })
            .await
    }

    async fn close_table<S: Store>(&mut self, blocks: &mut Blocks<'_, S>) -> Result<(), Error> {
        let borders = std::mem::take(&mut self.borders);
        self.open_chunks = 0;
        if borders.is_empty() {
            return Ok(());
        }
        let holds = Holds::Table {
            documents: borders.len() as u32,
            chunks: borders.iter().map(|b| b.chunks.len() as u32).sum(),
            bytes: borders.iter().map(|b| u64::from(b.text_len)).sum(),
        };
        let page = table::encode(&borders);
        self.add(blocks, &page, holds).await
    }

    async fn close_text<S: Store>(&mut self, blocks: &mut Blocks<'_, S>) -> Result<(), Error> {
        let Some(page) = self.text.finish() else {
            return Ok(());
        };
        let holds = Holds::Text {
            bytes: page.text_bytes,
            utf16: page.text_utf16,
        };
        self.add(blocks, &page.bytes, holds).await
    }
}
