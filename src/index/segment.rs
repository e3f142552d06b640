//! A segment opened for reading: the hot parts in memory, documents and text fetched page by page.
//!
//! A page that is missing or damaged costs its own documents: they are marked as lost and stay out of every
//! answer, the rest goes on.

use std::collections::VecDeque;
use std::ops::Range;

use super::Error;
use super::documents::{self, Entry};
use super::manifest::{Block, Holds, Page, SegmentInfo};
use super::table::{self, Table};
use crate::codec::{Coder, Codes};
use crate::graph::Graph;
use crate::store::Store;
use crate::text::blocks::PageReader;
use crate::text::utf16_len;

/// What is wrong with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub block: Block,
    /// What the block holds, in a word or two.
    pub part: &'static str,
    pub why: &'static str,
    /// Documents of the segment that it concerns.
    pub documents: Range<u32>,
}

/// Why a block cannot be read if it is not there.
const MISSING: &str = "it is missing";

impl Damage {
    /// Whether the block is not there at all.
    pub(crate) fn missing(&self) -> bool {
        self.why == MISSING
    }
}

/// The hot parts of a segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub number: u64,
    pub table: Table,
    pub codes: Codes,
    /// None: the segment is small, or its graph is damaged. It is scanned flat.
    pub graph: Option<Graph>,
    /// Damage found while opening.
    pub damage: Vec<Damage>,
    /// Documents pages: the first document of each, ascending.
    entry_pages: Vec<(u32, u32, Block)>,
    /// Text pages: where each begins in the segment's text.
    text_pages: Vec<TextPage>,
}

#[derive(Clone, Copy, Debug)]
struct TextPage {
    start: u64,
    end: u64,
    utf16: u64,
    block: Block,
}

/// Reads a block and checks it against its checksum.
pub(crate) async fn fetch<S: Store>(
    store: &S,
    block: &Block,
) -> Result<Result<Vec<u8>, &'static str>, Error> {
    Ok(checked(block, store.get(&block.name()).await?))
}

fn checked(block: &Block, bytes: Option<Vec<u8>>) -> Result<Vec<u8>, &'static str> {
    match bytes {
        None => Err(MISSING),
        Some(bytes) if block.matches(&bytes) => Ok(bytes),
        Some(_) => Err("its checksum does not match"),
    }
}

/// Blocks read at once while a segment is opened: about 1.5 MB.
const TOGETHER: usize = 32;

