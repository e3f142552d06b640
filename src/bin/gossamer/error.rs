//! Everything that ends a command early, in words for the person who typed it, and the exit code for the program
//! that did. `docs/command.md` lists the codes.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use gossamer::{index, model, store};

/// Exit codes. 0 is success; 2, wrong usage, is also what the argument parser exits with.
pub mod code {
    /// It failed: the disk, the operating system, an input file.
    pub const FAILED: u8 = 1;
    /// The command line is not right.
    pub const USAGE: u8 = 2;
    /// Done, but for some files or ids, which were named.
    pub const PARTLY: u8 = 3;
    /// The index, file or folder that was named is not there, or has nothing to index.
    pub const NOT_THERE: u8 = 4;
    /// The model is not there, damaged, or not the one the index was made with.
    pub const MODEL: u8 = 5;
    /// The index is damaged.
    pub const DAMAGED: u8 = 6;
    /// Another process is writing to the index.
    pub const BUSY: u8 = 7;
    /// The backend that was asked for is missing or computes wrong values.
    pub const DEVICE: u8 = 8;
    /// A server elsewhere could not be reached, or answered with an error.
    pub const NETWORK: u8 = 9;
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Index(#[from] index::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Model(#[from] model::Error),
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
    #[error(
        "the codec is for embeddings of {codec} values, the model makes {model}: train one for it (gossamer codec train) and give it as --codec"
    )]
    CodecDimension { codec: usize, model: usize },
    #[error("{0}: no such file or folder")]
    NoSuchPath(PathBuf),
    #[error("{0}: no questions in it; it takes a JSON array, JSON lines or plain lines")]
    NoQuestions(PathBuf),
    #[error("no files to index in {0}")]
    NothingToIndex(String),
    #[error("{0} of the model's files are damaged or missing: run `gossamer model fetch`")]
    ModelNotWhole(usize),
    #[error(
        "the index is damaged; the documents named above cannot be found or read, the rest can"
    )]
    IndexDamaged,
    #[error("{0}")]
    Usage(String),
    #[error("nothing found to answer from: the index is empty")]
    NothingFound,
    #[error("{endpoint}: {why}")]
    Endpoint { endpoint: String, why: String },
    #[error("folders cannot be watched: {0}")]
    Watch(String),
    #[error("the client's side of the protocol: {0}")]
    Protocol(String),
    #[error("{address}: {source}; is another server running there? --port takes another")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("the thread that owns the index died: this is a bug of Gossamer")]
    EngineDied,
}

impl Failure {
    /// Whether who reads standard output has stopped, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        let kind = match self {
            Self::Output(e) => Some(e.kind()),
            Self::Json(e) => e.io_error_kind(),
            _ => None,
        };
        kind == Some(io::ErrorKind::BrokenPipe)
    }

    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Index(e) => of_index(e),
            Self::Store(e) => of_store(e),
            Self::Model(e) => of_model(e),
            Self::Fetch(gossamer::model::fetch::FetchError::Unreachable { .. })
            | Self::Endpoint { .. } => code::NETWORK,
            Self::NoSuchPath(_) | Self::NothingToIndex(_) | Self::NothingFound => code::NOT_THERE,
            Self::ModelNotWhole(_) => code::MODEL,
            Self::IndexDamaged => code::DAMAGED,
            Self::Usage(_) => code::USAGE,
            _ => code::FAILED,
        })
    }
}

fn of_index(error: &index::Error) -> u8 {
    match error {
        index::Error::Store(e) => of_store(e),
        index::Error::Model(e) => of_model(e),
        index::Error::NoIndex => code::NOT_THERE,
        index::Error::OtherModel { .. } => code::MODEL,
        index::Error::Damaged { .. } => code::DAMAGED,
        _ => code::FAILED,
    }
}

fn of_store(error: &store::Error) -> u8 {
    match error {
        store::Error::Locked { .. } => code::BUSY,
        _ => code::FAILED,
    }
}

fn of_model(error: &model::Error) -> u8 {
    match error {
        model::Error::Missing(_) | model::Error::Damaged { .. } | model::Error::Unsupported(_) => {
            code::MODEL
        }
        model::Error::Device { .. } => code::DEVICE,
        _ => code::FAILED,
    }
}

/// Attaches the path to an I/O error.
pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Failure {
    let path = path.into();
    move |source| Failure::File { path, source }
}
