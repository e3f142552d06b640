//! The encoder against the reference implementation (sentence-transformers, f32), on every native backend.
//!
//! Needs the model: `gossamer model fetch`. The same vectors are checked in Chromium by `wasm-tests/`.
#![cfg(all(feature = "cli", feature = "gpu"))]
#![allow(clippy::unwrap_used)]

mod common;

use common::{Golden, open_encoder};
use gossamer::model::convert::{Precision, convert};
use gossamer::model::device::{Choice, gpu};
use gossamer::model::tokenizer::Overflow;
use gossamer::model::{Embedder, Error, Role};

/// What the reference's authors ask of a sound port in f32; 4e-7 is seen.
const MIN_COSINE: f64 = 0.99999;
const MAX_DIFFERENCE: f64 = 1e-5;

fn assert_parity(choice: Choice, kind: &str) {
    let encoder = open_encoder(choice);
    assert_eq!(encoder.info().kind, kind);
    let golden = Golden::load();
    assert_eq!(golden.cases.len(), 64);
    let texts: Vec<&str> = golden.cases.iter().map(|c| c.text.as_str()).collect();
    let tokens = encoder
        .tokenizer()
        .encode(&texts, Overflow::Truncate)
        .unwrap();
    for (case, ids) in golden.cases.iter().zip(&tokens) {
        assert_eq!(&case.ids, ids, "token ids of {}", case.name);
    }
    // All at once, in padded batches of mixed lengths, and some alone.
    let mixed = pollster::block_on(encoder.embed_tokens(&tokens)).unwrap();
    let (mut lowest, mut largest) = (1f64, 0f64);
    for (case, got) in golden.cases.iter().zip(mixed.rows()) {
        let (cosine, difference) = case.compare(got);
        assert!(cosine >= MIN_COSINE, "{}: cosine {cosine}", case.name);
        assert!(
            difference <= MAX_DIFFERENCE,
            "{}: off by {difference}",
            case.name
        );
        lowest = lowest.min(cosine);
        largest = largest.max(difference);
    }
    for i in [0, 13, 29, 62] {
        let alone = pollster::block_on(encoder.embed_tokens(&tokens[i..=i])).unwrap();
        let (cosine, difference) = golden.cases[i].compare(&alone.values);
        assert!(cosine >= MIN_COSINE && difference <= MAX_DIFFERENCE);
    }
    println!(
        "parity on {} ({}): lowest cosine {lowest:.9}, largest difference {largest:.3e}",
        encoder.info().name,
        encoder.info().api
    );
}

#[test]
fn every_golden_string_matches_the_reference_on_the_cpu() {
    assert_parity(Choice::Cpu, "cpu");
}

#[test]
fn every_golden_string_matches_the_reference_on_vulkan() {
    assert_parity(Choice::Gpu, "gpu");
}

/// What an adapter that was found computes in at best.
fn best_arithmetic(adapter: &str) -> &'static str {
    let adapters = pollster::block_on(gpu::adapters());
    let found = adapters.iter().find(|a| a.name == adapter).unwrap();
    found.arithmetic
}

/// Every other golden string, for this takes its time where a GPU is emulated.
#[test]
fn small_weights_on_vulkan_are_computed_in_f16_and_stay_near_the_reference() {
    for (precision, least) in [(Precision::F16, 0.999), (Precision::Int8, 0.99)] {
        let weights = convert(&common::model_weights(), precision).unwrap();
        let encoder = common::open_weights(&weights, Choice::Gpu).unwrap();
        let info = encoder.info();
        assert_eq!(info.kind, "gpu");
        assert_eq!(info.arithmetic, best_arithmetic(&info.name));
        assert!(encoder.rejected().is_empty(), "{:?}", encoder.rejected());
        let golden = Golden::load();
        let cases: Vec<_> = golden.cases.iter().step_by(2).collect();
        let texts: Vec<&str> = cases.iter().map(|c| c.text.as_str()).collect();
        let tokens = encoder.tokenizer().encode(&texts, Overflow::Truncate);
        let tokens = tokens.unwrap();
        let mixed = pollster::block_on(encoder.embed_tokens(&tokens)).unwrap();
        let cosines = cases
            .iter()
            .zip(mixed.rows())
            .map(|(c, row)| c.compare(row).0);
        let lowest = cosines.fold(1.0, f64::min);
        println!(
            "{precision:?} in {}: lowest cosine {lowest:.7}",
            info.arithmetic
        );
        assert!(lowest >= least, "{precision:?}: cosine {lowest}");
        let alone = pollster::block_on(encoder.embed_tokens(&tokens[5..6])).unwrap();
        assert_eq!(Some(&alone.values[..]), mixed.rows().nth(5));
    }
}

