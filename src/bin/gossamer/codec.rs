//! `gossamer codec`: a codec of one's own, from text to file in one step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use gossamer::codec::Codec;
use gossamer::codec::train::{LEAST, train};
use gossamer::model::{Embedder, Role};
use gossamer::text::{Chunker, TokenChunker};
use ignore::WalkBuilder;
use serde_json::{Value, json};

use crate::error::{Failure, at};
use crate::{DeviceOption, model, output};

#[derive(Subcommand)]
pub enum Command {
    /// Train a codec on text: embeds it with the model, keeps nothing but the codec
    Train(Options),
}

#[derive(clap::Args)]
pub struct Options {
    /// Folders or files: .txt, .md, and .jsonl with one {"document" or "title", "text"} a line
    #[arg(required = true, value_name = "TEXT")]
    texts: Vec<PathBuf>,
    /// The codec file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Make the tables of the trellis anew from this seed; by default the bundled codec's are taken over
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
}

/// One in so many documents is kept out to judge the codec on, before it is trained on all of them.
const KEPT_OUT: usize = 10;
/// Chunks embedded between two steps of the progress bar.
const STEP: usize = 256;

/// Embeddings of consecutive chunks, and the lengths of the documents that they form.
#[derive(Default)]
struct Sample {
    vectors: Vec<f32>,
    lengths: Vec<usize>,
}

impl Sample {
    fn push(&mut self, document: &[f32], dim: usize) {
        self.vectors.extend_from_slice(document);
        self.lengths.push(document.len() / dim);
    }
}

pub async fn run(command: Command) -> Result<ExitCode, Failure> {
    let Command::Train(options) = command;
    let documents = read(&options.texts)?;
    let encoder = model::open(options.device.choice()).await?;
    let tokenizer = encoder.tokenizer();
    let chunker = TokenChunker::new(tokenizer, tokenizer.max_text_tokens());
    let dim = encoder.dim();
    let mut chunks: Vec<&str> = Vec::new();
    let mut lengths = Vec::new();
    for text in &documents {
        let before = chunks.len();
        chunks.extend(chunker.chunks(text).into_iter().map(|range| &text[range]));
        lengths.push(chunks.len() - before);
    }
    lengths.retain(|&length| length > 0);
    // Said before the model has worked for nothing. What is kept out does not train the codec that is judged.
    let trains = |number: &usize| number % KEPT_OUT != KEPT_OUT - 1;
    let found = (0..lengths.len()).filter(trains).map(|n| lengths[n]).sum();
    if found < LEAST {
        let needed = LEAST;
        return Err(gossamer::codec::Error::TooFew { found, needed }.into());
    }
    let bar = indicatif::ProgressBar::new(chunks.len() as u64);
    let mut vectors = Vec::with_capacity(chunks.len() * dim);
    for step in chunks.chunks(STEP) {
        vectors.extend(encoder.embed(Role::Passage, step).await?.values);
        bar.inc(step.len() as u64);
    }
    bar.finish_and_clear();

    let (mut seen, mut kept_out, mut rest) = (Sample::default(), Sample::default(), &vectors[..]);
    for (number, length) in lengths.iter().enumerate() {
        let (document, others) = rest.split_at(length * dim);
        let part = if trains(&number) {
            &mut seen
        } else {
            &mut kept_out
        };
        part.push(document, dim);
        rest = others;
    }
    // Judged on what it has not seen; then made of everything.
    let lost = if kept_out.lengths.is_empty() {
        None
    } else {
        let judged = train(&seen.vectors, dim, &seen.lengths, options.seed)?;
        let bundled = Codec::bundled()?;
        let bundled = (bundled.dim() == dim)
            .then(|| lost(&bundled, &kept_out, dim))
            .transpose()?;
        Some((lost(&judged, &kept_out, dim)?, bundled))
    };
    let codec = train(&vectors, dim, &lengths, options.seed)?;
    let bytes = codec.to_bytes();
    fs::write(&options.output, bytes).map_err(at(&options.output))?;
    let id: String = codec
        .id()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if options.json {
        output::json(&json!({
            "documents": lengths.len(),
            "chunks": chunks.len(),
            "bytes": bytes.len(),
            "sha256": id,
            "kept_out_chunks": kept_out.lengths.iter().sum::<usize>(),
            "lost": lost.map(|(new, _)| new),
            "lost_bundled": lost.and_then(|(_, bundled)| bundled),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    out!(
        "trained on {} of {}: {} ({}, SHA-256 {id})",
        output::count(chunks.len(), "chunk"),
        output::count(lengths.len(), "document"),
        options.output.display(),
        output::size(bytes.len() as u64),
    );
    if let Some((new, bundled)) = lost {
        let bundled = bundled.map_or(String::new(), |b| {
            format!("; the bundled codec loses {b:.3}")
        });
        out!(
            "codes of {} bytes lose {new:.3} of the variance of documents kept out{bundled}",
            Codec::CODE_BYTES
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The share of the variance that codes of the usual length lose, under a frame fitted as in an index.
fn lost(codec: &Codec, sample: &Sample, dim: usize) -> Result<f64, Failure> {
    let coder = codec.coder(&codec.fit(&sample.vectors, Codec::CODE_BYTES)?)?;
    let mut codes = coder.codes();
    let mut rest = &sample.vectors[..];
    for length in &sample.lengths {
        let (document, others) = rest.split_at(length * dim);
        coder.encode(document, &mut codes)?;
        rest = others;
    }
    let n = codes.len().max(1) as f32;
    let mut mean = vec![0f32; dim];
    for row in sample.vectors.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n);
    }
    let square = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let (mut error, mut variance, mut decoded) = (0.0, 0.0, vec![0f32; dim]);
    for (id, row) in (0u32..).zip(sample.vectors.chunks_exact(dim)) {
        coder.decode(&codes, id, &mut decoded)?;
        error += square(row, &decoded);
        variance += square(row, &mean);
    }
    Ok(error / variance.max(f64::MIN_POSITIVE))
}

/// The documents' texts, in order of path; consecutive lines of one document in a .jsonl file are joined as
/// paragraphs.
fn read(paths: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut documents = Vec::new();
    for path in paths {
        if !path.exists() {
            return Err(Failure::NoSuchPath(path.clone()));
        }
        let walk = WalkBuilder::new(path).sort_by_file_path(Path::cmp).build();
        for file in walk
            .flatten()
            .filter(|e| e.file_type().is_some_and(|t| t.is_file()))
        {
            let file = file.into_path();
            let extension = file.extension().and_then(|e| e.to_str());
            match extension.map(str::to_lowercase).as_deref() {
                Some("jsonl") => lines(&file, &mut documents)?,
                Some("txt" | "md" | "markdown" | "text") => {
                    documents.push(fs::read_to_string(&file).map_err(at(&file))?);
                }
                _ => {}
            }
        }
    }
    if documents.is_empty() {
        let names: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
        return Err(Failure::NothingToIndex(names.join(", ")));
    }
    Ok(documents)
}

fn lines(file: &Path, documents: &mut Vec<String>) -> Result<(), Failure> {
    let content = fs::read_to_string(file).map_err(at(file))?;
    let mut last = None;
    for line in content.lines().filter(|line| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line)?;
        let text = value["text"].as_str().unwrap_or_default();
        let name = value
            .get("document")
            .or_else(|| value.get("title"))
            .cloned();
        match documents.last_mut() {
            Some(document) if name.is_some() && name == last => {
                document.push_str("\n\n");
                document.push_str(text);
            }
            _ => documents.push(text.to_owned()),
        }
        last = name;
    }
    Ok(())
}
