//! `gossamer model`: the pinned model's files on this machine, and opening them.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use gossamer::model::device::{Choice, gpu};
use gossamer::model::fetch::{self, FileState};
use gossamer::model::pinned::{ALL_MINILM_L6_V2, PinnedModel};
use gossamer::model::{Encoder, Error, ModelFiles};
use serde_json::json;

use crate::calibration::{self, Remembered};
use crate::convert;
use crate::error::{Failure, at};
use crate::output;

/// The one model so far.
pub const MODEL: &PinnedModel = &ALL_MINILM_L6_V2;

#[derive(Subcommand)]
pub enum Command {
    /// Make every file of the model present and verified; resumes where it was interrupted
    Fetch {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Show which models are known and whether they are here
    List {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Check every byte of the model against its pinned hashes
    Verify {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Make smaller weights beside the original; GOSSAMER_WEIGHTS=f16 or int8 then uses them
    Convert(convert::Options),
}

/// Where its files are.
pub fn folder() -> PathBuf {
    fetch::model_home().join(MODEL.folder)
}

pub fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Convert(options) => convert::run(&options)?,
        Command::Fetch { json } => {
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
            if json {
                output::json(&json!({"name": MODEL.name, "folder": folder()}))?;
            } else {
                out!(
                    "{} is here and verified: {}",
                    MODEL.name,
                    folder().display()
                );
            }
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
                out!("{}  {}  {state}", MODEL.name, output::size(bytes));
            }
        }
        Command::Verify { json } => {
            let mut bad = 0;
            let mut files = Vec::new();
            for file in &MODEL.files {
                let state = fetch::check(&folder(), file)?;
                bad += usize::from(state != FileState::Whole);
                let (word, got) = match state {
                    FileState::Whole => ("whole", None),
                    FileState::Missing => ("missing", None),
                    FileState::Damaged { got } => ("damaged", Some(got)),
                };
                if !json {
                    let hash = got
                        .as_ref()
                        .map_or_else(String::new, |got| format!(" (SHA-256 {got})"));
                    out!("{word:8} {}{hash}", file.name);
                }
                files.push(json!({"file": file.name, "state": word, "sha256": got}));
            }
            if json {
                output::json(&json!({"name": MODEL.name, "whole": bad == 0, "files": files}))?;
            }
            if bad > 0 {
                return Err(Failure::ModelNotWhole(bad));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The model's files that are not here.
pub fn missing() -> Vec<&'static str> {
    let names = MODEL.files.iter().map(|f| f.name);
    names
        .filter(|name| !folder().join(name).is_file())
        .collect()
}

/// Opens the model on the device asked for. `Auto` takes for each number of texts the faster one of CPU and a real
/// GPU: as remembered, or measured now and remembered.
pub async fn open(choice: Choice) -> Result<Encoder, Failure> {
    if choice != Choice::Auto {
        return open_exactly(choice).await;
    }
    let adapters = gpu::adapters().await;
    let Some(adapter) = adapters.iter().find(|a| !a.software) else {
        return open_exactly(Choice::Cpu).await;
    };
    let mut encoder = open_exactly(Choice::Auto).await?;
    for why in encoder.rejected() {
        output::note(format_args!("{why}; using the CPU"));
    }
    if encoder.info().kind != "gpu" {
        return Ok(encoder);
    }
    if let Some(known) = Remembered::find(MODEL, adapter)
        && encoder.set_calibration(known)
    {
        return Ok(encoder);
    }
    output::note(format_args!(
        "measuring {} against the CPU, once",
        adapter.name
    ));
    calibration::measure(&mut encoder).await?;
    if let Some(measured) = encoder.calibration() {
        Remembered::new(MODEL, adapter, measured.clone()).remember()?;
    }
    Ok(encoder)
}

/// Says that a GPU was lost and the CPU took over.
pub fn note_loss(encoder: &Encoder) {
    if let Some(why) = encoder.lost() {
        output::note(format_args!("the GPU was lost ({why}); the CPU went on"));
    }
}

/// Opens the model on one device, or fails.
pub async fn open_exactly(choice: Choice) -> Result<Encoder, Failure> {
    let read = |name: &str| {
        let path = folder().join(name);
        if !path.exists() {
            return Err(Failure::Model(Error::Missing(name.into())));
        }
        fs::read(&path).map_err(at(path))
    };
    let (config, tokenizer) = (read("config.json")?, read("tokenizer.json")?);
    let sentence = read("sentence_bert_config.json")?;
    // Not read whole: what is made of it is as large.
    let path = folder().join(convert::weights_file());
    let weights = match fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::Model(Error::Missing(convert::weights_file())));
        }
        Err(e) => return Err(at(path)(e)),
    };
    let encoder = Encoder::open(
        ModelFiles {
            name: MODEL.name,
            config: &config,
            tokenizer: &tokenizer,
            sentence: Some(&sentence),
            pooling: None,
            prompts: None,
            weights: &weights,
            sha256: None,
        },
        choice,
    )
    .await?;
    Ok(encoder)
}
