//! The chunk table: where each document and each chunk lies in the text of its segment.
//!
//! A chunk is its gap to the end of the one before and its length. Gaps are nearly always the same, so they
//! cost a bit; lengths scatter about their median and cost their entropy and a quarter bit in a Rice code.
//! Layout: `docs/format.md`.

use std::ops::Range;

use crate::wire::{
    BitReader, BitWriter, Malformed, Reader, put_varint, rice_cost, unzigzag, zigzag,
};

/// Borders of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Borders {
    /// Bytes of its text.
    pub text_len: u32,
    /// Byte ranges of its chunks.
    pub chunks: Vec<Range<u32>>,
}

/// The borders of a segment's documents, ready for use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// Per document its first chunk; one more at the end.
    first_chunk: Vec<u32>,
    /// Per document where its text begins in the segment's; one more at the end.
    text_start: Vec<u64>,
    /// Per chunk its bytes, relative to its document.
    chunks: Vec<(u32, u32)>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            first_chunk: vec![0],
            text_start: vec![0],
            chunks: Vec::new(),
        }
    }

    pub(crate) fn documents(&self) -> usize {
        self.first_chunk.len() - 1
    }

    pub(crate) fn text_bytes(&self) -> u64 {
        self.text_start.last().copied().unwrap_or(0)
    }

    /// Stands for a page that is lost: documents without text, the first with all the chunks, so that the
    /// numbers of everything behind it stay right.
    pub(crate) fn push_lost(&mut self, documents: u32, chunks: u32, bytes: u64) {
        for i in 0..documents {
            if i == 0 {
                let count = self.chunks.len() + chunks as usize;
                self.chunks.resize(count, (0, 0));
            }
            self.first_chunk.push(self.chunks.len() as u32);
            let start = self.text_bytes() + if i == 0 { bytes } else { 0 };
            self.text_start.push(start);
        }
    }

    /// The document of a chunk.
    pub(crate) fn document_of(&self, chunk: u32) -> u32 {
        self.first_chunk.partition_point(|&first| first <= chunk) as u32 - 1
    }

    pub(crate) fn chunks_of(&self, document: u32) -> Range<u32> {
        let at = document as usize;
        self.first_chunk[at]..self.first_chunk[at + 1]
    }

    /// Bytes of a document in the segment's text.
    pub(crate) fn text_of(&self, document: u32) -> Range<u64> {
        let at = document as usize;
        self.text_start[at]..self.text_start[at + 1]
    }

    /// Documents whose text lies, in part or whole, in a stretch of the segment's text.
    pub(crate) fn documents_at(&self, text: Range<u64>) -> Range<u32> {
        let first = self.text_start[1..].partition_point(|&end| end <= text.start);
        let last = self.text_start[..self.documents()].partition_point(|&start| start < text.end);
        first as u32..last.max(first) as u32
    }

    /// Bytes of a chunk in its document.
    pub(crate) fn range_of(&self, chunk: u32) -> Range<u32> {
        let (start, end) = self.chunks[chunk as usize];
        start..end
    }

    pub(crate) fn borders(&self, document: u32) -> Borders {
        let text = self.text_of(document);
        Borders {
            text_len: (text.end - text.start) as u32,
            chunks: self.chunks_of(document).map(|c| self.range_of(c)).collect(),
        }
    }
}

/// The commonest value, the smallest of several.
fn mode(values: impl Iterator<Item = u32>) -> u32 {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    let longest = values
        .chunk_by(|a, b| a == b)
        .rev()
        .max_by_key(|run| run.len());
    longest.map_or(0, |run| run[0])
}

fn best_k(values: &[u32]) -> u32 {
    let cost = |k: &u32| values.iter().map(|&v| rice_cost(v, *k)).sum::<u64>();
    (0..31).min_by_key(cost).unwrap_or(0)
}

/// A difference as a number of either sign, wrapping so that every `u32` can be coded.
fn signed(value: u32, base: u32) -> u32 {
    let difference = value.wrapping_sub(base) as i32;
    zigzag(i64::from(difference)) as u32
}

fn unsigned(coded: u32, base: u32) -> u32 {
    base.wrapping_add(unzigzag(u64::from(coded)) as u32)
}

/// Encodes a page.
pub(crate) fn encode(documents: &[Borders]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, documents.len() as u64);
    let (mut gaps, mut lengths) = (Vec::new(), Vec::new());
    for document in documents {
        let mut end = 0u32;
        for chunk in &document.chunks {
            gaps.push(signed(chunk.start, end));
            lengths.push(chunk.end - chunk.start);
            end = chunk.end;
        }
        put_varint(&mut out, document.chunks.len() as u64);
        put_varint(&mut out, u64::from(signed(document.text_len, end)));
    }
    let usual = mode(gaps.iter().copied());
    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    let lengths: Vec<u32> = lengths.iter().map(|&l| signed(l, median)).collect();
    let unusual: Vec<u32> = gaps.iter().copied().filter(|&g| g != usual).collect();
    let (gap_k, length_k) = (best_k(&unusual), best_k(&lengths));
    put_varint(&mut out, u64::from(usual));
    put_varint(&mut out, u64::from(median));
    out.push(gap_k as u8);
    out.push(length_k as u8);
    let mut bits = BitWriter::default();
    for (&gap, &length) in gaps.iter().zip(&lengths) {
        bits.bits(u32::from(gap != usual), 1);
        if gap != usual {
            bits.rice(gap, gap_k);
        }
        bits.rice(length, length_k);
    }
    out.extend(bits.finish());
    out
}

