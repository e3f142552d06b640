//! Everything that ends a command early, in words for the person who typed it.

use std::io;
use std::path::PathBuf;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Index(#[from] gossamer::index::Error),
    #[error(transparent)]
    Store(#[from] gossamer::store::Error),
    #[error(transparent)]
    Model(#[from] gossamer::model::Error),
    #[error(transparent)]
    Codec(#[from] gossamer::codec::Error),
    #[error(transparent)]
    Eval(#[from] gossamer::eval::Error),
    #[error(transparent)]
    Fetch(#[from] gossamer::model::fetch::FetchError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("output: {0}")]
    Output(#[from] io::Error),
    #[error("output: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}: no such file or folder")]
    NoSuchPath(PathBuf),
    #[error("{0}: no questions in it; it takes a JSON array, JSON lines or plain lines")]
    NoQuestions(PathBuf),
    #[error("no text or Markdown files in {0}")]
    NothingToIndex(String),
    #[error("{0} of the model's files are damaged or missing: run `gossamer model fetch`")]
    ModelNotWhole(usize),
    #[error(
        "the index is damaged; the documents named above cannot be found or read, the rest can"
    )]
    IndexDamaged,
}

/// Attaches the path to an I/O error.
pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Failure {
    let path = path.into();
    move |source| Failure::File { path, source }
}
