//! How long an index takes to open, to import with and without durability, and to scan, at a given number of
//! chunks: `cargo run --release --no-default-features --example open_index -- 20000`. Vectors are synthetic. With
//! a file name after the number the index is exported there, for `benches/wasm/storage.mjs`. Opening and scanning
//! are told in the processor's time (Linux), too, so that other programs do not count.

use std::ops::Range;
use std::time::Instant;

use gossamer::codec::Codec;
use gossamer::index::{Config, Document, Index, SearchOptions, WriterOptions};
use gossamer::model::{Embedder, Embeddings, Error, ModelId, Role};
use gossamer::store::{Files, Memory, Store};
use gossamer::text::Chunker;

/// Pseudo-random unit vectors that depend on the text alone.
struct Synthetic(ModelId);

impl Embedder for Synthetic {
    fn id(&self) -> &ModelId {
        &self.0
    }

    fn dim(&self) -> usize {
        384
    }

    async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let mut values = Vec::with_capacity(texts.len() * 384);
        for text in texts {
            let mut state = u64::from(crc32fast::hash(text.as_bytes())) | 1;
            let row: Vec<f32> = (0..384)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state >> 40) as f32 / (1 << 24) as f32 - 0.5
                })
                .collect();
            let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            values.extend(row.iter().map(|v| v / norm));
        }
        Ok(Embeddings { dim: 384, values })
    }
}

struct Lines;

impl Chunker for Lines {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        text.split_inclusive('\n')
            .map(|line| {
                at += line.len();
                at - line.len()..at
            })
            .collect()
    }
}

/// Milliseconds that this thread has run.
fn ran() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e6
}

/// Seconds by the clock, and those that the thread ran.
async fn import<S: Store>(
    store: S,
    chunks: usize,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let embedder = Synthetic(ModelId {
        name: "synthetic".into(),
        sha256: [0; 32],
    });
    let config = Config {
        model: embedder.0.clone(),
        codec: Codec::bundled()?,
        keep_text: true,
    };
    let (start, before) = (Instant::now(), ran());
    let index = Index::create(store, config).await?;
    let mut writer = index.writer(WriterOptions::default()).await?;
    for i in 0..chunks.div_ceil(40) {
        let line = |j: usize| {
            format!("line {j} of document {i}, of no meaning but about as long as a sentence is\n")
        };
        let document = Document {
            id: i.to_string(),
            text: (0..40).map(line).collect(),
            ..Document::default()
        };
        writer.add(&embedder, &Lines, document).await?;
    }
    writer.commit(&embedder).await?;
    Ok((start.elapsed().as_secs_f64(), (ran() - before) / 1e3))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let chunks: usize = std::env::args().nth(1).map_or(Ok(1000), |n| n.parse())?;
    let folder = std::env::temp_dir().join(format!("gossamer-open-{}", std::process::id()));
    pollster::block_on(async {
        let memory = import(Memory::new(), chunks).await?;
        let files = import(Files::create(&folder)?, chunks).await?;
        let mut opened: Vec<(f64, f64)> = Vec::new();
        let index = loop {
            let (start, before) = (Instant::now(), ran());
            let index = Index::open(Files::open(&folder)?).await?;
            opened.push((ran() - before, 1e3 * start.elapsed().as_secs_f64()));
            if opened.len() == 9 {
                break index;
            }
        };
        opened.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (opened, opened_wall) = opened[4];
        if let Some(file) = std::env::args().nth(2) {
            let mut bytes = Vec::new();
            let snapshot = index.snapshot();
            snapshot
                .export(|part| {
                    bytes.extend_from_slice(part);
                    Ok(())
                })
                .await?;
            std::fs::write(file, bytes)?;
        }
        let embedder = Synthetic(index.model());
        let options = SearchOptions {
            limit: 0,
            ..SearchOptions::default()
        };
        let before = ran();
        let found = index.search(&embedder, "a question", &options).await?;
        println!(
            "{chunks} chunks: imported at {:.0} chunks/s in memory ({:.0} of the processor's), {:.0} ({:.0}) into files; opened in {opened:.2} ms ({opened_wall:.2} by the clock); {} codes read in {:.1} ms",
            chunks as f64 / memory.0,
            chunks as f64 / memory.1,
            chunks as f64 / files.0,
            chunks as f64 / files.1,
            found.stats.codes_read,
            ran() - before
        );
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
