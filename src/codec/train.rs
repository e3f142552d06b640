//! Training a codec: principal axes of residuals, and the trellis's tables. Seeded and reproducible.

use std::sync::Arc;

use super::coder::RUN_MIN;
use super::file::Codec;
use super::linear::{Rng, add_scaled, dot, eigen};
use super::plan::{KINDS, Kind, Plan, Step};
use super::trellis::{STATE_BITS, STATES, Tables, Viterbi};
use super::{Error, bundled};

/// Fewest vectors to train on.
pub const LEAST: usize = 1024;

/// Trains on `vectors` (embeddings of unit length, one after the other) that form documents of `lengths`
/// consecutive ones. Documents of several chunks contribute their residuals, all contribute whole vectors.
/// The tables of the trellis are made for normal values and depend on `seed` alone; without one, those of
/// the bundled codec are taken over, which saves some seconds.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`], or [`Error::TooFew`] below [`LEAST`] vectors.
pub fn train(
    vectors: &[f32],
    dim: usize,
    lengths: &[usize],
    seed: Option<u64>,
) -> Result<Codec, Error> {
    let shape = |what, found, expected| Error::Shape {
        what,
        found,
        expected,
    };
    if dim == 0 || !vectors.len().is_multiple_of(dim) {
        return Err(shape("vectors", vectors.len(), dim));
    }
    let n = vectors.len() / dim;
    if n < LEAST {
        return Err(Error::TooFew {
            found: n,
            needed: LEAST,
        });
    }
    if lengths.iter().sum::<usize>() != n {
        return Err(shape("document lengths", lengths.iter().sum(), n));
    }
    for (i, v) in vectors.chunks_exact(dim).enumerate() {
        super::error::check(v, dim, i)?;
    }
    let mut mean = vec![0f32; dim];
    for x in vectors.chunks_exact(dim) {
        add_scaled(&mut mean, x, 1.0 / n as f32);
    }
    let sample = directions(vectors, dim, lengths, &mean);
    let mut covariance = vec![0f64; dim * dim];
    let mut wide = vec![0f64; dim];
    for x in sample.chunks_exact(dim) {
        wide.iter_mut().zip(x).for_each(|(w, &v)| *w = f64::from(v));
        for i in 0..dim {
            let s = wide[i];
            covariance[i * dim..(i + 1) * dim]
                .iter_mut()
                .zip(&wide)
                .for_each(|(c, w)| *c += s * w);
        }
    }
    let (values, axes) = eigen(covariance, dim);
    let axes: Vec<f32> = axes.iter().map(|&v| v as f32).collect();
    let variances: Vec<f32> = values.iter().map(|&v| v.max(0.0) as f32).collect();
    let tables = match seed {
        Some(seed) => Arc::new(tables(seed)),
        None => Arc::new(bundled::tables()),
    };
    Codec::assemble(&mean, &axes, &variances, &tables)
}

/// Tables for normal values of unit variance: for every kind of token the best of several starts (levels
/// chosen by convolutional codes of random taps), improved by encoding and averaging in turns.
fn tables(seed: u64) -> Tables {
    let mut all = Vec::new();
    for (index, &kind) in KINDS.iter().enumerate() {
        let mut rng = Rng(seed.wrapping_add(index as u64));
        let test = normals(&mut rng, 150, kind);
        let mut best = (f64::INFINITY, Vec::new());
        for _ in 0..STARTS {
            let mut table = start(&mut rng, kind);
            improve(&mut table, kind, &normals(&mut rng, 150, kind), 5);
            let error = improve(&mut table.clone(), kind, &test, 1);
            if error < best.0 {
                best = (error, table);
            }
        }
        improve(&mut best.1, kind, &normals(&mut rng, 600, kind), 8);
        all.extend(best.1);
    }
    Tables(all)
}

const STARTS: usize = 60;
/// Tokens per vector when tables are made.
const TOKENS: usize = 128;

fn normals(rng: &mut Rng, vectors: usize, kind: Kind) -> Vec<f32> {
    (0..vectors * TOKENS * kind.axes)
        .map(|_| rng.normal())
        .collect()
}

