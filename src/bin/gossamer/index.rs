//! `gossamer index`: folders in, an index that mirrors them out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use crate::documents::{print_stats, stats_json};
use crate::error::{Failure, code};
use crate::import::{self, Outcome, Scope, Selection};
use crate::{DeviceOption, model, output};

#[derive(clap::Args)]
pub struct Options {
    /// Folders or files; .gitignore is respected
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// Folder of the index; made if it is not there
    #[arg(long, value_name = "PATH")]
    index: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Codec of a new index, from `gossamer codec train`; the index carries it along
    #[arg(long, value_name = "FILE")]
    codec: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
}

pub async fn run(options: Options) -> Result<ExitCode, Failure> {
    let mut outcome = Outcome::default();
    let filter = options.selection.ready()?;
    let found = import::find(&options.paths, &options.index, &filter, &mut outcome)?;
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
    let index = import::open_or_create(&options.index, &encoder, options.codec.as_deref()).await?;
    let before = index.snapshot().chunks();
    // A folder in which no file is met may be a disk that is not there: its documents stay.
    let mut roots: Vec<String> = options.paths.iter().map(|p| import::id(p)).collect();
    roots.retain(|root| found.iter().any(|f| Path::new(&f.id).starts_with(root)));
    let scope = Scope {
        found: &found,
        filter: &filter,
        mirrors: &|id| roots.iter().any(|root| Path::new(id).starts_with(root)),
        same_place: false,
    };
    import::mirror(&index, &encoder, scope, &mut outcome).await?;
    let seconds = start.elapsed().as_secs_f64();
    model::note_loss(&encoder);
    let stats = index.snapshot().stats();
    let partly = !outcome.unreadable.is_empty();
    let code = ExitCode::from(if partly { code::PARTLY } else { 0 });

    if options.json {
        let mut report = outcome.json();
        report["seconds"] = json!(seconds);
        report["backend"] = json!(encoder.info());
        report["lost"] = json!(encoder.lost());
        report["stats"] = stats_json(&stats);
        output::json(&report)?;
        return Ok(code);
    }
    outcome.print();
    let added = stats.chunks.saturating_sub(before);
    if added > 0 {
        out!(
            "{} embedded in {seconds:.1} s ({:.1} per second) on {}",
            output::count(added, "chunk"),
            added as f64 / seconds,
            encoder.info().name
        );
    }
    print_stats(&stats);
    Ok(code)
}
