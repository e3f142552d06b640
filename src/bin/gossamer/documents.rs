//! The commands about an index as it is: stats, list, remove, verify, compact, export, import.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use gossamer::index::{Index, Stats, WriterOptions};
use gossamer::store::{self, Files};
use serde_json::{Value, json};

use crate::error::{Failure, at, code};
use crate::{DeviceOption, Place, model, output};

/// Opens the index that was named.
pub async fn open(folder: &Path) -> Result<Index<Files>, Failure> {
    if !folder.is_dir() {
        return Err(Failure::NoSuchPath(folder.to_owned()));
    }
    Ok(Index::open(Files::open(folder)?).await?)
}

/// Sizes as JSON, the same for every command.
pub fn stats_json(stats: &Stats) -> Value {
    let b = &stats.bytes;
    json!({
        "documents": stats.documents,
        "chunks": stats.chunks,
        "segments": stats.segments,
        "removed_chunks": stats.removed_chunks,
        "generation": stats.generation,
        "text_bytes": stats.text_bytes,
        "bytes": {
            "codes": b.codes, "graph": b.graph, "chunks": b.chunks, "documents": b.documents,
            "manifest": b.manifest, "codebooks": b.codebooks, "index": b.index(),
            "text": b.text, "total": b.total(),
        },
        "share_of_text": stats.share_of_text(),
        "bytes_per_chunk": stats.bytes_per_chunk(),
    })
}

/// Sizes for people.
pub fn print_stats(stats: &Stats) {
    let b = &stats.bytes;
    out!(
        "{} in {}, {} of text",
        output::count(stats.chunks, "chunk"),
        output::count(stats.documents, "document"),
        output::size(stats.text_bytes)
    );
    out!(
        "index {} = {:.1} % of the text, {:.1} B per chunk (codes {}, graph {}, chunks {}, documents {}, manifest {})",
        output::size(b.index()),
        100.0 * stats.share_of_text(),
        stats.bytes_per_chunk(),
        output::size(b.codes),
        output::size(b.graph),
        output::size(b.chunks),
        output::size(b.documents),
        output::size(b.manifest)
    );
    out!(
        "text {} compressed, total {}; storing the embeddings would have cost {}",
        output::size(b.text),
        output::size(b.total()),
        output::size(stats.chunks as u64 * 384 * 4)
    );
    if stats.removed_chunks > 0 {
        out!(
            "{} of removed documents still take space: `gossamer compact` gives it back",
            output::count(stats.removed_chunks, "chunk")
        );
    }
}

pub async fn stats(place: &Place) -> Result<ExitCode, Failure> {
    let stats = open(&place.index).await?.snapshot().stats();
    if place.json {
        output::json(&stats_json(&stats))?;
    } else {
        print_stats(&stats);
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn list(place: &Place) -> Result<ExitCode, Failure> {
    let mut ids = open(&place.index).await?.snapshot().ids().await?;
    ids.sort_unstable();
    if place.json {
        output::json(&ids)?;
    } else {
        let mut out = io::stdout().lock();
        for id in &ids {
            writeln!(out, "{id}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn remove(
    place: &Place,
    device: &DeviceOption,
    ids: &[String],
) -> Result<ExitCode, Failure> {
    let index = open(&place.index).await?;
    let encoder = model::open(device.choice()).await?;
    let mut writer = index.writer(WriterOptions::default()).await?;
    let (removed, absent): (Vec<_>, Vec<_>) = ids.iter().partition(|id| writer.remove(id));
    writer.commit(&encoder).await?;
    if place.json {
        output::json(&json!({"removed": removed, "absent": absent}))?;
    } else {
        out!("{} removed", output::count(removed.len(), "document"));
        absent
            .iter()
            .for_each(|id| eprintln!("not in the index: {id}"));
    }
    Ok(ExitCode::from(if absent.is_empty() {
        0
    } else {
        code::PARTLY
    }))
}

pub async fn verify(place: &Place) -> Result<ExitCode, Failure> {
    let report = open(&place.index).await?.snapshot().verify().await?;
    if place.json {
        let damaged: Vec<_> = report
            .damaged
            .iter()
            .map(|f| {
                json!({"block": f.block, "part": f.part, "why": f.why,
                "documents": f.documents, "unnamed": f.unnamed})
            })
            .collect();
        output::json(&json!({
            "clean": report.is_clean(), "blocks": report.blocks, "bytes": report.bytes,
            "damaged": damaged, "recovered": report.recovered,
        }))?;
    } else {
        out!(
            "{} blocks, {} checked",
            report.blocks,
            output::size(report.bytes)
        );
        if let Some(why) = &report.recovered {
            out!("the newest commit is lost ({why}); the one before it is used");
        }
        for finding in &report.damaged {
            out!(
                "damaged: block {} ({}): {}",
                finding.block,
                finding.part,
                finding.why
            );
            finding.documents.iter().for_each(|id| out!("  {id}"));
            if finding.unnamed > 0 {
                out!(
                    "  and {} whose ids are lost",
                    output::count(finding.unnamed, "document")
                );
            }
        }
    }
    if report.is_clean() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::IndexDamaged)
}

pub async fn compact(place: &Place) -> Result<ExitCode, Failure> {
    let index = open(&place.index).await?;
    index
        .writer(WriterOptions::default())
        .await?
        .compact()
        .await?;
    stats(place).await
}

pub async fn export(place: &Place, file: &Path) -> Result<ExitCode, Failure> {
    let index = open(&place.index).await?;
    // A half-written export never has the final name.
    let part = file.with_extension("part");
    let mut out = fs::File::create(&part).map_err(at(&part))?;
    index
        .snapshot()
        .export(|bytes| {
            out.write_all(bytes).map_err(|e| store::Error::Io {
                doing: "writing the export".into(),
                why: e.to_string(),
            })
        })
        .await?;
    out.sync_all().map_err(at(&part))?;
    fs::rename(&part, file).map_err(at(file))?;
    let bytes = fs::metadata(file).map_err(at(file))?.len();
    if place.json {
        output::json(&json!({"file": file, "bytes": bytes}))?;
    } else {
        out!("{} written, {}", file.display(), output::size(bytes));
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn import(place: &Place, file: &Path) -> Result<ExitCode, Failure> {
    let bytes = fs::read(file).map_err(at(file))?;
    Index::import(Files::create(&place.index)?, &bytes).await?;
    stats(place).await
}
