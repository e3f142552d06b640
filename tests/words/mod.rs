//! A small deterministic model, codec and chunker for tests that are not about meaning.
#![allow(dead_code)]

use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;

use gossamer::codec::{Codec, train};
use gossamer::index::{Config, Document};
use gossamer::model::{Embedder, Embeddings, Error, ModelId, Role};
use gossamer::text::Chunker;

pub const DIM: usize = 16;

/// splitmix64.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The sum of one pseudo-random vector per word, at unit length: texts with common words are near.
pub fn embed(text: &str) -> Vec<f32> {
    let mut sum = vec![1e-3f32; DIM];
    for word in text.split_whitespace() {
        let mut state = word.bytes().fold(17u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        sum.iter_mut()
            .for_each(|v| *v += (random(&mut state) >> 40) as f32 / (1u64 << 24) as f32 - 0.5);
    }
    let norm = sum.iter().map(|v| v * v).sum::<f32>().sqrt();
    sum.iter_mut().for_each(|v| *v /= norm);
    sum
}

/// Embeds by words, and counts how many texts it was given.
pub struct Words {
    pub id: ModelId,
    pub embedded: Cell<usize>,
}

impl Words {
    pub fn new() -> Self {
        Self {
            id: model(),
            embedded: Cell::new(0),
        }
    }
}

impl Embedder for Words {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        DIM
    }

    async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        self.embedded.set(self.embedded.get() + texts.len());
        Ok(Embeddings {
            dim: DIM,
            values: texts.iter().flat_map(|t| embed(t)).collect(),
        })
    }
}

pub fn model() -> ModelId {
    ModelId {
        name: "words".into(),
        sha256: [7; 32],
    }
}

/// Trained once on texts of random words.
pub fn codec() -> Codec {
    static CODEC: OnceLock<Codec> = OnceLock::new();
    let make = || {
        let mut state = 5;
        let values: Vec<f32> = (0..1024)
            .flat_map(|_| {
                embed(
                    &(0..4)
                        .map(|_| format!("w{} ", random(&mut state) % 500))
                        .collect::<String>(),
                )
            })
            .collect();
        train::train(&values, DIM, &[4; 256], None).unwrap()
    };
    CODEC.get_or_init(make).clone()
}

pub fn config() -> Config {
    Config {
        model: model(),
        codec: codec(),
        keep_text: true,
    }
}

/// Every line is a passage.
pub struct Lines;

impl Chunker for Lines {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        let mut chunks = Vec::new();
        for line in text.split_inclusive('\n') {
            let end = at + line.trim_end_matches('\n').len();
            if end > at {
                chunks.push(at..end);
            }
            at += line.len();
        }
        chunks
    }
}

pub fn document(id: &str, text: &str) -> Document {
    Document {
        id: id.into(),
        title: format!("Title of {id}"),
        text: text.into(),
        metadata: format!("{{\"of\":\"{id}\"}}"),
    }
}
