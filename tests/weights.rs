//! Smaller weights: how small, how near to the reference, and what search loses by them.
//!
//! Needs the model (`gossamer model fetch`); the search test also `squad/` in the folder that `GOSSAMER_DATA` names.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use common::{Golden, open_weights};
use gossamer::codec::Codec;
use gossamer::index::{Config, Document, Index, SearchOptions, WriterOptions};
use gossamer::model::convert::{Precision, convert};
use gossamer::model::device::Choice;
use gossamer::model::tokenizer::Overflow;
use gossamer::model::{Embedder, Embeddings, Encoder, Error, ModelId, Role};
use gossamer::store::Memory;
use gossamer::text::Chunker;
use pollster::block_on;

fn converted(precision: Precision) -> Vec<u8> {
    convert(&common::model_weights(), precision).unwrap()
}

/// Lowest cosine to the reference over the golden texts, and the mean.
fn fidelity(encoder: &Encoder) -> (f64, f64) {
    let golden = Golden::load();
    let texts: Vec<&str> = golden.cases.iter().map(|c| c.text.as_str()).collect();
    let tokens = encoder
        .tokenizer()
        .encode(&texts, Overflow::Truncate)
        .unwrap();
    let got = block_on(encoder.embed_tokens(&tokens)).unwrap();
    // Together or alone: the same.
    let alone = block_on(encoder.embed_tokens(&tokens[20..21])).unwrap();
    for (a, b) in alone.values.iter().zip(got.rows().nth(20).unwrap()) {
        assert!((a - b).abs() < 1e-5);
    }
    let cosines: Vec<f64> = golden
        .cases
        .iter()
        .zip(got.rows())
        .map(|(case, row)| case.compare(row).0)
        .collect();
    let lowest = cosines.iter().copied().fold(1.0, f64::min);
    (lowest, cosines.iter().sum::<f64>() / cosines.len() as f64)
}

#[test]
fn half_the_bits_keep_the_vectors_and_a_quarter_nearly() {
    let original = common::open_encoder(Choice::Cpu);
    assert_eq!(original.precision(), Precision::F32);
    for (precision, most_bytes, least_cosine) in [
        (Precision::F16, 45_500_000, 0.999),
        (Precision::Int8, 23_000_000, 0.99),
    ] {
        let weights = converted(precision);
        assert!(weights.len() <= most_bytes, "{} bytes", weights.len());
        let encoder = open_weights(&weights, Choice::Cpu).unwrap();
        assert_eq!(encoder.precision(), precision);
        assert_eq!(encoder.id(), original.id(), "it is the same model");
        let (lowest, mean) = fidelity(&encoder);
        println!(
            "{precision:?}: {} bytes, {} in memory, cosine at least {lowest:.5}, {mean:.5} on average",
            weights.len(),
            encoder.weight_bytes()
        );
        assert!(lowest >= least_cosine, "{precision:?}: cosine {lowest}");
    }
}

#[test]
fn converted_weights_are_not_converted_again_and_never_grow() {
    let half = converted(Precision::F16);
    for (weights, to) in [
        (&half, Precision::Int8),
        (&common::model_weights(), Precision::F32),
    ] {
        assert!(matches!(convert(weights, to), Err(Error::Unsupported(_))));
    }
}

/// Vectors of texts that were embedded before; others are embedded when asked for.
struct Known<'a> {
    encoder: &'a Encoder,
    vectors: HashMap<String, Vec<f32>>,
}

impl Embedder for Known<'_> {
    fn id(&self) -> &ModelId {
        self.encoder.id()
    }

    fn dim(&self) -> usize {
        384
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let mut values = Vec::new();
        for text in texts {
            match self.vectors.get(*text) {
                Some(vector) => values.extend(vector),
                None => values.extend(self.encoder.embed(role, &[text]).await?.values),
            }
        }
        Ok(Embeddings { dim: 384, values })
    }
}

struct Whole;

impl Chunker for Whole {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        std::iter::once(0..text.len()).collect()
    }
}

