//! `gossamer`: private semantic search on this machine. Words and options are those of the library.
//!
//! Exit codes: 0 done; 1 it failed; 2 wrong usage; 3 some files could not be read, the rest is done.
#![forbid(unsafe_code)]

mod documents;
mod error;
mod eval;
mod eval_index;
mod index;
mod model;
mod output;
mod search;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use gossamer::model::device::Choice;

use error::Failure;

/// Private semantic search over your own documents. Nothing leaves this machine.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch, list or verify the embedding model
    #[command(subcommand)]
    Model(model::Command),
    /// Index the text and Markdown files of folders, or bring an index up to date with them
    Index(index::Options),
    /// Find the passages that answer a question
    Search(search::Options),
    /// Show how large an index is, part by part
    Stats(Place),
    /// List the documents of an index
    List(Place),
    /// Remove documents by id
    Remove {
        /// Ids, as `gossamer list` prints them
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        device: DeviceOption,
    },
    /// Measure recall, recomputations and bytes of an index (`eval --help`)
    Eval(eval::Options),
    /// Check every byte of an index against its checksums
    Verify(Place),
    /// Merge all segments and give back the space of removed documents
    Compact(Place),
    /// Write an index as one file, which the browser opens too
    Export {
        /// The file to write
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Make an index from an exported file
    Import {
        /// The file to read
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

/// Where an index is, and how to answer.
#[derive(clap::Args)]
pub struct Place {
    /// Folder of the index
    #[arg(long, value_name = "PATH")]
    index: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What runs the model.
#[derive(clap::Args)]
pub struct DeviceOption {
    /// What runs the model: auto takes a real GPU that passes its self-test, otherwise the CPU
    #[arg(long, value_enum, default_value = "auto")]
    backend: Backend,
}

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    Auto,
    Cpu,
    Gpu,
}

impl DeviceOption {
    fn choice(&self) -> Choice {
        match self.backend {
            Backend::Auto => Choice::Auto,
            Backend::Cpu => Choice::Cpu,
            Backend::Gpu => Choice::Gpu,
        }
    }
}

fn main() -> ExitCode {
    let result = pollster::block_on(run(Cli::parse().command));
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("gossamer: {failure}");
            ExitCode::from(1)
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Model(command) => model::run(command),
        Command::Index(options) => index::run(options).await,
        Command::Search(options) => search::run(options).await,
        Command::Eval(options) => eval::run(options).await,
        Command::Stats(place) => documents::stats(&place).await,
        Command::List(place) => documents::list(&place).await,
        Command::Remove { ids, place, device } => documents::remove(&place, &device, &ids).await,
        Command::Verify(place) => documents::verify(&place).await,
        Command::Compact(place) => documents::compact(&place).await,
        Command::Export { file, place } => documents::export(&place, &file).await,
        Command::Import { file, place } => documents::import(&place, &file).await,
    }
}
