//! Training a codec: principal components, balanced sub-spaces, k-means. Seeded and reproducible.

use super::Error;
use super::file::Codec;
use super::linear::{Rng, add_scaled, dot, eigen};
use super::quantizer::{CENTROIDS, Quantizer, nearest};

/// What to train.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes per code, gain included.
    pub code_bytes: usize,
    /// Directions kept; those beyond are coded as zero.
    pub rank: usize,
    /// k-means iterations per codebook.
    pub iterations: usize,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            code_bytes: 17,
            rank: 384,
            iterations: 20,
            seed: 1,
        }
    }
}

/// Trains on `vectors` (embeddings of `dim` values, one after the other) that form documents of `lengths`
/// consecutive ones. Documents of several chunks contribute their residuals, all contribute whole vectors.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`], or [`Error::TooFew`] below 1,024 vectors.
pub fn train(
    vectors: &[f32],
    dim: usize,
    lengths: &[usize],
    options: &Options,
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
    if n < 4 * CENTROIDS {
        return Err(Error::TooFew {
            found: n,
            needed: 4 * CENTROIDS,
        });
    }
    if lengths.iter().sum::<usize>() != n {
        return Err(shape("document lengths", lengths.iter().sum(), n));
    }
    for (i, v) in vectors.chunks_exact(dim).enumerate() {
        super::error::check(v, dim, i)?;
    }
    let parts = options.code_bytes.saturating_sub(1);
    let rank = options.rank.min(dim);
    if parts == 0 || parts > rank {
        return Err(shape("code bytes", options.code_bytes, rank));
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
    let groups = deal(&values[..rank], parts);
    let rotation: Vec<f32> = groups
        .iter()
        .flatten()
        .flat_map(|&a| axes[a * dim..(a + 1) * dim].iter().map(|&v| v as f32))
        .collect();

    let mut rng = Rng(options.seed);
    let mut books = Vec::new();
    let mut at = 0;
    for group in &groups {
        let len = group.len();
        let rows = &rotation[at * dim..(at + len) * dim];
        let data: Vec<f32> = sample
            .chunks_exact(dim)
            .flat_map(|x| rows.chunks_exact(dim).map(move |row| dot(row, x)))
            .collect();
        books.extend(k_means(&data, len, options.iterations, &mut rng));
        at += len;
    }
    let lengths = groups.iter().map(|g| g.len() as u16).collect();
    Codec::assemble(&mean, &rotation, &Quantizer { lengths, books })
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
            if length >= 6 {
                push(x, &own);
            }
            if length < 6 || i % 4 == 0 {
                push(x, mean);
            }
        }
    }
    out
}

/// Deals axes (by falling variance) out to `parts` groups: each goes to the group whose product of
/// variances is largest relative to its size in logarithms, i.e. the sums of `ln(variance)` stay level
/// (Ge et al. 2013, eigenvalue allocation). Sizes differ by at most one.
fn deal(values: &[f64], parts: usize) -> Vec<Vec<usize>> {
    let room = values.len().div_ceil(parts);
    let mut groups = vec![(0f64, Vec::with_capacity(room)); parts];
    let floor = values.first().map_or(1.0, |v| v * 1e-9).max(1e-300);
    for (axis, &value) in values.iter().enumerate() {
        let best = (0..parts)
            .filter(|&g| groups[g].1.len() < room)
            .min_by(|&a, &b| groups[a].0.total_cmp(&groups[b].0))
            .unwrap_or(0);
        groups[best].0 += (value.max(floor) / floor).ln();
        groups[best].1.push(axis);
    }
    groups.into_iter().map(|(_, axes)| axes).collect()
}

/// Lloyd's k-means with k-means++-like seeding by sampling; empty centroids are re-seeded from far points.
fn k_means(data: &[f32], len: usize, iterations: usize, rng: &mut Rng) -> Vec<f32> {
    let n = data.len() / len;
    let row = |i: usize| &data[i * len..(i + 1) * len];
    let mut book = Vec::with_capacity(CENTROIDS * len);
    for _ in 0..CENTROIDS {
        book.extend_from_slice(row(rng.below(n)));
    }
    for _ in 0..iterations {
        let mut sums = vec![0f64; CENTROIDS * len];
        let mut counts = vec![0u32; CENTROIDS];
        let mut far = (0, -1f32);
        for i in 0..n {
            let (c, d) = nearest(row(i), &book);
            counts[c] += 1;
            sums[c * len..(c + 1) * len]
                .iter_mut()
                .zip(row(i))
                .for_each(|(s, &v)| *s += f64::from(v));
            if d > far.1 {
                far = (i, d);
            }
        }
        for c in 0..CENTROIDS {
            let centroid = &mut book[c * len..(c + 1) * len];
            if counts[c] == 0 {
                let i = if far.1 >= 0.0 { far.0 } else { rng.below(n) };
                far.1 = -1.0;
                centroid.copy_from_slice(row(i));
            } else {
                let scale = 1.0 / f64::from(counts[c]);
                centroid
                    .iter_mut()
                    .zip(&sums[c * len..])
                    .for_each(|(v, s)| *v = (s * scale) as f32);
            }
        }
    }
    book
}
