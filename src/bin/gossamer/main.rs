//! `gossamer`: private semantic search on this machine. Words and options are those of the library.
//!
//! Exit codes are in [`error::code`] and `docs/command.md`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

// First, for its macro.
#[macro_use]
mod output;

mod ask;
mod calibration;
mod codec;
mod convert;
mod doctor;
mod documents;
mod engine;
mod error;
mod eval;
mod eval_index;
mod hits;
mod import;
mod index;
mod mcp;
mod model;
mod search;
mod serve;
mod shell;
mod speed;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use gossamer::model::device::Choice;

use error::Failure;

/// Private semantic search over your own documents. Nothing leaves this machine.
#[derive(Parser)]
#[command(name = "gossamer", version, max_term_width = 100)]
struct Cli {
    /// Neither notes nor progress on standard error; results and errors stay
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch, list or verify the embedding model
    #[command(subcommand)]
    Model(model::Command),
    /// Index the documents of folders, or bring an index up to date with them
    Index(index::Options),
    /// Keep an index as its folders are, for as long as this runs
    Watch(watch::Options),
    /// Find the passages that answer a question
    Search(search::Options),
    /// Serve an index over HTTP, for this machine's programs and browsers
    Serve(serve::Options),
    /// Offer an index to assistants over the Model Context Protocol (stdio)
    Mcp(mcp::Options),
    /// Answer a question in words, with a chat model of your choice; off unless one is named
    Ask(ask::Options),
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
    /// Train a codec on text of your own
    #[command(subcommand)]
    Codec(codec::Command),
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
    /// Show adapters, self-test and speed of each backend, and which will be used and why
    Doctor(doctor::Options),
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write one for every command into a folder
    Man {
        /// Folder for the pages
        folder: Option<PathBuf>,
    },
}

/// Where an index is, and how to answer.
#[derive(clap::Args, Clone)]
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
    let cli = Cli::parse();
    if cli.quiet {
        output::be_quiet();
    }
    let result = pollster::block_on(run(cli.command));
    match result {
        Ok(code) => code,
        // Who reads the output has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("gossamer: {failure}");
            failure.code()
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Model(command) => model::run(command),
        Command::Index(options) => index::run(options).await,
        Command::Watch(options) => watch::run(options).await,
        Command::Search(options) => search::run(options).await,
        Command::Serve(options) => serve::run(options),
        Command::Mcp(options) => mcp::run(options),
        Command::Ask(options) => ask::run(options).await,
        Command::Doctor(options) => doctor::run(options).await,
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { folder } => shell::man(folder),
        Command::Eval(options) => eval::run(options).await,
        Command::Codec(command) => codec::run(command).await,
        Command::Stats(place) => documents::stats(&place).await,
        Command::List(place) => documents::list(&place).await,
        Command::Remove { ids, place, device } => documents::remove(&place, &device, &ids).await,
        Command::Verify(place) => documents::verify(&place).await,
        Command::Compact(place) => documents::compact(&place).await,
        Command::Export { file, place } => documents::export(&place, &file).await,
        Command::Import { file, place } => documents::import(&place, &file).await,
    }
}