/// Four or eight levels, chosen by parities of the state; a convolutional code keeps paths that part far
/// apart (Ungerboeck 1982).
fn start(rng: &mut Rng, kind: Kind) -> Vec<f32> {
    const FOUR: [f32; 4] = [-1.51, -0.453, 0.453, 1.51];
    const EIGHT: [f32; 8] = [-2.15, -1.34, -0.756, -0.245, 0.245, 0.756, 1.34, 2.15];
    let ends = 1 | 1 << (STATE_BITS - 1);
    let mut out = Vec::new();
    let rate = kind.bits as f32 / kind.axes as f32;
    let shrink = (1.0 - (-2.0 * rate).exp2()).sqrt() / (1.0f32 - 0.25).sqrt();
    for _ in 0..kind.axes {
        let taps: [usize; 3] = std::array::from_fn(|_| rng.below(STATES) | ends);
        let parity = |state: usize, tap: usize| (state & tap).count_ones() as usize & 1;
        for state in 0..STATES {
            let level = if kind.bits == 1 {
                shrink * FOUR[parity(state, taps[0]) << 1 | parity(state, taps[1])]
            } else {
                let top = parity(state, taps[2] & 0x3f) ^ (state & 1);
                EIGHT[top << 2 | parity(state, taps[0]) << 1 | parity(state, taps[1])]
            };
            out.push(level + 0.01 * rng.normal());
        }
    }
    out
}

/// Encodes and averages `rounds` times; returns the last mean squared error.
fn improve(table: &mut [f32], kind: Kind, data: &[f32], rounds: usize) -> f64 {
    // A plan of this kind alone.
    let steps = (0..TOKENS)
        .flat_map(|token| {
            (0..kind.bits).rev().map(move |bit| Step {
                kind: 0,
                at: token * kind.axes,
                axes: if bit == 0 { kind.axes } else { 0 },
            })
        })
        .collect();
    let width = TOKENS * kind.axes;
    let plan = Plan {
        steps,
        axes: (0..width).collect(),
    };
    let scale = vec![1f32; width];
    let mut viterbi = Viterbi::new();
    let mut states = vec![0u8; plan.steps.len()];
    let mut error = 0f64;
    for _ in 0..rounds {
        let mut sums = vec![0f64; table.len()];
        let mut counts = vec![0f64; STATES];
        error = 0.0;
        let alone = Tables::alone(table);
        for y in data.chunks_exact(width) {
            viterbi.path(&plan, &alone, &scale, y, &mut states);
            for (step, &state) in plan.steps.iter().zip(&states).filter(|(s, _)| s.axes > 0) {
                counts[usize::from(state)] += 1.0;
                for axis in 0..step.axes {
                    let slot = axis * STATES + usize::from(state);
                    let value = y[step.at + axis];
                    sums[slot] += f64::from(value);
                    error += f64::from(value - table[slot]).powi(2);
                }
            }
        }
        for (slot, value) in table.iter_mut().enumerate() {
            let count = counts[slot % STATES];
            if count > 0.0 {
                *value = (sums[slot] / count) as f32;
            }
        }
    }
    error / data.len() as f64
}

/// Unit residuals of whole vectors about the mean and of each document's vectors about their own mean.
fn directions(vectors: &[f32], dim: usize, lengths: &[usize], mean: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    let mut push = |x: &[f32], centre: &[f32]| {
        let r: Vec<f32> = x.iter().zip(centre).map(|(x, c)| x - c).collect();
        let norm = dot(&r, &r).sqrt();
        if norm > 1e-6 {
            out.extend(r.iter().map(|v| v / norm));
        }
    };
    let mut at = 0;
    for &length in lengths {
        let document = &vectors[at * dim..(at + length) * dim];
        at += length;
        let mut own = vec![0f32; dim];
        for x in document.chunks_exact(dim) {
            add_scaled(&mut own, x, 1.0 / length as f32);
        }
        push(&own, mean);
        for (i, x) in document.chunks_exact(dim).enumerate() {
            if length >= RUN_MIN {
                push(x, &own);
            }
            if length < RUN_MIN || i % 4 == 0 {
                push(x, mean);
            }
        }
    }
    out
}
