//! Synthetic chunks that lie as real ones do: each among real neighbours, so that what is close to what, and in how
//! many directions, is as in the passages they are made from.

use std::error::Error;

use super::npy::read_npy;

/// Neighbours that a new chunk is made from.
const NEAR: usize = 32;
/// How far it moves. With 1.5, 100,000 and 300,000 chunks have an intrinsic dimension of 14.1 and 14.7; 20,958 real
/// passages 14.8 (`benches/paper/scale.py`). With 1.3 it is 12.5, with 1.8 from 16 to 17.
const SPREAD: f32 = 1.5;

/// Real passages, in order of documents, and the nearest of each.
pub struct Like {
    dim: usize,
    rows: Vec<f32>,
    near: Vec<[u32; NEAR]>,
    /// Passages of the document that starts at a passage, 0 elsewhere.
    lengths: Vec<usize>,
    questions: Vec<f32>,
}

impl Like {
    /// Reads passages, the names of their documents (one a line), and questions. Cost: all inner products of
    /// passages, on all cores.
    pub fn read(passages: &str, documents: &str, questions: &str) -> Result<Self, Box<dyn Error>> {
        let (dim, rows) = read_npy(&std::fs::read(passages)?)?;
        let (_, questions) = read_npy(&std::fs::read(questions)?)?;
        let names = std::fs::read_to_string(documents)?;
        let names: Vec<&str> = names.lines().collect();
        if names.len() * dim != rows.len() {
            return Err("not one document per passage".into());
        }
        let mut lengths = vec![0; names.len()];
        let mut at = 0;
        for document in names.chunk_by(|a, b| a == b) {
            lengths[at] = document.len();
            at += document.len();
        }
        let near = neighbours(&rows, dim);
        Ok(Self {
            dim,
            rows,
            near,
            lengths,
            questions,
        })
    }

    pub fn questions(&self) -> Vec<Vec<f32>> {
        self.questions
            .chunks_exact(self.dim)
            .map(<[f32]>::to_vec)
            .collect()
    }

    /// Chunks of the document that starts at `id`.
    pub fn document_at(&self, id: usize) -> usize {
        self.lengths[id % self.lengths.len()].max(1)
    }

    /// The passage itself the first time round; from then on one moved at random in all directions in which its
    /// neighbours differ from each other.
    pub fn chunk(&self, id: usize) -> Vec<f32> {
        let n = self.near.len();
        let (round, at) = (id / n, id % n);
        let mut x = self.row(at).to_vec();
        if round == 0 {
            return x;
        }
        let mut weights = normal(id as u64);
        let mean = weights.iter().sum::<f32>() / NEAR as f32;
        for (weight, &near) in weights.iter_mut().zip(&self.near[at]) {
            *weight = (*weight - mean) * SPREAD / (NEAR as f32).sqrt();
            for (x, b) in x.iter_mut().zip(self.row(near as usize)) {
                *x += *weight * b;
            }
        }
        let norm = product(&x, &x).sqrt();
        x.iter_mut().for_each(|x| *x /= norm);
        x
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.rows[at * self.dim..][..self.dim]
    }
}

/// Numbers of a normal distribution (SplitMix64; Box and Muller 1958).
fn normal(seed: u64) -> [f32; NEAR] {
    let mut state = seed.wrapping_mul(NEAR as u64);
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    };
    std::array::from_fn(|_| {
        let radius = (-2.0 * (1.0 - next()).ln()).sqrt();
        radius * (std::f32::consts::TAU * next()).cos()
    })
}

/// The nearest passages of each, by exact search.
fn neighbours(rows: &[f32], dim: usize) -> Vec<[u32; NEAR]> {
    let n = rows.len() / dim;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = n.div_ceil(cores);
    let mut near = vec![[0; NEAR]; n];
    std::thread::scope(|scope| {
        for (number, out) in near.chunks_mut(part).enumerate() {
            scope.spawn(move || {
                // A few at a time, so that the passages are read from memory once for all of them.
                for (block, out) in out.chunks_mut(16).enumerate() {
                    let first = number * part + block * 16;
                    let mut scores = vec![Vec::with_capacity(n); out.len()];
                    for other in rows.chunks_exact(dim) {
                        for (i, scores) in scores.iter_mut().enumerate() {
                            scores.push(product(&rows[(first + i) * dim..][..dim], other));
                        }
                    }
                    for (i, (scores, out)) in scores.iter_mut().zip(out).enumerate() {
                        scores[first + i] = f32::MIN;
                        let mut ids: Vec<u32> = (0..n as u32).collect();
                        ids.select_nth_unstable_by(NEAR, |a, b| {
                            scores[*b as usize].total_cmp(&scores[*a as usize])
                        });
                        out.copy_from_slice(&ids[..NEAR]);
                    }
                }
            });
        }
    });
    near
}

/// Inner product in eight lanes, which the compiler turns into SIMD.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for i in 0..8 {
            lanes[i] += a[i] * b[i];
        }
    }
    lanes.iter().sum()
}
