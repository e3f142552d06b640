//! What can go wrong with text.

/// An error of the text layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Stored text does not decode.
    #[error("stored text is damaged: {0}")]
    Damaged(&'static str),
    /// A chunker gave something that is not a piece of the text.
    #[error(
        "the chunker returned {start}..{end}, which is empty, outside the text or inside a character"
    )]
    NotAPiece {
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
}
