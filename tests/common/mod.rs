//! What the tests with the real model share.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its own part

use std::fs;
use std::path::{Path, PathBuf};

use gossamer::model::device::Choice;
use gossamer::model::{Encoder, ModelFiles, fetch, pinned};
use serde::Deserialize;

/// One string with the reference's tokens and embedding.
#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub text: String,
    pub ids: Vec<u32>,
    pub embedding: Vec<f32>,
}

impl Case {
    /// Cosine, and the largest difference of a component.
    pub fn compare(&self, got: &[f32]) -> (f64, f64) {
        assert_eq!(got.len(), self.embedding.len());
        let (mut dot, mut a, mut b, mut largest) = (0f64, 0f64, 0f64, 0f64);
        for (&x, &y) in got.iter().zip(&self.embedding) {
            let (x, y) = (f64::from(x), f64::from(y));
            dot += x * y;
            a += x * x;
            b += y * y;
            largest = largest.max((x - y).abs());
        }
        (dot / (a * b).sqrt(), largest)
    }
}

#[derive(Deserialize)]
pub struct Golden {
    pub cases: Vec<Case>,
}

impl Golden {
    pub fn load() -> Self {
        Self::read("minilm-golden.json")
    }

    pub fn read(name: &str) -> Self {
        serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
    }
}

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The pinned model on a device. Panics when the model is not fetched: a run without it proves nothing.
pub fn open_encoder(choice: Choice) -> Encoder {
    let model = &pinned::ALL_MINILM_L6_V2;
    open(model.name, &fetch::model_home().join(model.folder), choice)
}

/// The random-weight BERT of `scripts/make_tiny_bert.py`.
pub fn open_tiny(choice: Choice) -> Encoder {
    open("tiny-bert", &fixture("tiny-bert"), choice)
}

fn open(name: &str, folder: &Path, choice: Choice) -> Encoder {
    let read = |file: &str| {
        fs::read(folder.join(file))
            .unwrap_or_else(|e| panic!("{file}: {e}; run `gossamer model fetch`"))
    };
    let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
    let (sentence, weights) = (read("sentence_bert_config.json"), read("model.safetensors"));
    pollster::block_on(Encoder::open(
        ModelFiles {
            name,
            config: &config,
            tokenizer: &tokenizer,
            sentence: Some(&sentence),
            weights: &weights,
        },
        choice,
    ))
    .unwrap()
}
