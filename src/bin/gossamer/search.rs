//! `gossamer search`: a question in, passages out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use gossamer::index::{SearchOptions, SearchResult};
use serde_json::json;

use crate::error::Failure;
use crate::{DeviceOption, documents, model, output};

#[derive(clap::Args)]
pub struct Options {
    /// The question, in plain words
    question: String,
    /// Folder of the index
    #[arg(long, value_name = "PATH")]
    index: PathBuf,
    /// Passages wanted
    #[arg(short, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    k: u32,
    /// Share of the exact top k to find, on average; 1 embeds every chunk
    #[arg(long, default_value_t = 0.95, value_name = "SHARE")]
    recall: f32,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
}

pub async fn run(options: Options) -> Result<ExitCode, Failure> {
    let index = documents::open(&options.index).await?;
    let encoder = model::open(options.device.choice()).await?;
    let start = Instant::now();
    let result = index
        .search(
            &encoder,
            &options.question,
            &SearchOptions {
                k: options.k as usize,
                target_recall: options.recall,
                ..SearchOptions::default()
            },
        )
        .await?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    if options.json {
        return print_json(&options.question, &result, ms, &encoder);
    }
    for (rank, hit) in result.hits.iter().enumerate() {
        println!(
            "{}. {} (bytes {}-{})  score {:.3}",
            rank + 1,
            hit.document,
            hit.bytes.start,
            hit.bytes.end,
            hit.score
        );
        for line in hit.text.lines() {
            println!("   {line}");
        }
        println!();
    }
    if result.hits.is_empty() {
        println!("nothing found: the index is empty");
    }
    if result.stats.damaged > 0 {
        eprintln!(
            "{} could not be read: run `gossamer verify`",
            output::count(result.stats.damaged, "chunk")
        );
    }
    eprintln!(
        "{ms:.0} ms on {}: {} read, {} recomputed in {}",
        encoder.info().name,
        output::count(result.stats.codes_read, "code"),
        output::count(result.stats.recomputed, "embedding"),
        output::count(result.stats.rounds, "round")
    );
    Ok(ExitCode::SUCCESS)
}

fn print_json(
    question: &str,
    result: &SearchResult,
    ms: f64,
    encoder: &gossamer::model::Encoder,
) -> Result<ExitCode, Failure> {
    let hits: Vec<_> = result
        .hits
        .iter()
        .map(|hit| {
            json!({
                "document": hit.document,
                "title": hit.title,
                "score": hit.score,
                "bytes": [hit.bytes.start, hit.bytes.end],
                "utf16": [hit.utf16.start, hit.utf16.end],
                "chunk": hit.chunk,
                "text": hit.text,
            })
        })
        .collect();
    output::json(&json!({
        "question": question,
        "hits": hits,
        "stats": {
            "ms": ms,
            "recomputed": result.stats.recomputed,
            "rounds": result.stats.rounds,
            "codes_read": result.stats.codes_read,
            "damaged": result.stats.damaged,
            "backend": encoder.info(),
        },
    }))?;
    Ok(ExitCode::SUCCESS)
}
