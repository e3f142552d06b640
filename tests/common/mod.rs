//! What the tests with the real model share.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its own part

use std::fs;
use std::path::{Path, PathBuf};

use gossamer::model::device::Choice;
use gossamer::model::{Encoder, Error, ModelFiles, fetch, pinned};
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
    let folder = fetch::model_home().join(model.folder);
    open(model.name, &folder, choice, None)
}

/// The random-weight BERT of `scripts/make_tiny_bert.py`.
pub fn open_tiny(choice: Choice) -> Encoder {
    open("tiny-bert", &fixture("tiny-bert"), choice, None)
}

/// The same with other weights.
pub fn open_tiny_weights(weights: &[u8], choice: Choice) -> Result<Encoder, Error> {
    with_weights("tiny-bert", &fixture("tiny-bert"), weights, choice)
}

/// The same weights, pooled by the first token and with prompts.
pub fn open_tiny_cls(choice: Choice) -> Encoder {
    let read = |file: &str| fs::read(fixture("tiny-bert-cls").join(file)).unwrap();
    let extra = (read("pooling.json"), read("prompts.json"));
    open("tiny-bert-cls", &fixture("tiny-bert"), choice, Some(extra))
}

/// The pinned model's weights as they are published.
pub fn model_weights() -> Vec<u8> {
    let folder = fetch::model_home().join(pinned::ALL_MINILM_L6_V2.folder);
    fs::read(folder.join("model.safetensors"))
        .unwrap_or_else(|e| panic!("{e}; run `gossamer model fetch`"))
}

/// The pinned model with other weights.
pub fn open_weights(weights: &[u8], choice: Choice) -> Result<Encoder, Error> {
    let model = &pinned::ALL_MINILM_L6_V2;
    let folder = fetch::model_home().join(model.folder);
    with_weights(model.name, &folder, weights, choice)
}

fn with_weights(
    name: &str,
    folder: &Path,
    weights: &[u8],
    choice: Choice,
) -> Result<Encoder, Error> {
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
    pollster::block_on(Encoder::open(
        ModelFiles {
            name,
            config: &config,
            tokenizer: &tokenizer,
            sentence: Some(&read("sentence_bert_config.json")),
            pooling: None,
            prompts: None,
            weights: &weights,
            sha256: None,
        },
        choice,
    ))
}

fn open(name: &str, folder: &Path, choice: Choice, extra: Option<(Vec<u8>, Vec<u8>)>) -> Encoder {
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
            pooling: extra.as_ref().map(|e| &e.0[..]),
            prompts: extra.as_ref().map(|e| &e.1[..]),
            weights: &weights,
            sha256: None,
        },
        choice,
    ))
    .unwrap()
}
