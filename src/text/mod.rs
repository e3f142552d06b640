//! Text: chunking with exact offsets, and block-compressed storage.

mod chunk;

pub use chunk::{Chunker, TokenChunker, TokenRanges};
