//! Codes as a space: what a segment's graph is built from.

use super::space::Space;
use crate::codec::{Coder, Codes};

/// The chunks of one segment by their codes alone.
///
/// Every code is decoded once, to a sketch: the coordinates that vary most, a byte each, as many as hold nearly
/// all of the variance.
/// Similarity is minus the squared distance of sketches, which for unit vectors orders nodes as the inner
/// product does. That is some a hundred times faster than decoding for every pair, and being of integers it
/// gives the same graph on every machine.
///
/// Memory while building: at most 256 bytes per chunk, about 130 for text.
#[derive(Clone, Debug)]
pub struct CodeSpace {
    sketches: Vec<i8>,
    width: usize,
    nodes: usize,
}

/// Codes decoded to find out which coordinates vary and how far they reach.
const SAMPLE: usize = 1024;

/// Share of the variance that a sketch holds.
const SHARE: f64 = 0.9;
/// Most coordinates of a sketch: 256 squares of at most 254 stay below 2^24, so that an `f32` is exact.
const WIDTH: usize = 256;

impl CodeSpace {
    /// The chunks in `codes`, which `coder` made.
    pub fn new(coder: &Coder, codes: &Codes) -> Self {
        let rank = coder.rank();
        let mut row = vec![0.0; rank];
        let (mut sums, mut peak) = (vec![(0f64, 0f64); rank], 0f32);
        for id in (0..codes.len()).step_by(codes.len().div_ceil(SAMPLE).max(1)) {
            coder.unpack(codes, id as u32, &mut row);
            for ((sum, square), &value) in sums.iter_mut().zip(&row) {
                *sum += f64::from(value);
                *square += f64::from(value * value);
                peak = peak.max(value.abs());
            }
        }
        let count = codes.len().clamp(1, SAMPLE) as f64;
        let mut axes: Vec<usize> = (0..rank).collect();
        let variance = |axis: &usize| sums[*axis].1 - sums[*axis].0 * sums[*axis].0 / count;
        axes.sort_by(|a, b| variance(b).total_cmp(&variance(a)));
        let total: f64 = axes.iter().map(variance).sum();
        let mut held = 0.0;
        let enough = axes.iter().position(|axis| {
            held += variance(axis);
            held >= SHARE * total
        });
        // A multiple of 16 is what SIMD likes.
        let width = enough.map_or(rank, |at| (at + 1).next_multiple_of(16));
        axes.truncate(width.min(WIDTH));
        let scale = if peak > 0.0 { 127.0 / peak } else { 0.0 };
        let mut sketches = Vec::with_capacity(codes.len() * axes.len());
        for id in 0..codes.len() as u32 {
            coder.unpack(codes, id, &mut row);
            // Saturates, if there is a longer one than in the sample.
            sketches.extend(axes.iter().map(|&axis| (row[axis] * scale).round() as i8));
        }
        Self {
            sketches,
            width: axes.len(),
            nodes: codes.len(),
        }
    }

    fn sketch(&self, node: u32) -> &[i8] {
        let start = node as usize * self.width;
        &self.sketches[start..start + self.width]
    }
}

impl Space for CodeSpace {
    type Probe = u32;

    fn len(&self) -> usize {
        self.nodes
    }

    fn probe(&self) -> u32 {
        0
    }

    fn aim(&self, probe: &mut u32, node: u32) {
        *probe = node;
    }

    fn score(&self, probe: &u32, node: u32) -> f32 {
        similarity(self.sketch(*probe), self.sketch(node))
    }

    fn pair(&self, _: &mut u32, a: u32, b: u32) -> f32 {
        similarity(self.sketch(a), self.sketch(b))
    }
}

/// Exact, see [`WIDTH`].
fn similarity(a: &[i8], b: &[i8]) -> f32 {
    let square = |(&x, &y): (&i8, &i8)| {
        let difference = i32::from(i16::from(x) - i16::from(y));
        difference * difference
    };
    let sum: i32 = a.iter().zip(b).map(square).sum();
    -(sum as f32)
}
