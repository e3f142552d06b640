//! What parts of an index would take, for evaluations that write none.

use super::Document;
use super::documents::{self, Entry};
use super::table::{self, Borders};

/// Bytes of the chunk table of documents with chunks of these lengths, one after the other.
pub(crate) fn chunk_table_bytes(lengths: &[Vec<u32>]) -> usize {
    let borders: Vec<Borders> = lengths
        .iter()
        .map(|lengths| {
            let mut text_len = 0u32;
            let chunks = lengths.iter().map(|&length| {
                let start = text_len;
                text_len = text_len.saturating_add(length);
                start..text_len
            });
            let chunks = chunks.collect();
            Borders { text_len, chunks }
        })
        .collect();
    table::encode(&borders).len()
}

/// Bytes of what is kept of these documents besides their text.
pub(crate) fn document_bytes(documents: &[Document]) -> usize {
    let entries: Vec<Entry> = documents.iter().map(Entry::of).collect();
    documents::encode(&entries).len()
}
