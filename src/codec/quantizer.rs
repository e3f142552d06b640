//! Product quantisation of a rotated residual (Jegou et al. 2011), with a gain byte.
//!
//! The rotation has already ordered the coordinates so that consecutive stretches, the sub-spaces, hold
//! equal shares of the variance. The *direction* of the residual is quantised, one byte per sub-space; the
//! last byte is the gain that makes the decoded vector the closest multiple to the residual.

use super::linear::dot;

/// Centroids per sub-space: one byte.
pub(super) const CENTROIDS: usize = 256;
/// Octaves below and above a gain of one that the last byte spans, in 255 steps of about 2 %.
const GAIN_LOW: f32 = -5.5;
const GAIN_HIGH: f32 = 1.5;

/// Sub-spaces and their codebooks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantizer {
    /// Length of each sub-space; the sum is the rank of the rotation.
    pub(super) lengths: Vec<u16>,
    /// Per sub-space, 256 centroids of its length, one after the other.
    pub(super) books: Vec<f32>,
}

impl Quantizer {
    pub(super) fn rank(&self) -> usize {
        self.lengths.iter().map(|&l| usize::from(l)).sum()
    }

    /// Bytes of one code.
    pub(super) fn bytes(&self) -> usize {
        self.lengths.len() + 1
    }

    /// Each sub-space: where it starts, its length, its codebook.
    pub(super) fn parts(&self) -> impl Iterator<Item = (usize, usize, &[f32])> {
        let mut start = 0;
        self.lengths.iter().map(move |&l| {
            let (at, len) = (start, usize::from(l));
            start += len;
            (at, len, &self.books[at * CENTROIDS..(at + len) * CENTROIDS])
        })
    }

    /// Writes the code of `y`, which is left scaled to unit length. All zeros become all-zero bytes.
    pub(super) fn encode(&self, y: &mut [f32], out: &mut [u8]) {
        out.fill(0);
        let norm = dot(y, y).sqrt();
        if norm <= 1e-12 {
            return;
        }
        y.iter_mut().for_each(|v| *v /= norm);
        let (mut with, mut square) = (0f32, 0f32);
        for ((at, len, book), slot) in self.parts().zip(out.iter_mut()) {
            let part = &y[at..at + len];
            let (best, _) = nearest(part, book);
            let c = &book[best * len..(best + 1) * len];
            with += dot(part, c);
            square += dot(c, c);
            *slot = best as u8;
        }
        let gain = if square > 0.0 {
            norm * with / square
        } else {
            0.0
        };
        if let Some(last) = out.last_mut() {
            *last = gain_byte(gain);
        }
    }

    /// Adds the decoded vector to `out`.
    pub(super) fn decode(&self, code: &[u8], out: &mut [f32]) {
        let Some((&g, code)) = code.split_last() else {
            return;
        };
        let gain = gain_of(g);
        for ((at, len, book), &c) in self.parts().zip(code) {
            let c = usize::from(c) * len;
            for (o, v) in out[at..at + len].iter_mut().zip(&book[c..c + len]) {
                *o += gain * v;
            }
        }
    }

    /// Inner products of a rotated query with every centroid: 256 per sub-space.
    pub(super) fn table(&self, y: &[f32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.lengths.len() * CENTROIDS);
        for (at, len, book) in self.parts() {
            let part = &y[at..at + len];
            out.extend(book.chunks_exact(len).map(|c| dot(part, c)));
        }
        out
    }
}

/// Nearest centroid by squared distance, and that distance; the first wins ties.
pub(super) fn nearest(part: &[f32], book: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::INFINITY);
    for (i, c) in book.chunks_exact(part.len()).enumerate() {
        let d: f32 = part.iter().zip(c).map(|(a, b)| (a - b) * (a - b)).sum();
        if d < best.1 {
            best = (i, d);
        }
    }
    best
}

/// Score of a code from a table of inner products.
#[inline]
pub(super) fn lookup(table: &[f32], gains: &[f32; 256], code: &[u8]) -> f32 {
    let Some((&g, code)) = code.split_last() else {
        return 0.0;
    };
    let sum: f32 = table
        .chunks_exact(CENTROIDS)
        .zip(code)
        .map(|(row, &c)| row[usize::from(c)])
        .sum();
    gains[usize::from(g)] * sum
}

/// All gains, by byte.
pub(super) fn gains() -> [f32; 256] {
    std::array::from_fn(|b| gain_of(b as u8))
}

fn gain_byte(gain: f32) -> u8 {
    if gain <= 0.0 {
        return 0;
    }
    let t = (gain.log2() - GAIN_LOW) / (GAIN_HIGH - GAIN_LOW);
    (1.0 + 254.0 * t).round().clamp(1.0, 255.0) as u8
}

fn gain_of(byte: u8) -> f32 {
    if byte == 0 {
        return 0.0;
    }
    (GAIN_LOW + (f32::from(byte) - 1.0) / 254.0 * (GAIN_HIGH - GAIN_LOW)).exp2()
}
