//! Exports an index made natively, for the browser's tests to open by URL:
//! `cargo run --release --no-default-features --example tiny_export -- FILE`. Prints as JSON what is in it and what a
//! question finds. The embedder is that of `wasm-tests/tests/storage-bare.mjs`: it adds up a vector per word.

use std::error::Error;
use std::ops::Range;

use gossamer::codec::Codec;
use gossamer::index::{Config, Document, Index, Mode, SearchOptions, WriterOptions};
use gossamer::model::{Embedder, Embeddings, Error as ModelError, ModelId, Role};
use gossamer::store::Memory;
use gossamer::text::Chunker;
use serde_json::json;
use sha2::{Digest, Sha256};

const DIM: usize = 16;
/// Documents, and sentences in each.
const DOCUMENTS: usize = 60;
const SENTENCES: usize = 220;
const QUESTION: &str = "what did they see there before the first man came back?";
const WORDS: &str = "the of and to in is was he for it with as his on be at by this had not are but from or have an they \
    which one you were her all she there would their we him been has when who will more no if out so said what up its about \
    into than them can only other new some could time these two may then do first any my now such like our over man me even \
    most made after also did many before must through back years";

struct Words(ModelId);

impl Words {
    /// An application's embedder is known by its name and dimensions.
    fn new() -> Self {
        Self(ModelId {
            name: "words".into(),
            sha256: Sha256::digest(format!("words\0{DIM}")).into(),
        })
    }
}

/// One pseudo-random vector per word, added up, at unit length.
fn embed(text: &str) -> Vec<f32> {
    let mut sum = [1e-3f64; DIM];
    for word in text.split_whitespace() {
        let fnv = |h: u32, b: u8| (h ^ u32::from(b)).wrapping_mul(16_777_619);
        let mut state = word.bytes().fold(2_166_136_261, fnv) | 1;
        for value in &mut sum {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *value += f64::from(state >> 8) / f64::from(1 << 24) - 0.5;
        }
    }
    let row = sum.map(|v| v as f32);
    let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
    row.iter().map(|v| v / length).collect()
}

impl Embedder for Words {
    fn id(&self) -> &ModelId {
        &self.0
    }

    fn dim(&self) -> usize {
        DIM
    }

    async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, ModelError> {
        Ok(Embeddings {
            dim: DIM,
            values: texts.iter().flat_map(|text| embed(text)).collect(),
        })
    }
}

/// Four sentences a chunk.
struct Sentences;

impl Chunker for Sentences {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let ends: Vec<usize> = text.match_indices(". ").map(|(at, _)| at + 1).collect();
        let mut from = 0;
        let parts = ends.chunks(4).map(|ends| {
            let to = ends.last().copied().unwrap_or(from);
            let part = from..to;
            from = to + 1;
            part
        });
        parts.collect()
    }
}

/// Sentences of words drawn at random, always the same.
fn text(state: &mut u64) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut draw = |most: usize| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (*state >> 33) as usize % most
    };
    let mut text = String::new();
    for _ in 0..SENTENCES {
        for _ in 0..8 + draw(8) {
            text.push_str(words[draw(words.len())]);
            text.push(' ');
        }
        text.pop();
        text.push_str(". ");
    }
    text
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("where to write it?")?;
    pollster::block_on(async {
        let embedder = Words::new();
        let config = Config {
            model: embedder.0.clone(),
            codec: Codec::plain(DIM)?,
            keep_text: true,
        };
        let index = Index::create(Memory::new(), config).await?;
        let mut writer = index.writer(WriterOptions::default()).await?;
        let mut state = 1u64;
        for number in 0..DOCUMENTS {
            let document = Document {
                id: format!("document-{number}"),
                title: format!("Document {number}"),
                text: text(&mut state),
                ..Document::default()
            };
            writer.add(&embedder, &Sentences, document).await?;
        }
        writer.commit(&embedder).await?;
        writer.compact().await?;
        let mut bytes = Vec::new();
        let snapshot = index.snapshot();
        snapshot
            .export(|part| {
                bytes.extend_from_slice(part);
                Ok(())
            })
            .await?;
        std::fs::write(&file, &bytes)?;
        let options = SearchOptions {
            k: 5,
            mode: Mode::Semantic,
            ..SearchOptions::default()
        };
        let found = index.search(&embedder, QUESTION, &options).await?;
        let hits = found.hits.iter().map(|hit| {
            let (start, end) = (hit.utf16.start, hit.utf16.end);
            json!({"id": hit.document, "start": start, "end": end, "text": hit.text})
        });
        let hits: Vec<_> = hits.collect();
        let stats = snapshot.stats();
        let out = json!({
            "documents": stats.documents, "chunks": stats.chunks, "bytes": bytes.len(),
            "text": stats.bytes.text, "question": QUESTION, "hits": hits,
        });
        println!("{out}");
        Ok(())
    })
}
