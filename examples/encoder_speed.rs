//! How fast this machine embeds: passages per second by backend, length and batch.
//!
//! `cargo run --release --example encoder_speed -- [cpu|gpu] [tokens] [rows] [repeats]`
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
    let (tokens, rows, repeats): (usize, usize, usize) =
        (number(1, "128"), number(2, "16"), number(3, "3"));
    let model = &pinned::ALL_MINILM_L6_V2;
    let folder = fetch::model_home().join(model.folder);
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    let files = [
        "config.json",
        "tokenizer.json",
        "sentence_bert_config.json",
        "model.safetensors",
    ]
    .map(read);
    let start = Instant::now();
    let encoder = pollster::block_on(Encoder::open(
        ModelFiles {
            name: model.name,
            config: &files[0],
            tokenizer: &files[1],
            sentence: Some(&files[2]),
            weights: &files[3],
        },
        choice,
    ));
    let encoder = match encoder {
        Ok(e) => e,
        Err(e) => return eprintln!("{e}"),
    };
    println!(
        "opened {:?} in {:.2} s",
        encoder.info(),
        start.elapsed().as_secs_f64()
    );
    let ids = vec![(0..tokens as u32).map(|i| 2000 + i * 7).collect::<Vec<_>>(); rows];
    for _ in 0..repeats {
        let start = Instant::now();
        if let Err(e) = pollster::block_on(encoder.embed_tokens(&ids)) {
            return eprintln!("{e}");
        }
        let s = start.elapsed().as_secs_f64();
        println!(
            "{rows} x {tokens} tokens: {s:.3} s, {:.1} passages/s",
            rows as f64 / s
        );
    }
}
