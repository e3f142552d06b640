//! What can go wrong with an evaluation.

/// An error of the evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is missing or makes no sense.
    #[error("{0}")]
    Option(String),
    /// A file cannot be read.
    #[error("cannot read {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// The system's or the format's own words.
        why: String,
    },
    /// Two files do not belong together.
    #[error("{0}")]
    Mismatch(String),
    /// The codec refused the vectors.
    #[error(transparent)]
    Codec(#[from] crate::codec::Error),
    /// The graph could not be built.
    #[error(transparent)]
    Graph(#[from] crate::graph::Error),
    /// An index of the texts could not be made or asked.
    #[error(transparent)]
    Index(#[from] crate::index::Error),
    /// The search failed.
    #[error(transparent)]
    Search(#[from] crate::search::Error),
}
