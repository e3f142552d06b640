//! Text: chunking with exact offsets, block-compressed storage, and words as keyword search sees them.

use std::ops::Range;

pub mod blocks;
mod chunk;
mod error;
mod spans;
mod stem;
mod words;

pub use chunk::{Chunker, TokenChunker, TokenRanges};
pub use error::Error;
pub(crate) use spans::{BLOCK, bits, spans, sparse};
pub use stem::stem;
pub(crate) use words::compound;
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
    // Every character has one byte that is not a continuation; those of four bytes take two units. In parts whose
    // sum fits a byte, so that the compiler takes many at once.
    let units = |part: &[u8]| {
        let units = part
            .iter()
            .map(|b| u8::from(b & 0xc0 != 0x80) + u8::from(*b >= 0xf0));
        usize::from(units.sum::<u8>())
    };
    text.as_bytes().chunks(64).map(units).sum()
}
