//! What can go wrong with an index: its own errors, and those of the layers below.

use crate::model::ModelId;

/// An error of an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The model or its device failed.
    #[error(transparent)]
    Model(#[from] crate::model::Error),
    /// Codes do not fit the codec.
    #[error(transparent)]
    Codec(#[from] crate::codec::Error),
    /// A graph could not be built.
    #[error(transparent)]
    Graph(#[from] crate::graph::Error),
    /// A search was asked for something impossible, or was fed scores that are no numbers.
    #[error(transparent)]
    Search(#[from] crate::search::Error),
    /// Text does not decode, or a chunker misbehaved.
    #[error(transparent)]
    Text(#[from] crate::text::Error),
    /// There is no index here.
    #[error("there is no index here: create one first")]
    NoIndex,
    /// There is one already.
    #[error("there is an index here already: open it, or choose another place")]
    Exists,
    /// Built with another model.
    #[error(
        "this index was built with the model {} ({}), but {} ({}) was given: use that model, or build the index anew",
        index.name, hex(&index.sha256), given.name, hex(&given.sha256)
    )]
    OtherModel {
        /// The model of the index.
        index: Box<ModelId>,
        /// The model that was offered.
        given: Box<ModelId>,
    },
    /// Built with another codec.
    #[error(
        "this index was built with the codec {index}, but {given} was given: open it with that codec, or build it anew"
    )]
    OtherCodec {
        /// Start of the index's codec's hash.
        index: String,
        /// Start of the offered codec's hash.
        given: String,
    },
    /// Written by a newer version.
    #[error(
        "this index has format {found}, this version of Gossamer reads up to {supported}: update Gossamer"
    )]
    Newer {
        /// Format of the index.
        found: u32,
        /// Newest format known here.
        supported: u32,
    },
    /// Stored bytes are not what was written.
    #[error("{what} is damaged: {why}; `verify` says which documents it concerns")]
    Damaged {
        /// Which part.
        what: String,
        /// What does not fit.
        why: String,
    },
    /// The file is not an export, or not a whole one.
    #[error("this is not a whole export of an index: {0}")]
    Import(String),
    /// The embedder returned something else than one vector per text.
    #[error(
        "the embedder returned {found} values for {texts} texts of {dim} each: it is broken, nothing was stored"
    )]
    Shape {
        /// Values returned.
        found: usize,
        /// Texts given.
        texts: usize,
        /// Values per text.
        dim: usize,
    },
    /// The index keeps no text, and none was provided.
    #[error("this index keeps no text: search it with the texts it was built from")]
    NoText,
    /// A document is beyond what the format holds.
    #[error("document {id:?}: {what} is larger than {limit} bytes; split it")]
    TooLarge {
        /// The document.
        id: String,
        /// Which part of it.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// There is no such document, or no such chunk of it.
    #[error("there is no document {0:?} here, or it has no such passage")]
    NoDocument(String),
    /// The index has moved on by more than two generations.
    #[error("this reader's generation is gone, the index has moved on: open it again")]
    Superseded,
    /// Whoever asked for it wants it no longer. Nothing was changed.
    #[error("it was stopped: {0}")]
    Stopped(String),
}

impl Error {
    pub(super) fn damaged(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged {
            what: what.into(),
            why: why.into(),
        }
    }
}

/// The first eight hexadecimal digits of a hash.
pub(super) fn hex(hash: &[u8; 32]) -> String {
    hash[..4].iter().map(|b| format!("{b:02x}")).collect()
}
