//! `gossamer model convert`: smaller weights beside the original.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use gossamer::model::convert::{Precision, convert};
use serde_json::json;

use crate::error::{Failure, at};
use crate::model::folder;
use crate::output;

#[derive(clap::Args)]
pub struct Options {
    /// How to store the weights: f16 halves them (45 MB), int8 quarters them (23 MB)
    #[arg(long, value_enum)]
    to: Target,
    /// The file to write (default: beside the original)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Target {
    F16,
    Int8,
}

/// The weights to open: the original, or what `GOSSAMER_WEIGHTS` names.
pub fn weights_file() -> String {
    match std::env::var_os("GOSSAMER_WEIGHTS").as_deref() {
        None => "model.safetensors".into(),
        Some(name) if name.is_empty() || name == OsStr::new("f32") => "model.safetensors".into(),
        Some(name) => format!("model.{}.safetensors", name.to_string_lossy()),
    }
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let original = folder().join("model.safetensors");
    let bytes = fs::read(&original).map_err(at(original))?;
    let (precision, name) = match options.to {
        Target::F16 => (Precision::F16, "model.f16.safetensors"),
        Target::Int8 => (Precision::Int8, "model.int8.safetensors"),
    };
    let smaller = convert(&bytes, precision)?;
    let file = options.out.clone().unwrap_or_else(|| folder().join(name));
    // Under its name there is only a whole file.
    let part = file.with_extension("part");
    fs::write(&part, &smaller).map_err(at(part.clone()))?;
    fs::rename(&part, &file).map_err(at(file.clone()))?;
    let size = smaller.len() as u64;
    if options.json {
        output::json(&json!({"file": file, "bytes": size, "precision": precision}))
    } else {
        out!("{}  {}", file.display(), output::size(size));
        Ok(())
    }
}
