//! How much memory opening takes, with weights in each precision. A process for each: what is asked is its highest point.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

use gossamer::model::device::Choice;
use gossamer::model::{Encoder, ModelFiles, fetch, pinned};

/// Names the weights file to a process that opens it.
const ALONE: &str = "GOSSAMER_TEST_WEIGHTS";

/// Bytes of this process, as the system counts them.
fn resident(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Opens the model with the weights that the environment names, and tells the highest point.
#[test]
fn opens_alone() {
    let Ok(file) = std::env::var(ALONE) else {
        return;
    };
    let model = &pinned::ALL_MINILM_L6_V2;
    let folder = fetch::model_home().join(model.folder);
    let read = |name: &str| {
        std::fs::read(folder.join(name))
            .unwrap_or_else(|e| panic!("{name}: {e}; run `gossamer model fetch`"))
    };
    let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
    let sentence = read("sentence_bert_config.json");
    let weights = std::fs::File::open(folder.join(&file))
        .unwrap_or_else(|e| panic!("{file}: {e}; run `make model`"));
    let before = resident("VmRSS:");
    let files = ModelFiles {
        name: model.name,
        config: &config,
        tokenizer: &tokenizer,
        sentence: Some(&sentence),
        pooling: None,
        prompts: None,
        weights: &weights,
        sha256: None,
    };
    let encoder = pollster::block_on(Encoder::open(files, Choice::Cpu)).unwrap();
    let peak = resident("VmHWM:") - before;
    let times = peak as f64 / encoder.weight_bytes() as f64;
    println!("{file}: {peak} bytes at most, {times:.2} times the weights");
    assert!(times <= 1.3, "{file}: {times:.2} times the weights");
}

#[test]
fn opening_takes_at_most_1_3_times_the_memory_of_the_weights() {
    for file in [
        "model.safetensors",
        "model.f16.safetensors",
        "model.int8.safetensors",
    ] {
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "opens_alone", "--nocapture"])
            .env(ALONE, file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(
            run.status.success() && said.contains(" times the weights"),
            "{said}"
        );
    }
}
