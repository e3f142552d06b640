//! How fast this machine embeds: milliseconds per passage, best of several, one JSON object per line.
//!
//! `cargo run --release --example encoder_speed -- [cpu|gpu] [tokens] [rows] [repeats] [weights file]`; tokens may be
//! a list (`12,250,80`), from which rows are taken in turn, or `@FILE`: every line of it is a text, cut to what the model
//! takes, and is then also timed padded to the longest, in batches of 16. `encoder_speed peak` instead says how many
//! billions of f32 operations per second the threads reach that only multiply and add.
use std::time::Instant;

use gossamer::model::device::Choice;
use gossamer::model::tokenizer::Overflow;
use gossamer::model::{Encoder, ModelFiles, fetch, pinned};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|a| a == "peak") {
        println!("{}", serde_json::json!({ "peakGflops": peak() }));
        return;
    }
    let arg = |i: usize, default: &str| args.get(i).cloned().unwrap_or_else(|| default.into());
    let choice = if arg(0, "cpu") == "gpu" {
        Choice::Gpu
    } else {
        Choice::Cpu
    };
    let number = |i, default| arg(i, default).parse().unwrap_or(1);
    let (rows, repeats): (usize, usize) = (number(2, "16"), number(3, "3"));
    let wanted = arg(1, "128");
    let model = &pinned::ALL_MINILM_L6_V2;
    let folder = fetch::model_home().join(model.folder);
    let weights_file = arg(4, "model.safetensors");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    let before = resident("VmRSS:");
    let start = Instant::now();
    let files = ["config.json", "tokenizer.json", "sentence_bert_config.json"].map(read);
    let weights = match std::fs::File::open(folder.join(weights_file)) {
        Ok(file) => file,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(1);
        }
    };
    let encoder = pollster::block_on(Encoder::open(
        ModelFiles {
            name: model.name,
            config: &files[0],
            tokenizer: &files[1],
            sentence: Some(&files[2]),
            pooling: None,
            prompts: None,
            weights: &weights,
            sha256: None,
        },
        choice,
    ));
    let encoder = match encoder {
        Ok(e) => e,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(1);
        }
    };
    let open_ms = start.elapsed().as_secs_f64() * 1e3;
    let weight_bytes = encoder.weight_bytes();
    drop(files);
    let peak = resident("VmHWM:") - before;
    let mut out = serde_json::json!({
        "side": "gossamer", "device": encoder.info(), "precision": encoder.precision(), "openMs": open_ms,
        "weightBytes": weight_bytes, "openPeakBytes": peak,
    });
    let ids: Vec<Vec<u32>> = if let Some(file) = wanted.strip_prefix('@') {
        let texts = std::fs::read_to_string(file).unwrap_or_default();
        let texts: Vec<&str> = texts.lines().collect();
        let start = Instant::now();
        let ids = encoder.tokenizer().encode(&texts, Overflow::Truncate);
        out["tokeniseMs"] = (start.elapsed().as_secs_f64() * 1e3 / texts.len() as f64).into();
        ids.unwrap_or_default()
    } else {
        let lengths: Vec<u32> = wanted.split(',').filter_map(|n| n.parse().ok()).collect();
        let of = |row: usize| (0..lengths[row % lengths.len()]).map(|i| 2000 + i * 7);
        (0..rows).map(|row| of(row).collect()).collect()
    };
    let longest = ids.iter().map(Vec::len).max().unwrap_or(0);
    let padded = ids.iter().map(|ids| {
        let mut ids = ids.clone();
        ids.resize(longest, 0);
        ids
    });
    let padded: Vec<Vec<u32>> = padded.collect();
    let (mut best, mut best_padded) = (f64::INFINITY, f64::INFINITY);
    // One after the other: what else the machine does hits both.
    for _ in 0..=repeats {
        best = best.min(seconds(&encoder, &[&ids]));
        if wanted.starts_with('@') {
            let batches: Vec<&[Vec<u32>]> = padded.chunks(16).collect();
            best_padded = best_padded.min(seconds(&encoder, &batches));
        }
    }
    out["batch"] = ids.len().into();
    out["ms"] = (best * 1e3 / ids.len() as f64).into();
    if wanted.starts_with('@') {
        out["longest"] = longest.into();
        out["meanTokens"] = (ids.iter().map(Vec::len).sum::<usize>() / ids.len().max(1)).into();
        out["paddedMs"] = (best_padded * 1e3 / ids.len() as f64).into();
    }
    println!("{out}");
}

/// Billions of f32 operations per second of all threads, the best of several.
fn peak() -> f64 {
    const ROUNDS: usize = 20_000_000;
    let threads = std::env::var("RAYON_NUM_THREADS").ok();
    let threads = threads.and_then(|n| n.parse().ok()).unwrap_or(1);
    let mut best: f64 = 0.0;
    for _ in 0..5 {
        let start = Instant::now();
        let operations: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| multiply_and_add(ROUNDS)))
                .collect();
            all.into_iter().map(|t| t.join().unwrap_or(0)).sum()
        });
        best = best.max(operations as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}

/// Multiplies and adds in registers alone; how many operations those were.
// Calls of functions that are compiled for what the machine was just found to have.
#[allow(unsafe_code)]
#[cfg(target_arch = "x86_64")]
fn multiply_and_add(rounds: usize) -> usize {
    use std::arch::x86_64::*;
    // Sums enough to hide the latency of an addition.
    const SUMS: usize = 12;

    #[target_feature(enable = "avx512f")]
    fn wide(rounds: usize) -> usize {
        let (x, y) = (_mm512_set1_ps(0.999), _mm512_set1_ps(0.001));
        let mut sums = [y; SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, x, y);
            }
        }
        std::hint::black_box(sums);
        rounds * SUMS * 32
    }
    #[target_feature(enable = "avx2,fma")]
    fn narrow(rounds: usize) -> usize {
        let (x, y) = (_mm256_set1_ps(0.999), _mm256_set1_ps(0.001));
        let mut sums = [y; SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, x, y);
            }
        }
        std::hint::black_box(sums);
        rounds * SUMS * 16
    }
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the feature was just detected.
        unsafe { wide(rounds) }
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: likewise.
        unsafe { narrow(rounds) }
    } else {
        0
    }
}

/// Not known on other machines.
#[cfg(not(target_arch = "x86_64"))]
fn multiply_and_add(_: usize) -> usize {
    0
}

fn seconds(encoder: &Encoder, batches: &[&[Vec<u32>]]) -> f64 {
    let start = Instant::now();
    for batch in batches {
        if let Err(e) = pollster::block_on(encoder.embed_tokens(batch)) {
            eprintln!("{e}");
            std::process::exit(1);
        }
    }
    start.elapsed().as_secs_f64()
}

/// Bytes of memory of this process, or nothing where the system does not tell so.
fn resident(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
