//! How large an index is, part by part.

use super::Snapshot;
use super::manifest::Holds;
use crate::store::Store;

/// Bytes of an index by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Codes of the chunks.
    pub codes: u64,
    /// The graph.
    pub graph: u64,
    /// Borders of chunks and documents.
    pub chunks: u64,
    /// Ids, titles, metadata, hashes.
    pub documents: u64,
    /// The manifest, with the frame.
    pub manifest: u64,
    /// The codec, if the index carries its own.
    pub codebooks: u64,
    /// The compressed text. Not part of the index: it stands beside it.
    pub text: u64,
}

impl Bytes {
    /// The index: everything but the text.
    pub fn index(&self) -> u64 {
        self.codes + self.graph + self.chunks + self.documents + self.manifest + self.codebooks
    }

    /// Index and text.
    pub fn total(&self) -> u64 {
        self.index() + self.text
    }
}

/// Size and content of a generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Number of the commit.
    pub generation: u64,
    /// Documents that are there.
    pub documents: usize,
    /// Chunks that are there.
    pub chunks: usize,
    /// Segments.
    pub segments: usize,
    /// Chunks of removed documents whose bytes a merge will give back.
    pub removed_chunks: usize,
    /// Bytes of the text of all documents, removed ones included until a merge, uncompressed.
    pub text_bytes: u64,
    /// Stored bytes by part.
    pub bytes: Bytes,
}

impl Stats {
    /// Bytes of the index per byte of text.
    pub fn share_of_text(&self) -> f64 {
        self.bytes.index() as f64 / self.text_bytes.max(1) as f64
    }

    /// Bytes of the index per chunk.
    pub fn bytes_per_chunk(&self) -> f64 {
        self.bytes.index() as f64 / (self.chunks + self.removed_chunks).max(1) as f64
    }
}

impl<S: Store> Snapshot<S> {
    /// How large this generation is. Reads nothing.
    pub fn stats(&self) -> Stats {
        let manifest = &self.state.manifest;
        let mut stats = Stats {
            generation: manifest.generation,
            documents: self.documents(),
            chunks: self.chunks(),
            segments: manifest.segments.len(),
            ..Stats::default()
        };
        let bytes = &mut stats.bytes;
        bytes.manifest = manifest.encode().map_or(0, |m| m.len() as u64);
        bytes.codebooks = manifest.codec_block.map_or(0, |b| u64::from(b.len));
        for segment in &manifest.segments {
            stats.removed_chunks += segment.removed_chunks as usize;
            stats.text_bytes += segment.text_bytes;
            for page in &segment.pages {
                *match page.holds {
                    Holds::Documents { .. } => &mut bytes.documents,
                    Holds::Table { .. } => &mut bytes.chunks,
                    Holds::Codes { .. } => &mut bytes.codes,
                    Holds::Text { .. } => &mut bytes.text,
                    Holds::Graph => &mut bytes.graph,
                } += u64::from(page.block.len);
            }
        }
        stats
    }
}
