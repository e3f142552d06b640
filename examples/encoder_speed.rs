//! How fast this machine embeds: milliseconds per passage, best of several, one JSON object per line.
//!
//! `cargo run --release --example encoder_speed -- [cpu|gpu] [tokens] [rows] [repeats] [weights file]`; tokens may be
//! a list (`12,250,80`): rows are then taken from it in turn.
use std::time::Instant;

use gossamer::model::device::Choice;
use gossamer::model::{Encoder, ModelFiles, fetch, pinned};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |i: usize, default: &str| args.get(i).cloned().unwrap_or_else(|| default.into());
    let choice = if arg(0, "cpu") == "gpu" {
        Choice::Gpu
    } else {
        Choice::Cpu
    };
    let number = |i, default| arg(i, default).parse().unwrap_or(1);
    let (rows, repeats): (usize, usize) = (number(2, "16"), number(3, "3"));
    let lengths: Vec<u32> = arg(1, "128")
        .split(',')
        .filter_map(|n| n.parse().ok())
        .collect();
    let model = &pinned::ALL_MINILM_L6_V2;
    let folder = fetch::model_home().join(model.folder);
    let weights_file = arg(4, "model.safetensors");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    let start = Instant::now();
    let files = [
        "config.json",
        "tokenizer.json",
        "sentence_bert_config.json",
        &weights_file,
    ]
    .map(read);
    let encoder = pollster::block_on(Encoder::open(
        ModelFiles {
            name: model.name,
            config: &files[0],
            tokenizer: &files[1],
            sentence: Some(&files[2]),
            pooling: None,
            prompts: None,
            weights: &files[3],
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
    let ids: Vec<Vec<u32>> = (0..rows)
        .map(|row| {
            let tokens = lengths[row % lengths.len()];
            (0..tokens).map(|i| 2000 + i * 7).collect()
        })
        .collect();
    let mut best = f64::INFINITY;
    for _ in 0..=repeats {
        let start = Instant::now();
        if let Err(e) = pollster::block_on(encoder.embed_tokens(&ids)) {
            eprintln!("{e}");
            std::process::exit(1);
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let out = serde_json::json!({
        "side": "gossamer", "device": encoder.info(), "precision": encoder.precision(), "batch": rows,
        "tokens": lengths, "openMs": open_ms, "weightBytes": weight_bytes, "ms": best * 1e3 / rows as f64,
    });
    println!("{out}");
}
