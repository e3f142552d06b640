//! Measures a codec: recall of a scan of the codes with the best few ranked exactly, and the stop rule.
//!
//!     eval_codec CODEC|bundled|plain CODE_BYTES K VECTORS.npy DOCUMENTS.txt QUERIES.npy [TRAINING QUERIES ...]
//!
//! `CODE_BYTES` with an `n` before it: without fitting a frame to the first 2,000 vectors.
//! `DOCUMENTS.txt` as in `train_codec`; vectors whose line is empty are left out. Truth is an exact search.

use std::error::Error;
use std::time::Instant;

use gossamer::codec::{Codec, Frame};
use gossamer::search::{Candidate, Rule, Search, Step};

#[path = "../support/npy.rs"]
mod npy;
use npy::read_npy;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [codec, code_bytes, k, vectors, documents, queries] = args.as_slice() else {
        return Err("usage: see the source".into());
    };
    let k: usize = k.parse()?;
    let (dim, rows) = read_npy(&std::fs::read(vectors)?)?;
    let codec = match codec.as_str() {
        "bundled" => Codec::bundled()?,
        "plain" => Codec::plain(dim)?,
        file => Codec::from_bytes(&std::fs::read(file)?)?,
    };
    let documents = std::fs::read_to_string(documents)?;
    let mut all: Vec<f32> = Vec::new();
    let mut lengths: Vec<usize> = Vec::new();
    let mut last = "";
    for (row, document) in rows.chunks_exact(dim).zip(documents.lines()) {
        if !document.is_empty() {
            all.extend_from_slice(row);
            match lengths.last_mut() {
                Some(length) if document == last => *length += 1,
                _ => lengths.push(1),
            }
        }
        last = document;
    }
    let n = all.len() / dim;
    let start = Instant::now();
    let first: usize = lengths
        .iter()
        .scan(0, |s, l| {
            *s += l;
            Some(*s)
        })
        .find(|&s| s >= 2000)
        .unwrap_or(n);
    let frame = match code_bytes.strip_prefix('n') {
        Some(neutral) => Frame::sized(neutral.parse()?),
        None => codec.fit(&all[..first * dim], code_bytes.parse()?)?,
    };
    let coder = codec.coder(&frame)?;
    let mut codes = coder.codes();
    let mut at = 0;
    for length in &lengths {
        coder.encode(&all[at * dim..(at + length) * dim], &mut codes)?;
        at += length;
    }
    let built = start.elapsed().as_secs_f64();
    let bytes = (codes.to_bytes().len() + frame.to_bytes().len()) as f64 / n as f64;
    println!(
        "{n} vectors, {} documents, {bytes:.2} bytes per vector with bases and frame, coded in {built:.1} s",
        lengths.len()
    );

    let (mut lost, mut varies) = (0f64, 0f64);
    let mut mean = vec![0f32; dim];
    for x in all.chunks_exact(dim) {
        mean.iter_mut().zip(x).for_each(|(m, v)| *m += v / n as f32);
    }
    let mut decoded = vec![0f32; dim];
    for (id, x) in all.chunks_exact(dim).enumerate() {
        coder.decode(&codes, id as u32, &mut decoded)?;
        let square = |a: &[f32]| {
            x.iter()
                .zip(a)
                .map(|(x, y)| f64::from(x - y).powi(2))
                .sum::<f64>()
        };
        lost += square(&decoded);
        varies += square(&mean);
    }
    println!(
        "squared error {:.4}, {:.4} of the variance",
        lost / n as f64,
        lost / varies
    );
    let (_, queries) = read_npy(&std::fs::read(queries)?)?;
    let queries: Vec<&[f32]> = queries.chunks_exact(dim).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let cut = [5, 10, 15, 20, 30, 50];
    let mut found = [0usize; 6];
    let (mut sum, mut square, mut count) = (0f64, 0f64, 0f64);
    let mut estimates = Vec::new();
    let mut prepared = Vec::new();
    let (mut scan, mut make) = (0f64, 0f64);
    for q in &queries {
        let exact: Vec<f32> = all.chunks_exact(dim).map(|x| dot(q, x)).collect();
        let mut truth: Vec<u32> = (0..n as u32).collect();
        truth.sort_by(|&a, &b| exact[b as usize].total_cmp(&exact[a as usize]));
        truth.truncate(k);
        let start = Instant::now();
        let scorer = coder.scorer(q)?;
        make += start.elapsed().as_secs_f64();
        let start = Instant::now();
        scorer.score_all(&codes, &mut estimates);
        scan += start.elapsed().as_secs_f64();
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by(|&a, &b| estimates[b as usize].total_cmp(&estimates[a as usize]));
        order.truncate(400);
        for (found, &cut) in found.iter_mut().zip(&cut) {
            *found += truth
                .iter()
                .filter(|t| order[..cut.min(order.len())].contains(t))
                .count();
        }
        for &id in order.iter().take(30) {
            let e = f64::from(exact[id as usize] - estimates[id as usize]);
            (sum, square, count) = (sum + e, square + e * e, count + 1.0);
        }
        let candidates: Vec<Candidate> = order
            .iter()
            .map(|&id| Candidate {
                id,
                score: estimates[id as usize],
            })
            .collect();
        prepared.push((candidates, exact, truth));
    }
    let total = (queries.len() * k) as f64;
    let bias = sum / count;
    println!(
        "error of scores: bias {bias:.4}, spread {:.4}; prior {:?}; rank {}; scorer {:.0} us, scan {:.0} us",
        (square / count - bias * bias).sqrt(),
        coder.prior(),
        coder.rank(),
        1e6 * make / queries.len() as f64,
        1e6 * scan / queries.len() as f64
    );
    let shares: Vec<String> = cut
        .iter()
        .zip(found)
        .map(|(c, f)| format!("@{c} {:.3}", f as f64 / total))
        .collect();
    println!("recall@{k} of the best by code: {}", shares.join("  "));
    for target in [0.9, 0.95, 0.99] {
        let rule = Rule::new(target, coder.prior())?;
        let (mut hit, mut rounds, mut embedded) = (0, 0, Vec::new());
        for (candidates, exact, truth) in &prepared {
            let mut search = Search::new(candidates.clone(), k, rule)?;
            loop {
                let scores: Vec<f32> = match search.step() {
                    Step::Done => break,
                    Step::Embed(ids) => ids.iter().map(|&id| exact[id as usize]).collect(),
                };
                search.feed(&scores)?;
            }
            hit += search
                .hits()
                .iter()
                .filter(|h| truth.contains(&h.id))
                .count();
            rounds += search.rounds();
            embedded.push(search.embedded());
        }
        embedded.sort_unstable();
        let m = queries.len();
        println!(
            "target {target}: recall {:.3}, recomputed {:.1} (p95 {}), rounds {:.2}",
            hit as f64 / total,
            embedded.iter().sum::<usize>() as f64 / m as f64,
            embedded[m * 95 / 100],
            rounds as f64 / m as f64
        );
    }
    Ok(())
}