/// Passages and questions that all fit the model.
fn squad(encoder: &Encoder) -> Option<(Vec<String>, Vec<String>)> {
    const PASSAGES: usize = 300;
    const QUESTIONS: usize = 150;
    let folder = std::env::var_os("GOSSAMER_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let file = folder.join("squad/passages.jsonl.gz");
    if !file.exists() {
        assert!(
            std::env::var_os("GOSSAMER_REQUIRE_DATA").is_none(),
            "{} is not there",
            file.display()
        );
        println!("SKIPPED: {} is not there", file.display());
        return None;
    }
    let bytes = std::fs::read(file).unwrap();
    let mut start = 10;
    if bytes[3] & 8 != 0 {
        start += bytes[start..].iter().position(|&b| b == 0).unwrap() + 1;
    }
    let raw = miniz_oxide::inflate::decompress_to_vec(&bytes[start..bytes.len() - 8]).unwrap();
    let lines = |text: &str| -> Vec<(u64, String)> {
        text.lines()
            .map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                let gold = value["gold"].as_u64().unwrap_or_default();
                (gold, value["text"].as_str().unwrap().to_owned())
            })
            .collect()
    };
    let passages = lines(&String::from_utf8(raw).unwrap());
    let questions = std::fs::read_to_string(folder.join("squad/queries.jsonl")).unwrap();
    let questions = &lines(&questions)[..QUESTIONS];
    // What answers the questions, and neighbours of it, which are about the same.
    let mut chosen: Vec<usize> = questions
        .iter()
        .flat_map(|(gold, _)| (*gold as usize).saturating_sub(1)..(*gold as usize + 3))
        .filter(|&i| i < passages.len())
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    let fits = |text: &String| encoder.tokenizer().token_ranges(text).len() <= 254;
    let passages = chosen
        .into_iter()
        .map(|i| passages[i].1.clone())
        .filter(fits);
    Some((
        passages.take(PASSAGES).collect(),
        questions.iter().map(|(_, text)| text.clone()).collect(),
    ))
}

fn known<'a>(encoder: &'a Encoder, passages: &[String], questions: &[String]) -> Known<'a> {
    let all: Vec<&str> = passages
        .iter()
        .chain(questions)
        .map(String::as_str)
        .collect();
    let embedded = block_on(encoder.embed(Role::Passage, &all)).unwrap();
    let vectors = all.iter().map(|t| (*t).to_owned());
    Known {
        encoder,
        vectors: vectors.zip(embedded.rows().map(<[f32]>::to_vec)).collect(),
    }
}

/// The share of the exact top three that the whole pipeline finds.
fn recall(
    known: &Known<'_>,
    passages: &[String],
    questions: &[String],
    truth: &[Vec<usize>],
) -> f64 {
    block_on(async {
        let config = Config {
            model: known.id().clone(),
            codec: Codec::bundled().unwrap(),
            keep_text: true,
        };
        let index = Index::create(Memory::new(), config).await.unwrap();
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        for (i, text) in passages.iter().enumerate() {
            let document = Document {
                id: i.to_string(),
                title: String::new(),
                text: text.clone(),
                metadata: String::new(),
            };
            writer.add(known, &Whole, document).await.unwrap();
        }
        writer.commit(known).await.unwrap();
        let options = SearchOptions {
            k: 3,
            ..SearchOptions::default()
        };
        let mut found = 0;
        for (question, truth) in questions.iter().zip(truth) {
            let result = index.search(known, question, &options).await.unwrap();
            let right = |id: &str| truth.iter().any(|i| i.to_string() == *id);
            found += result.hits.iter().filter(|h| right(&h.document)).count();
        }
        found as f64 / (3 * questions.len()) as f64
    })
}

#[test]
fn search_with_8_bits_finds_what_search_with_32_finds() {
    let original = common::open_encoder(Choice::Cpu);
    let Some((passages, questions)) = squad(&original) else {
        return;
    };
    let exact = known(&original, &passages, &questions);
    let truth: Vec<Vec<usize>> = questions
        .iter()
        .map(|question| {
            let q = &exact.vectors[question];
            let mut scored: Vec<(f32, usize)> = passages
                .iter()
                .map(|p| exact.vectors[p].iter().zip(q).map(|(a, b)| a * b).sum())
                .zip(0..)
                .collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0));
            scored[..3].iter().map(|&(_, i)| i).collect()
        })
        .collect();
    let of_32 = recall(&exact, &passages, &questions, &truth);
    let encoder = open_weights(&converted(Precision::Int8), Choice::Cpu).unwrap();
    let of_8 = recall(
        &known(&encoder, &passages, &questions),
        &passages,
        &questions,
        &truth,
    );
    println!(
        "recall@3 over {} passages and {} questions: {of_32:.4} with f32, {of_8:.4} with int8",
        passages.len(),
        questions.len()
    );
    assert!(of_8 >= of_32 - 0.01);
}
