//! The shapes and ways of other BERT families (bge, e5, gte, arctic-embed, contriever) against vectors made by
//! `scripts/make_bert_families.py`, with the same pseudo-random weights made here.
#![cfg(all(feature = "cli", feature = "gpu"))]
#![allow(clippy::unwrap_used)]

mod common;

use gossamer::model::device::Choice;
use gossamer::model::{Embedder, Encoder, Error, ModelFiles, Role};
use pollster::block_on;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

fn fnv(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3)
    })
}

/// The script's `uniform`, scaled and shifted.
fn uniform(name: &str, count: usize, scale: f32, around: f32) -> Vec<u8> {
    let seed = fnv(name);
    let value = |i: usize| {
        let mut x = (i as u64 + 1)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(seed);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        ((x >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale + around
    };
    (0..count).flat_map(|i| value(i).to_le_bytes()).collect()
}

fn weights(family: &str, config: &Value) -> Vec<u8> {
    let size = |key: &str| config[key].as_u64().unwrap() as usize;
    let (hidden, inner) = (size("hidden_size"), size("intermediate_size"));
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut put = |name: String, shape: Vec<usize>, scale: f32, around: f32| {
        let values = uniform(
            &format!("{family}/{name}"),
            shape.iter().product(),
            scale,
            around,
        );
        tensors.push((name, shape, values));
    };
    for (name, rows) in [
        ("word", size("vocab_size")),
        ("position", size("max_position_embeddings")),
        ("token_type", 2),
    ] {
        let name = format!("embeddings.{name}_embeddings.weight");
        put(name, vec![rows, hidden], 1.0, 0.0);
    }
    let mut layer = vec![("embeddings.LayerNorm".to_owned(), None)];
    for i in 0..size("num_hidden_layers") {
        for (name, shape) in [
            ("attention.self.query", Some((hidden, hidden))),
            ("attention.self.key", Some((hidden, hidden))),
            ("attention.self.value", Some((hidden, hidden))),
            ("attention.output.dense", Some((hidden, hidden))),
            ("attention.output.LayerNorm", None),
            ("intermediate.dense", Some((inner, hidden))),
            ("output.dense", Some((hidden, inner))),
            ("output.LayerNorm", None),
        ] {
            layer.push((format!("encoder.layer.{i}.{name}"), shape));
        }
    }
    for (name, shape) in layer {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        match shape {
            Some((outputs, inputs)) => {
                let scale = (3.0 / inputs as f64).sqrt() as f32;
                put(weight, vec![outputs, inputs], scale, 0.0);
                put(bias, vec![outputs], 0.125, 0.0);
            }
            None => {
                put(weight, vec![hidden], 0.125, 1.0);
                put(bias, vec![hidden], 0.125, 0.0);
            }
        }
    }
    let views = tensors.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), data).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

fn families() -> Vec<Value> {
    let file = common::fixture("families.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn open(family: &Value, config: &Value, choice: Choice) -> Result<Encoder, Error> {
    let name = family["name"].as_str().unwrap();
    let weights = weights(name, &family["config"]);
    let json = |value: &Value| value.to_string().into_bytes();
    let tokenizer = common::fixture("tiny-bert").join("tokenizer.json");
    block_on(Encoder::open(
        ModelFiles {
            name,
            config: &json(config),
            tokenizer: &std::fs::read(tokenizer).unwrap(),
            sentence: Some(&json(&family["sentence"])),
            pooling: Some(&json(&family["pooling"])),
            prompts: Some(&json(&family["prompts"])),
            weights: &weights,
            sha256: None,
        },
        choice,
    ))
}

fn assert_equal_to_reference(family: &Value, choice: Choice, texts: usize) {
    let name = family["name"].as_str().unwrap();
    let encoder = open(family, &family["config"], choice).unwrap();
    let cases = family["cases"].as_array().unwrap();
    assert!(cases.len() >= 6, "{name}");
    for (role, key) in [(Role::Query, "query"), (Role::Passage, "passage")] {
        let cases: Vec<&Value> = cases
            .iter()
            .filter(|c| c["role"] == key)
            .take(texts)
            .collect();
        let all: Vec<&str> = cases.iter().map(|c| c["text"].as_str().unwrap()).collect();
        let got = block_on(encoder.embed(role, &all)).unwrap();
        for (case, row) in cases.iter().zip(got.rows()) {
            let length: f32 = row.iter().map(|v| v * v).sum();
            assert!((length - 1.0).abs() < 1e-5, "{name}: length {length}");
            let want = case["every_eighth"].as_array().unwrap();
            assert_eq!(want.len(), encoder.dim() / 8);
            for (want, &got) in want.iter().zip(row.iter().step_by(8)) {
                let off = (want.as_f64().unwrap() - f64::from(got)).abs();
                assert!(off < 2e-6, "{name}, {key}: off by {off}");
            }
        }
    }
}

#[test]
fn every_family_equals_its_reference_on_the_cpu() {
    let families = families();
    assert_eq!(families.len(), 6);
    for family in &families {
        assert_equal_to_reference(family, Choice::Cpu, usize::MAX);
    }
}

#[test]
fn every_family_equals_its_reference_on_vulkan() {
    for family in families() {
        assert_equal_to_reference(&family, Choice::Gpu, 1);
    }
}

#[test]
fn an_architecture_that_is_not_implemented_is_refused_and_named() {
    let families = families();
    for (key, value) in [
        ("model_type", "xlm-roberta"),
        ("model_type", "nomic_bert"),
        ("hidden_act", "silu"),
        ("position_embedding_type", "rotary"),
    ] {
        let mut config = families[0]["config"].clone();
        config[key] = value.into();
        match open(&families[0], &config, Choice::Cpu) {
            Err(Error::Unsupported(why)) => assert!(why.contains(value), "{why}"),
            other => panic!("{value}: {:?}", other.map(|_| ())),
        }
    }
}
