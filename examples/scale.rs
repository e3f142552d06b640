//! A graph over many synthetic chunks: time, memory, bytes, and how the codes read grow.
//!
//!     cargo run --release --no-default-features --example scale -- 100000 300000 1000000
//!
//! Chunks are made from their number, coded, and dropped, so that memory is what an index of that size needs.

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use gossamer::codec::Codec;
use gossamer::graph::{CodeSpace, Ending, Graph, Params, Scratch, build};

const DIM: usize = 384;
const PER_DOCUMENT: usize = 40;
const QUESTIONS: usize = 200;

/// Numbers between -1 and 1 (SplitMix64).
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// A chunk: a topic shared by many documents, a document, and its own part, with falling variance by axis.
fn chunk(id: usize, own: f32) -> Vec<f32> {
    let document = id / PER_DOCUMENT;
    let mut parts = [
        (0.7, noise(1 + (document % 997) as u64)),
        (0.7, noise(1_000_000 + document as u64)),
        (1.0, noise(1_000_000_000 + id as u64)),
        (own, noise(2_000_000_000 + id as u64)),
    ];
    let mut row: Vec<f32> = (0..DIM)
        .map(|axis| {
            let scale = 1.0 / (1.0 + axis as f32 / 24.0).sqrt();
            scale
                * parts
                    .iter_mut()
                    .map(|(weight, next)| *weight * next())
                    .sum::<f32>()
        })
        .collect();
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut().for_each(|x| *x /= norm);
    row
}

fn main() -> Result<(), Box<dyn Error>> {
    for count in std::env::args().skip(1) {
        run(count.parse()?)?;
    }
    Ok(())
}

fn run(count: usize) -> Result<(), Box<dyn Error>> {
    let codec = Codec::bundled()?;
    let first: Vec<f32> = (0..2000.min(count)).flat_map(|id| chunk(id, 0.0)).collect();
    let coder = codec.coder(&codec.fit(&first, Codec::CODE_BYTES)?)?;
    let start = Instant::now();
    let mut codes = coder.codes();
    for from in (0..count).step_by(PER_DOCUMENT) {
        let document: Vec<f32> = (from..count.min(from + PER_DOCUMENT))
            .flat_map(|id| chunk(id, 0.0))
            .collect();
        coder.encode(&document, &mut codes)?;
    }
    let coded = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let mut told = 0;
    let progress = |done: usize, all: usize| {
        if done * 10 / all > told {
            told = done * 10 / all;
            eprintln!("{done} of {all}, {:.0} s", start.elapsed().as_secs_f64());
        }
        ControlFlow::Continue(())
    };
    let graph = build(
        &CodeSpace::new(&coder, &codes),
        &Params::default(),
        progress,
    )?
    .freeze();
    let built = start.elapsed().as_secs_f64();
    let bytes = graph.to_bytes();
    let start = Instant::now();
    let read = Graph::from_bytes(&bytes, count)?;
    let opened = start.elapsed().as_secs_f64();
    let n = count as f64;
    println!(
        "{count} chunks: coded in {coded:.1} s, graph in {built:.1} s, opened in {opened:.2} s; \
         degree {:.1}, {:.2} bytes per chunk stored, {:.2} in memory; peak {} MiB",
        2.0 * graph.edges() as f64 / n,
        bytes.len() as f64 / n,
        graph.memory() as f64 / n,
        peak_mib().unwrap_or_default()
    );

    let ending = Ending::for_codes(10, 512, coder.prior().spread, 0.95);
    let mut scratch = Scratch::default();
    let (mut found, mut read_codes, mut times, mut all) = (0, 0, Vec::new(), Vec::new());
    for question in 0..QUESTIONS {
        let query = chunk(question * (count / QUESTIONS).max(1), 0.6);
        let scorer = coder.scorer(&query)?;
        scorer.score_all(&codes, &mut all);
        let mut best: Vec<u32> = (0..count as u32).collect();
        let k = 10.min(count);
        let order = |a: &u32, b: &u32| all[*b as usize].total_cmp(&all[*a as usize]);
        if k < count {
            best.select_nth_unstable_by(k, order);
            best.truncate(k);
        }
        let start = Instant::now();
        let score = |id| scorer.score(&codes, id);
        let walked = read.walk(score, |_| true, ending, &mut scratch);
        times.push(start.elapsed().as_secs_f64() * 1e3);
        found += walked
            .iter()
            .take(k)
            .filter(|c| best.contains(&c.id))
            .count();
        read_codes += scratch.codes_read();
    }
    times.sort_by(f64::total_cmp);
    println!(
        "  walk: {:.4} of the 10 best by code, {} codes read, {:.3} ms (p50)",
        found as f64 / (QUESTIONS * 10.min(count)) as f64,
        read_codes / QUESTIONS,
        times[QUESTIONS / 2]
    );
    Ok(())
}

/// Peak resident memory, where Linux tells it.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
