//! `gossamer eval --index`: a real index, real questions, the real model, judged against exact search.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use gossamer::index::{Mode, SearchOptions};
use gossamer::model::{Embedder, Embeddings, Encoder, Error, ModelId, Role};
use serde_json::{Value, json};

use crate::documents::{self, stats_json};
use crate::error::{Failure, at};
use crate::{DeviceOption, model, output};

/// Measure an index on questions of your own, against exact search over every passage
#[derive(Parser)]
#[command(name = "gossamer eval", no_binary_name = true)]
struct Options {
    /// Folder of the index
    #[arg(long, value_name = "PATH")]
    index: PathBuf,
    /// Questions: JSON (an array), JSON lines (both of strings, or objects with `question` or `text`), or plain lines
    #[arg(long, value_name = "FILE")]
    questions: PathBuf,
    /// Passages per question
    #[arg(long, short, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    k: u32,
    /// Share of the exact top k that is promised
    #[arg(long, default_value_t = 0.95, value_name = "SHARE")]
    target_recall: f32,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
}

/// The encoder with a memory, so that exact search embeds every passage once and not once per question. What a
/// search would have recomputed is counted by the search itself.
struct Remembering<'a> {
    encoder: &'a Encoder,
    known: RefCell<HashMap<String, Vec<f32>>>,
    /// Time spent in the encoder.
    spent: Cell<Duration>,
}

impl Embedder for Remembering<'_> {
    fn id(&self) -> &ModelId {
        self.encoder.id()
    }

    fn dim(&self) -> usize {
        self.encoder.dim()
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let start = Instant::now();
        let new: Vec<&str> = {
            let known = self.known.borrow();
            texts
                .iter()
                .copied()
                .filter(|t| !known.contains_key(*t))
                .collect()
        };
        let embedded = self.encoder.embed(role, &new).await?;
        let mut known = self.known.borrow_mut();
        for (text, row) in new.iter().zip(embedded.rows()) {
            known.insert((*text).to_owned(), row.to_vec());
        }
        let values = texts
            .iter()
            .filter_map(|t| known.get(*t))
            .flatten()
            .copied()
            .collect();
        self.spent.set(self.spent.get() + start.elapsed());
        Ok(Embeddings {
            dim: self.dim(),
            values,
        })
    }
}

pub async fn run(arguments: Vec<String>) -> Result<ExitCode, Failure> {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(e) => e.exit(),
    };
    let questions = read(&options.questions)?;
    let index = documents::open(&options.index).await?;
    let encoder = model::open(options.device.choice()).await?;
    let embedder = Remembering {
        encoder: &encoder,
        known: RefCell::default(),
        spent: Cell::default(),
    };
    let snapshot = index.snapshot();
    let asked = SearchOptions {
        k: options.k as usize,
        recall: options.target_recall,
        mode: Mode::Semantic,
        ..SearchOptions::default()
    };
    let exact = SearchOptions {
        recall: 1.0,
        ..asked.clone()
    };
    let (mut found, mut wanted) = (0usize, 0usize);
    let (mut recomputed, mut rounds, mut codes) = (Vec::new(), 0usize, 0usize);
    let mut without_model = Vec::new();
    let bar = indicatif::ProgressBar::new(questions.len() as u64);
    for question in &questions {
        let (start, before) = (Instant::now(), embedder.spent.get());
        let got = snapshot.search(&embedder, question, &asked).await?;
        without_model.push(
            start
                .elapsed()
                .saturating_sub(embedder.spent.get() - before),
        );
        let truth = snapshot.search(&embedder, question, &exact).await?;
        let same = |a: &gossamer::index::Hit, b: &gossamer::index::Hit| {
            (&a.document, a.chunk) == (&b.document, b.chunk)
        };
        wanted += truth.hits.len();
        found += truth
            .hits
            .iter()
            .filter(|t| got.hits.iter().any(|g| same(t, g)))
            .count();
        recomputed.push(got.stats.recomputed);
        rounds += got.stats.rounds;
        codes += got.stats.codes_read;
        bar.inc(1);
    }
    bar.finish_and_clear();
    recomputed.sort_unstable();
    without_model.sort_unstable();
    let (count, stats) = (questions.len().max(1), snapshot.stats());
    let mean = |sum: usize| sum as f64 / count as f64;
    let report = json!({
        "n": stats.chunks,
        "queries": questions.len(),
        "k": options.k,
        "target_recall": options.target_recall,
        "recall": found as f64 / wanted.max(1) as f64,
        "recomputed_mean": mean(recomputed.iter().sum()),
        "recomputed_p95": recomputed.get(recomputed.len() * 95 / 100),
        "rounds_mean": mean(rounds),
        "codes_read_mean": mean(codes),
        "bytes": stats_json(&stats)["bytes"],
        "bytes_per_passage": stats.bytes_per_chunk(),
        "share_of_text": stats.share_of_text(),
        "query_ms_p50": without_model.get(without_model.len() / 2).map(|d| d.as_secs_f64() * 1e3),
    });
    if options.json {
        output::json(&report)?;
    } else {
        out!(
            "{} questions, {} chunks: recall@{} {:.3} of the exact answers ({} promised)\n\
             {:.1} embeddings recomputed in {:.2} rounds, {:.0} codes read; {:.1} B per chunk, {:.1} % of the text",
            questions.len(),
            stats.chunks,
            options.k,
            found as f64 / wanted.max(1) as f64,
            options.target_recall,
            mean(recomputed.iter().sum()),
            mean(rounds),
            mean(codes),
            stats.bytes_per_chunk(),
            100.0 * stats.share_of_text()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The questions of a file.
fn read(path: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(path).map_err(at(path))?;
    let question = |value: &Value| {
        let field = value.get("question").or_else(|| value.get("text"));
        field.unwrap_or(value).as_str().map(str::to_owned)
    };
    let extension = path.extension().and_then(|e| e.to_str());
    let questions: Option<Vec<String>> = match extension {
        Some("json") => serde_json::from_str::<Vec<Value>>(&text)?
            .iter()
            .map(question)
            .collect(),
        Some("jsonl") => {
            let lines = text.lines().filter(|l| !l.trim().is_empty());
            let values: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
            values.iter().map(question).collect()
        }
        _ => Some(
            text.lines()
                .map(str::trim)
                .filter(|l| !l.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
    };
    match questions {
        Some(questions) if !questions.is_empty() => Ok(questions),
        _ => Err(Failure::NoQuestions(path.into())),
    }
}