/// Decodes a page and appends it. All or nothing: the counts must be those the manifest gives.
pub(crate) fn decode(
    page: &[u8],
    documents: u32,
    chunks: u32,
    bytes: u64,
    into: &mut Table,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(page);
    let count = reader.count(2)?;
    // A chunk takes two bits at the least.
    if count != documents as usize || chunks as usize > page.len().saturating_mul(4) {
        return Err(Malformed);
    }
    let counts = reader.clone();
    let mut sum = 0u64;
    for _ in 0..count {
        sum += u64::from(reader.varint_u32()?);
        reader.varint_u32()?;
    }
    if sum != u64::from(chunks) {
        return Err(Malformed);
    }
    let (usual, median) = (reader.varint_u32()?, reader.varint_u32()?);
    let [gap_k, length_k] = reader.array()?;
    if gap_k > 31 || length_k > 31 {
        return Err(Malformed);
    }
    let page = Stored {
        counts,
        usual,
        median,
        gap_k: u32::from(gap_k),
        length_k: u32::from(length_k),
        bits: BitReader::new(reader.rest()),
    };
    let (first_document, first_chunk) = (into.documents(), into.chunks.len());
    // The decoded form and nothing beside it.
    into.chunks.reserve(chunks as usize);
    into.first_chunk.reserve(count);
    into.text_start.reserve(count);
    let read = page.read(count, bytes, into);
    if read.is_err() {
        into.chunks.truncate(first_chunk);
        into.first_chunk.truncate(first_document + 1);
        into.text_start.truncate(first_document + 1);
    }
    read
}

/// A page whose head was read.
struct Stored<'a> {
    counts: Reader<'a>,
    usual: u32,
    median: u32,
    gap_k: u32,
    length_k: u32,
    bits: BitReader<'a>,
}

impl Stored<'_> {
    /// Appends its documents; what was appended before an error is the caller's to remove.
    fn read(mut self, count: usize, bytes: u64, into: &mut Table) -> Result<(), Malformed> {
        let start = into.text_bytes();
        let mut sum = 0u64;
        for _ in 0..count {
            let (mut end, mut last) = (0u32, 0u32);
            for _ in 0..self.counts.varint()? {
                let gap = if self.bits.bits(1)? == 1 {
                    self.bits.rice(self.gap_k)?
                } else {
                    self.usual
                };
                let start = unsigned(gap, end);
                let length = unsigned(self.bits.rice(self.length_k)?, self.median);
                end = start.checked_add(length).ok_or(Malformed)?;
                if length == 0 {
                    return Err(Malformed);
                }
                last = last.max(end);
                into.chunks.push((start, end));
            }
            let text_len = unsigned(self.counts.varint_u32()?, end);
            sum += u64::from(text_len);
            if last > text_len || sum > bytes {
                return Err(Malformed);
            }
            into.first_chunk.push(into.chunks.len() as u32);
            into.text_start.push(start + sum);
        }
        self.bits.end()?;
        if sum == bytes { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn documents() -> impl Strategy<Value = Vec<Borders>> {
        let chunk = (
            prop_oneof![8 => 2..3u32, 1 => 0..500u32],
            prop_oneof![9 => 1..1500u32, 1 => 1..90_000_000u32],
        );
        let document = (prop::collection::vec(chunk, 0..12), 0..3u32).prop_map(|(parts, rest)| {
            let mut end = 0;
            let chunks = parts
                .into_iter()
                .map(|(gap, len)| {
                    let start = end + gap;
                    end = start + len;
                    // Every third overlaps the one before.
                    if len % 3 == 0 {
                        start.saturating_sub(gap + 1)..end
                    } else {
                        start..end
                    }
                })
                .collect();
            Borders {
                text_len: end + rest,
                chunks,
            }
        });
        prop::collection::vec(document, 0..20)
    }

    fn counts(documents: &[Borders]) -> (u32, u32, u64) {
        (
            documents.len() as u32,
            documents.iter().map(|d| d.chunks.len() as u32).sum(),
            documents.iter().map(|d| u64::from(d.text_len)).sum(),
        )
    }

    proptest! {
        #[test]
        fn borders_come_back(parts in prop::collection::vec(documents(), 1..4)) {
            let mut table = Table::new();
            for part in &parts {
                let (d, c, b) = counts(part);
                prop_assert_eq!(decode(&encode(part), d, c, b, &mut table), Ok(()));
            }
            let all = parts.concat();
            let found: Vec<Borders> = (0..table.documents() as u32).map(|d| table.borders(d)).collect();
            prop_assert_eq!(found, all);
            for chunk in 0..table.chunks.len() as u32 {
                prop_assert!(table.chunks_of(table.document_of(chunk)).contains(&chunk));
            }
        }

        #[test]
        fn a_damaged_page_never_panics_and_adds_nothing_if_refused(documents in documents(), at: u16, to: u8) {
            let (d, c, b) = counts(&documents);
            let mut page = encode(&documents);
            let at = usize::from(at) % page.len();
            page[at] = to;
            let mut table = Table::new();
            if decode(&page, d, c, b, &mut table).is_err() {
                prop_assert_eq!(table, Table::new());
            }
        }
    }

    #[test]
    fn a_table_of_like_chunks_costs_little_more_than_their_entropy() {
        // 4,000 chunks of 500 to 755 bytes, 40 per document, two bytes apart: 8 bits of entropy each.
        let mut state = 1u32;
        let documents: Vec<Borders> = (0..100)
            .map(|_| {
                let mut end = 0;
                let chunks = (0..40)
                    .map(|i| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let start = end + if i == 0 { 0 } else { 2 };
                        end = start + 500 + (state >> 24);
                        start..end
                    })
                    .collect();
                Borders {
                    text_len: end,
                    chunks,
                }
            })
            .collect();
        let bytes = encode(&documents).len() as f64 / 4000.0;
        assert!(bytes < 1.4, "{bytes} bytes per chunk");
    }
}
