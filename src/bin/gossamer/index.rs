//! `gossamer index`: folders in, an index that mirrors them out.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use gossamer::codec::Codec;
use gossamer::index::{Added, Config, Document, Error, Index, WriterOptions};
use gossamer::model::{Embedder, Encoder};
use gossamer::store::Files;
use gossamer::text::TokenChunker;
use ignore::WalkBuilder;
use serde_json::json;

use crate::documents::{print_stats, stats_json};
use crate::error::Failure;
use crate::{DeviceOption, model, output};

#[derive(clap::Args)]
pub struct Options {
    /// Folders or files; .gitignore is respected
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// Folder of the index; made if it is not there
    #[arg(long, value_name = "PATH")]
    index: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
}

/// File name extensions that are read as text.
const TEXT: [&str; 4] = ["txt", "md", "markdown", "text"];

/// Files larger than this are listed as unreadable rather than read into memory.
const MAX_FILE: u64 = 256 << 20;

struct Found {
    id: String,
    path: PathBuf,
    bytes: u64,
}

/// Counts of an import.
#[derive(Default)]
struct Outcome {
    new: usize,
    replaced: usize,
    unchanged: usize,
    removed: usize,
    unreadable: Vec<(String, String)>,
}

pub async fn run(options: Options) -> Result<ExitCode, Failure> {
    let mut outcome = Outcome::default();
    let found = find(&options.paths, &options.index, &mut outcome)?;
    if found.is_empty() && outcome.unreadable.is_empty() {
        let names: Vec<_> = options
            .paths
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        return Err(Failure::NothingToIndex(names.join(", ")));
    }
    let encoder = model::open(options.device.choice()).await?;
    let start = Instant::now();
    let index = open_or_create(&options.index, &encoder).await?;
    let before = index.snapshot().chunks();
    import(&index, &encoder, &options.paths, &found, &mut outcome).await?;
    let seconds = start.elapsed().as_secs_f64();
    let stats = index.snapshot().stats();
    let code = u8::from(!outcome.unreadable.is_empty()) * 3;

    if options.json {
        output::json(&json!({
            "new": outcome.new,
            "replaced": outcome.replaced,
            "unchanged": outcome.unchanged,
            "removed": outcome.removed,
            "unreadable": outcome.unreadable.iter()
                .map(|(file, why)| json!({"file": file, "why": why})).collect::<Vec<_>>(),
            "seconds": seconds,
            "backend": encoder.info(),
            "stats": stats_json(&stats),
        }))?;
        return Ok(ExitCode::from(code));
    }
    for (file, why) in &outcome.unreadable {
        eprintln!("not read: {file}: {why}");
    }
    println!(
        "{} new, {} replaced, {} unchanged, {} removed, {} not read",
        outcome.new,
        outcome.replaced,
        outcome.unchanged,
        outcome.removed,
        outcome.unreadable.len()
    );
    let added = stats.chunks.saturating_sub(before);
    if added > 0 {
        println!(
            "{} embedded in {seconds:.1} s ({:.1} per second) on {}",
            output::count(added, "chunk"),
            added as f64 / seconds,
            encoder.info().name
        );
    }
    print_stats(&stats);
    Ok(ExitCode::from(code))
}

async fn open_or_create(folder: &Path, encoder: &Encoder) -> Result<Index<Files>, Failure> {
    let files = Files::create(folder)?;
    match Index::open(files).await {
        Err(Error::NoIndex) => {}
        opened => return Ok(opened?),
    }
    let config = Config {
        model: encoder.id().clone(),
        codec: Codec::bundled()?,
        keep_text: true,
    };
    Ok(Index::create(Files::create(folder)?, config).await?)
}

/// Text files below the paths, in order of path. An id is the path as it was given and found, with `/`.
fn find(paths: &[PathBuf], index: &Path, outcome: &mut Outcome) -> Result<Vec<Found>, Failure> {
    let own = fs::canonicalize(index).ok();
    let mut found = Vec::new();
    for path in paths {
        if !path.exists() {
            return Err(Failure::NoSuchPath(path.clone()));
        }
        let own = own.clone();
        let walk = WalkBuilder::new(path)
            .sort_by_file_path(Path::cmp)
            .filter_entry(move |entry| {
                // An index inside the folder is not one of its documents.
                own.is_none() || fs::canonicalize(entry.path()).ok() != own
            })
            .build();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|t| t.is_file()) => {
                    let path = entry.into_path();
                    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
                    if extension.is_some_and(|e| TEXT.contains(&e.as_str())) {
                        let bytes = fs::metadata(&path).map_or(0, |m| m.len());
                        found.push(Found {
                            id: id(&path),
                            path,
                            bytes,
                        });
                    }
                }
                Ok(_) => {}
                Err(e) => outcome
                    .unreadable
                    .push((path.display().to_string(), e.to_string())),
            }
        }
    }
    let mut seen = HashSet::new();
    found.retain(|f| seen.insert(f.id.clone()));
    Ok(found)
}

fn id(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter(|c| !matches!(c, std::path::Component::CurDir))
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    parts.join("/").replacen("//", "/", 1)
}

async fn import(
    index: &Index<Files>,
    encoder: &Encoder,
    paths: &[PathBuf],
    found: &[Found],
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let tokenizer = encoder.tokenizer();
    let chunker = TokenChunker::new(tokenizer, tokenizer.max_text_tokens());
    let mut writer = index.writer(WriterOptions::default()).await?;
    let bar = output::bytes_bar(found.iter().map(|f| f.bytes).sum());
    for file in found {
        let name = file
            .path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into());
        bar.set_message(name.clone());
        match read_text(file) {
            Ok(text) => {
                let document = Document {
                    id: file.id.clone(),
                    title: name,
                    text,
                    metadata: String::new(),
                };
                match writer.add(encoder, &chunker, document).await? {
                    Added::New => outcome.new += 1,
                    Added::Replaced => outcome.replaced += 1,
                    Added::Unchanged => outcome.unchanged += 1,
                }
            }
            Err(why) => outcome.unreadable.push((file.id.clone(), why)),
        }
        bar.inc(file.bytes);
    }
    // The index mirrors the folders: what was deleted there goes here. Files that merely cannot be read stay. Ids
    // are relative to where the command was run: if no file was met that the index knew, this is another place.
    let known_place = outcome.replaced + outcome.unchanged > 0;
    for gone in index.snapshot().ids().await? {
        let below = known_place && paths.iter().any(|p| Path::new(&gone).starts_with(id(p)));
        if below && !Path::new(&gone).exists() && writer.remove(&gone) {
            outcome.removed += 1;
        }
    }
    writer.commit(encoder).await?;
    bar.finish_and_clear();
    Ok(())
}

fn read_text(file: &Found) -> Result<String, String> {
    if file.bytes > MAX_FILE {
        return Err(format!("larger than {}", output::size(MAX_FILE)));
    }
    let bytes = fs::read(&file.path).map_err(|e| e.to_string())?;
    let text = String::from_utf8(bytes).map_err(|e| {
        format!(
            "not UTF-8 text (byte {}); convert it first",
            e.utf8_error().valid_up_to()
        )
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}
