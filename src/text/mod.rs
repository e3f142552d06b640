//! Text: chunking with exact offsets, block-compressed storage, and words as keyword search sees them.

use std::ops::Range;

pub mod blocks;
mod chunk;
mod error;
mod stem;
mod words;

pub use chunk::{Chunker, TokenChunker, TokenRanges};
pub use error::Error;
pub use stem::stem;
pub use words::{Kind, words};

/// Checks what a chunker returned.
pub fn check_chunks(text: &str, chunks: &[Range<usize>]) -> Result<(), Error> {
    for chunk in chunks {
        if text.get(chunk.clone()).is_none_or(str::is_empty) {
            return Err(Error::NotAPiece {
                start: chunk.start,
                end: chunk.end,
            });
        }
    }
    Ok(())
}

/// Length of a text in UTF-16 code units, the measure of JavaScript's strings.
pub fn utf16_len(text: &str) -> usize {
    // Every character has one byte that is not a continuation; those of four bytes take two units.
    text.bytes()
        .map(|b| usize::from(b & 0xc0 != 0x80) + usize::from(b >= 0xf0))
        .sum()
}
