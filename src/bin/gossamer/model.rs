//! `gossamer model`: the pinned model's files on this machine, and opening them.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use gossamer::model::device::Choice;
use gossamer::model::fetch::{self, FileState};
use gossamer::model::pinned::{ALL_MINILM_L6_V2, PinnedModel};
use gossamer::model::{Encoder, Error, ModelFiles};
use serde_json::json;

use crate::error::{Failure, at};
use crate::output;

/// The one model so far.
const MODEL: &PinnedModel = &ALL_MINILM_L6_V2;

#[derive(Subcommand)]
pub enum Command {
    /// Make every file of the model present and verified; resumes where it was interrupted
    Fetch,
    /// Show which models are known and whether they are here
    List {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Check every byte of the model against its pinned hashes
    Verify,
}

fn folder() -> PathBuf {
    fetch::model_home().join(MODEL.folder)
}

pub fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Fetch => {
            let total = MODEL.files.iter().map(|f| f.bytes).sum();
            let bar = output::bytes_bar(total);
            let mut finished = 0;
            let mut current = (MODEL.files[0].name, 0);
            fetch::fetch(MODEL, &folder(), &mut |p| {
                if p.file != current.0 {
                    finished += current.1;
                    current.0 = p.file;
                }
                current.1 = p.done;
                bar.set_message(p.file);
                bar.set_position(finished + p.done);
            })?;
            bar.finish_and_clear();
            println!(
                "{} is here and verified: {}",
                MODEL.name,
                folder().display()
            );
        }
        Command::List { json } => {
            let mut files = MODEL.files.iter().map(|f| folder().join(f.name));
            let here = files.all(|path| path.is_file());
            let bytes: u64 = MODEL.files.iter().map(|f| f.bytes).sum();
            if json {
                output::json(&json!([{
                    "name": MODEL.name, "here": here, "bytes": bytes, "folder": folder(),
                }]))?;
            } else {
                let state = if here { "here" } else { "not fetched" };
                println!("{}  {}  {state}", MODEL.name, output::size(bytes));
            }
        }
        Command::Verify => {
            let mut bad = 0;
            for file in &MODEL.files {
                let state = fetch::check(&folder(), file)?;
                bad += usize::from(state != FileState::Whole);
                match state {
                    FileState::Whole => println!("whole    {}", file.name),
                    FileState::Missing => println!("missing  {}", file.name),
                    FileState::Damaged { got } => {
                        println!("damaged  {} (SHA-256 {got})", file.name)
                    }
                }
            }
            if bad > 0 {
                return Err(Failure::ModelNotWhole(bad));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the model on a device, and says on standard error why a GPU was passed over.
pub async fn open(choice: Choice) -> Result<Encoder, Failure> {
    let read = |name: &str| {
        let path = folder().join(name);
        if !path.exists() {
            return Err(Failure::Model(Error::Missing(name.into())));
        }
        fs::read(&path).map_err(at(path))
    };
    let (config, tokenizer) = (read("config.json")?, read("tokenizer.json")?);
    let (sentence, weights) = (
        read("sentence_bert_config.json")?,
        read("model.safetensors")?,
    );
    let encoder = Encoder::open(
        ModelFiles {
            name: MODEL.name,
            config: &config,
            tokenizer: &tokenizer,
            sentence: Some(&sentence),
            weights: &weights,
        },
        choice,
    )
    .await?;
    Ok(encoder)
}