/// The tiny BERT with what goes up and down in its first layer made greater and smaller by the same factor.
fn great_in_the_middle(factor: f32) -> Vec<u8> {
    let mut file = std::fs::read(common::fixture("tiny-bert/model.safetensors")).unwrap();
    let start = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..start]).unwrap();
    for (name, factor) in [("intermediate", factor), ("output", 1.0 / factor)] {
        let tensor = &header[format!("encoder.layer.0.{name}.dense.weight")];
        assert_eq!(tensor["dtype"], "F32");
        let at = |i: usize| start + tensor["data_offsets"][i].as_u64().unwrap() as usize;
        for value in file[at(0)..at(1)].chunks_exact_mut(4) {
            let scaled = f32::from_le_bytes(value.try_into().unwrap()) * factor;
            value.copy_from_slice(&scaled.to_le_bytes());
        }
    }
    file
}

#[test]
fn a_gpu_whose_f16_is_not_good_enough_computes_in_f32_and_says_so() {
    let great = convert(&great_in_the_middle(65_536.0), Precision::F16).unwrap();
    let open = |choice| common::open_tiny_weights(&great, choice).unwrap();
    let (gpu, cpu) = (open(Choice::Gpu), open(Choice::Cpu));
    assert_eq!((gpu.info().kind, gpu.info().arithmetic), ("gpu", "f32"));
    if best_arithmetic(&gpu.info().name) == "f16" {
        assert!(gpu.rejected()[0].contains("self-test in f16 failed"));
    }
    let texts = ["the moon and the tide", "bread"];
    let [of_gpu, of_cpu] =
        [&gpu, &cpu].map(|e| pollster::block_on(e.embed(Role::Query, &texts)).unwrap());
    for (a, b) in of_gpu.values.iter().zip(&of_cpu.values) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn the_tiny_bert_matches_its_reference_on_cpu_and_vulkan() {
    for choice in [Choice::Cpu, Choice::Gpu] {
        let encoder = common::open_tiny(choice);
        let golden = Golden::read("tiny-bert/golden.json");
        assert!(!golden.cases.is_empty());
        let texts: Vec<&str> = golden.cases.iter().map(|c| c.text.as_str()).collect();
        let tokens = encoder
            .tokenizer()
            .encode(&texts, Overflow::Truncate)
            .unwrap();
        let got = pollster::block_on(encoder.embed_tokens(&tokens)).unwrap();
        for ((case, ids), row) in golden.cases.iter().zip(&tokens).zip(got.rows()) {
            assert_eq!(&case.ids, ids, "token ids of {}", case.name);
            let (cosine, difference) = case.compare(row);
            assert!(
                cosine >= MIN_COSINE && difference <= MAX_DIFFERENCE,
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn pooling_by_the_first_token_and_prompts_match_their_reference() {
    let golden = Golden::read("tiny-bert-cls/golden.json");
    assert!(!golden.cases.is_empty());
    let encoders = [Choice::Cpu, Choice::Gpu].map(common::open_tiny_cls);
    for (encoder, case) in encoders
        .iter()
        .flat_map(|e| golden.cases.iter().map(move |c| (e, c)))
    {
        let role = if case.name.starts_with("query") {
            Role::Query
        } else {
            Role::Passage
        };
        let got = pollster::block_on(encoder.embed(role, &[&case.text])).unwrap();
        let (cosine, difference) = case.compare(&got.values);
        assert!(
            cosine >= MIN_COSINE && difference <= MAX_DIFFERENCE,
            "{}",
            case.name
        );
    }
    // What goes before a passage takes room in it.
    let plain = common::open_tiny(Choice::Cpu).tokenizer().max_text_tokens();
    for encoder in &encoders {
        assert_eq!(encoder.tokenizer().max_text_tokens(), plain - 3);
    }
}

#[cfg(feature = "fault")]
#[test]
fn a_gpu_that_is_lost_costs_no_query() {
    let mut encoder = common::open_tiny(Choice::Gpu);
    assert_eq!(encoder.info().kind, "gpu");
    let texts = ["the moon and the tide", "bread"];
    let before = pollster::block_on(encoder.embed(Role::Query, &texts)).unwrap();
    encoder.lose_gpu();
    let after = pollster::block_on(encoder.embed(Role::Query, &texts)).unwrap();
    for (a, b) in before.values.iter().zip(&after.values) {
        assert!((a - b).abs() < 1e-5);
    }
    assert_eq!(encoder.info().kind, "cpu");
    assert!(encoder.lost().is_some_and(|why| why.contains("lost")));
}

#[test]
fn a_measured_gpu_shares_the_work_with_the_cpu_and_answers_the_same() {
    let mut encoder = common::open_tiny(Choice::Any);
    assert_eq!(encoder.info().kind, "gpu", "{:?}", encoder.rejected());
    assert!(encoder.calibration().is_none());
    let texts = ["the moon and the tide"; 16];
    let before = pollster::block_on(encoder.embed(Role::Passage, &texts)).unwrap();
    let start = std::time::Instant::now();
    pollster::block_on(encoder.calibrate(|| start.elapsed().as_secs_f64() * 1e3)).unwrap();
    let measured = encoder.calibration().unwrap().clone();
    for timing in [measured.cpu, measured.gpu] {
        assert!(timing.one > 0.0 && timing.sixteen > 0.0 && timing.sixteen.is_finite());
    }
    // Whatever was measured: one text on the one, sixteen on the other.
    for (one, sixteen) in [(1.0, 1e9), (1e9, 1.0)] {
        let mut forced = measured.clone();
        (forced.cpu.one, forced.cpu.sixteen) = (one, sixteen);
        (forced.gpu.one, forced.gpu.sixteen) = (sixteen, one);
        assert!(encoder.set_calibration(forced));
        assert_eq!(
            encoder.info().kind,
            if one < sixteen { "gpu" } else { "cpu" }
        );
        for count in [1, 16] {
            let after = pollster::block_on(encoder.embed(Role::Passage, &texts[..count])).unwrap();
            for (a, b) in before.values.iter().zip(&after.values) {
                assert!((a - b).abs() < 1e-5);
            }
        }
    }
    let mut other = measured;
    other.adapter = "another".into();
    assert!(!encoder.set_calibration(other));
}

#[test]
fn a_text_longer_than_the_model_is_refused_and_not_cut() {
    let encoder = open_encoder(Choice::Cpu);
    let long = "one ".repeat(255);
    let error = pollster::block_on(encoder.embed(Role::Passage, &["short", &long])).unwrap_err();
    assert!(matches!(
        error,
        Error::TooLong {
            index: 1,
            tokens: 257,
            limit: 256
        }
    ));
}

#[test]
fn no_texts_give_no_embeddings() {
    let encoder = open_encoder(Choice::Cpu);
    let none = pollster::block_on(encoder.embed(Role::Query, &[])).unwrap();
    assert_eq!(none.rows().len(), 0);
}