/// Reads the blocks of `pages` and calls `each` with every page and its bytes, in order.
async fn fetch_each<S: Store>(
    store: &S,
    pages: &[&Page],
    mut each: impl FnMut(&Page, Result<Vec<u8>, &'static str>),
) -> Result<(), Error> {
    for pages in pages.chunks(TOGETHER) {
        let names: Vec<String> = pages.iter().map(|page| page.block.name()).collect();
        let read = store.get_all(&names).await?;
        for (page, bytes) in pages.iter().zip(read) {
            each(page, checked(&page.block, bytes));
        }
    }
    Ok(())
}

impl Segment {
    /// Reads table, codes and graph.
    pub(crate) async fn open<S: Store>(
        store: &S,
        info: &SegmentInfo,
        coder: &Coder,
    ) -> Result<Self, Error> {
        let mut segment = Self {
            number: info.number,
            table: Table::new(),
            codes: coder.codes(),
            graph: None,
            damage: Vec::new(),
            entry_pages: Vec::new(),
            text_pages: Vec::new(),
        };
        let (mut entries, mut text) = (0, 0);
        let mut hot = Vec::new();
        for page in &info.pages {
            let block = page.block;
            match page.holds {
                Holds::Documents { documents } => {
                    segment
                        .entry_pages
                        .push((entries, entries + documents, block));
                    entries += documents;
                }
                Holds::Text { bytes, utf16 } => {
                    segment.text_pages.push(TextPage {
                        start: text,
                        end: text + bytes,
                        utf16,
                        block,
                    });
                    text += bytes;
                }
                Holds::Table { .. } | Holds::Codes { .. } | Holds::Graph => hot.push(page),
            }
        }
        let mut lost_codes = Vec::new();
        let mut graph = None;
        fetch_each(store, &hot, |page, read| {
            let lost = segment.take(coder, page, read, &mut graph);
            lost_codes.extend(lost);
        })
        .await?;
        for (block, why, chunks) in lost_codes {
            let first = segment.table.document_of(chunks.start);
            let last = segment.table.document_of(chunks.end - 1);
            segment.damage.push(Damage {
                block,
                part: "codes",
                why,
                documents: first..last + 1,
            });
        }
        if let Some((block, read)) = graph {
            let read = read.and_then(|bytes| {
                Graph::from_bytes(&bytes, segment.codes.len()).map_err(|_| "it does not decode")
            });
            match read {
                Ok(graph) => segment.graph = Some(graph),
                // Nobody is lost without it.
                Err(why) => segment.damage.push(Damage {
                    block,
                    part: "graph",
                    why,
                    documents: 0..0,
                }),
            }
        }
        Ok(segment)
    }

    /// Takes in a page of the table, the codes or the graph. Returns the chunks whose codes are lost.
    fn take(
        &mut self,
        coder: &Coder,
        page: &Page,
        read: Result<Vec<u8>, &'static str>,
        graph: &mut Option<(Block, Result<Vec<u8>, &'static str>)>,
    ) -> Option<(Block, &'static str, Range<u32>)> {
        let block = page.block;
        match page.holds {
            Holds::Table {
                documents,
                chunks,
                bytes,
            } => {
                let first = self.table.documents() as u32;
                let read = read.and_then(|page| {
                    table::decode(&page, documents, chunks, bytes, &mut self.table)
                        .map_err(|_| "it does not decode")
                });
                if let Err(why) = read {
                    self.table.push_lost(documents, chunks, bytes);
                    self.damage.push(Damage {
                        block,
                        part: "chunk table",
                        why,
                        documents: first..first + documents,
                    });
                }
            }
            Holds::Codes { chunks } => {
                let first = self.codes.len() as u32;
                let read = read.and_then(|page| {
                    let codes = coder.load(&page).map_err(|_| "it does not decode")?;
                    if codes.len() != chunks as usize {
                        return Err("it holds another number of codes");
                    }
                    self.codes
                        .append(&codes)
                        .map_err(|_| "it is of another codec")
                });
                if let Err(why) = read {
                    self.codes.push_blank(chunks as usize);
                    return Some((block, why, first..first + chunks));
                }
            }
            // It needs the number of all codes.
            Holds::Graph => *graph = Some((block, read)),
            Holds::Documents { .. } | Holds::Text { .. } => {}
        }
        None
    }

    /// Pages of documents: which documents, and the block.
    pub(crate) fn entry_pages(&self) -> &[(u32, u32, Block)] {
        &self.entry_pages
    }

    /// Id, title and metadata of all documents of a page.
    pub(crate) async fn entries<S: Store>(
        &self,
        store: &S,
        page: usize,
    ) -> Result<Result<Vec<Entry>, Damage>, Error> {
        let (from, to, block) = self.entry_pages[page];
        let read = fetch(store, &block).await?.and_then(|bytes| {
            documents::decode(&bytes, to - from).map_err(|_| "it does not decode")
        });
        Ok(read.map_err(|why| Damage {
            block,
            part: "documents",
            why,
            documents: from..to,
        }))
    }

    /// The page of documents that a document is in.
    pub(crate) fn entry_page_of(&self, document: u32) -> usize {
        self.entry_pages.partition_point(|page| page.1 <= document)
    }

    /// Blocks of the text pages, each with the documents it concerns.
    pub(crate) fn text_blocks(&self) -> impl Iterator<Item = (Block, Range<u32>, u64, u64)> {
        self.text_pages.iter().map(|page| {
            let documents = self.table.documents_at(page.start..page.end);
            (page.block, documents, page.end - page.start, page.utf16)
        })
    }

    /// Blocks that a stretch of text lies in.
    pub(crate) fn blocks_of(&self, range: Range<u64>) -> impl Iterator<Item = Block> {
        let pages = &self.text_pages[self.pages_of(&range)];
        pages.iter().map(|page| page.block)
    }

    /// Text pages that a stretch of text lies in.
    fn pages_of(&self, range: &Range<u64>) -> Range<usize> {
        let first = self.text_pages.partition_point(|p| p.end <= range.start);
        let last = self.text_pages.partition_point(|p| p.start < range.end);
        first..last.max(first)
    }

    /// The text of a byte range of the segment's text; pages come from `cache`.
    pub(crate) async fn text<S: Store>(
        &self,
        store: &S,
        range: Range<u64>,
        cache: &mut Cache,
    ) -> Result<Result<String, Damage>, Error> {
        let mut out = String::new();
        for at in self.pages_of(&range) {
            let page = self.text_pages[at];
            cache.fetch(store, &page.block).await?;
            let read = cache.each(&page.block, page.part(&range), |_, text| out.push_str(text));
            if let Err(why) = read {
                return Ok(Err(self.text_damage(&page, why)));
            }
        }
        Ok(Ok(out))
    }

    /// UTF-16 units of a byte range of the segment's text.
    pub(crate) async fn utf16<S: Store>(
        &self,
        store: &S,
        range: Range<u64>,
        cache: &mut Cache,
    ) -> Result<Result<u64, Damage>, Error> {
        let mut units = 0;
        for at in self.pages_of(&range) {
            let page = self.text_pages[at];
            if range.start <= page.start && page.end <= range.end {
                units += page.utf16;
                continue;
            }
            cache.fetch(store, &page.block).await?;
            let read = cache.each(&page.block, page.part(&range), |whole, text| {
                units += whole.unwrap_or_else(|| utf16_len(text)) as u64;
            });
            if let Err(why) = read {
                return Ok(Err(self.text_damage(&page, why)));
            }
        }
        Ok(Ok(units))
    }

    fn text_damage(&self, page: &TextPage, why: &'static str) -> Damage {
        Damage {
            block: page.block,
            part: "text",
            why,
            documents: self.table.documents_at(page.start..page.end),
        }
    }
}

impl TextPage {
    /// The part of a range of the segment's text that lies in this page, from its start.
    fn part(&self, range: &Range<u64>) -> Range<usize> {
        let part = range.start.max(self.start)..range.end.min(self.end);
        (part.start - self.start) as usize..(part.end - self.start) as usize
    }
}

/// The text pages used last, and the pieces of them that were inflated last.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pages: VecDeque<(Block, Result<Vec<u8>, &'static str>)>,
    pieces: VecDeque<((Block, usize), String)>,
}

/// Pages and pieces kept: 1.5 MB and 1 MB, which serves the candidates of one query.
const CACHED: usize = 32;

impl Cache {
    /// Fetches at once the pages that the next passages lie in, as far as they have room.
    pub(crate) async fn prefetch<S: Store>(
        &mut self,
        store: &S,
        blocks: impl Iterator<Item = Block>,
    ) -> Result<(), Error> {
        let mut missing: Vec<Block> = Vec::new();
        for block in blocks {
            let here = self.pages.iter().any(|(b, _)| *b == block) || missing.contains(&block);
            if !here && missing.len() < CACHED {
                missing.push(block);
            }
        }
        let names: Vec<String> = missing.iter().map(Block::name).collect();
        let read = store.get_all(&names).await?;
        self.pages.truncate(CACHED - missing.len());
        for (block, bytes) in missing.into_iter().zip(read) {
            self.pages.push_front((block, checked(&block, bytes)));
        }
        Ok(())
    }

    /// Makes sure that a page is here, or why it is not.
    async fn fetch<S: Store>(&mut self, store: &S, block: &Block) -> Result<(), Error> {
        if !self.pages.iter().any(|(b, _)| b == block) {
            let page = fetch(store, block).await?;
            self.pages.truncate(CACHED - 1);
            self.pages.push_front((*block, page));
        }
        Ok(())
    }

    /// Calls `each` with the parts of a range of a fetched page; for a whole piece with its UTF-16 units.
    fn each(
        &mut self,
        block: &Block,
        range: Range<usize>,
        mut each: impl FnMut(Option<usize>, &str),
    ) -> Result<(), &'static str> {
        let Self { pages, pieces } = self;
        let page = pages.iter().find(|(b, _)| b == block);
        let bytes = page.map_or(Err(MISSING), |(_, page)| {
            page.as_deref().map_err(|why| *why)
        })?;
        let decodes = |_| "it does not decode";
        let reader = PageReader::open(bytes).map_err(decodes)?;
        if range.end > reader.text_bytes() {
            return Err("it holds less text");
        }
        for (number, part) in reader.locate(range) {
            let key = (*block, number);
            let at = match pieces.iter().position(|(k, _)| *k == key) {
                Some(at) => at,
                None => {
                    let text = reader.inflate(number).map_err(decodes)?;
                    pieces.truncate(CACHED - 1);
                    pieces.push_front((key, text));
                    0
                }
            };
            let text = pieces[at]
                .1
                .get(part.clone())
                .ok_or("a passage ends inside a character")?;
            each(reader.utf16_of(number, &part), text);
        }
        Ok(())
    }
}
