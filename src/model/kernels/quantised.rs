//! Matrix products in 8 bits: weights with a scale per output, activations quantised per token as they come.
//!
//! `sum(x * w) = sx * sw * sum(qx * qw)` with both quantised symmetrically (the scheme of Jacob et al. 2018
//! without zero points). Where the instruction wants unsigned activations they are stored with an offset, and the
//! sums start at what that offset adds.

use std::ops::Range;

use super::matmul::{After, finish};
use super::memory::Buffer;
use super::simd::{Kernel, Simd};
use super::{Isa, tiles};

/// Weights of a linear layer in 8 bits, packed for one instruction set.
pub struct QuantisedMatrix {
    panels: Buffer,
    /// What each sum starts at, to take back the offset of the activations.
    starts: Buffer,
    scales: Buffer,
    bias: Buffer,
    inputs: usize,
    outputs: usize,
}

impl QuantisedMatrix {
    /// Packs parts of `[outputs, inputs]` that share their input; `scales` and `bias` have one value per output.
    pub fn pack(isa: Isa, parts: &[&[i8]], inputs: usize, scales: &[f32], bias: &[f32]) -> Self {
        let (width, outputs) = (isa.panel_width(), bias.len());
        let (group, offset) = isa.run(Grouping);
        let columns = outputs.next_multiple_of(width);
        let groups = inputs.div_ceil(group);
        let panel_bytes = width * groups * group;
        let mut packed = Buffer::zeros::<u8>(columns / width * panel_bytes);
        let to = packed.slice_mut::<u8>(columns / width * panel_bytes);
        let mut starts = Buffer::zeros::<i32>(columns);
        let rows = parts.iter().flat_map(|part| part.chunks_exact(inputs));
        for (o, row) in rows.enumerate() {
            let panel = &mut to[o / width * panel_bytes..][..panel_bytes];
            for (i, &value) in row.iter().enumerate() {
                panel[(i / group * width + o % width) * group + i % group] = value as u8;
            }
            let sum: i32 = row.iter().map(|&v| i32::from(v)).sum();
            starts.slice_mut::<i32>(columns)[o] = -offset * sum;
        }
        let padded = |values: &[f32]| {
            let mut buffer = Buffer::zeros::<f32>(columns);
            buffer.slice_mut::<f32>(outputs).copy_from_slice(values);
            buffer
        };
        Self {
            panels: packed,
            starts,
            scales: padded(scales),
            bias: padded(bias),
            inputs,
            outputs,
        }
    }

    /// Values per row that is multiplied.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values per row of the product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let small = self.starts.bytes() + self.scales.bytes() + self.bias.bytes();
        self.panels.bytes() + small
    }
}

/// How the instruction set groups products, and its offset of activations.
struct Grouping;

impl Kernel for Grouping {
    type Output = (usize, i32);

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> (usize, i32) {
        (S::GROUP, S::ACTIVATION_OFFSET)
    }
}

/// Rows of activations in 8 bits.
#[derive(Default)]
pub struct QuantisedRows {
    groups: Buffer,
    scales: Vec<f32>,
}

/// Quantises rows, each by its own largest value.
pub struct Quantise<'a> {
    /// Rows of `inputs` values.
    pub input: &'a [f32],
    /// Values per row.
    pub inputs: usize,
    /// Where they go.
    pub rows: &'a mut QuantisedRows,
}

impl Kernel for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let groups = self.inputs.div_ceil(S::GROUP);
        let count = self.input.len() / self.inputs;
        let to = self.rows.groups.slice_mut::<u32>(count * groups);
        self.rows.scales.clear();
        for (row, to) in self
            .input
            .chunks_exact(self.inputs)
            .zip(to.chunks_exact_mut(groups))
        {
            // Sixteen maxima at a time: the compiler makes vectors of that.
            let mut most = [0f32; 16];
            let (blocks, rest) = row.as_chunks::<16>();
            for block in blocks {
                for (m, v) in most.iter_mut().zip(block) {
                    let v = v.abs();
                    *m = if v > *m { v } else { *m };
                }
            }
            let mut largest = f32::MIN_POSITIVE;
            for &v in &most {
                largest = if v > largest { v } else { largest };
            }
            for &v in rest {
                let v = v.abs();
                largest = if v > largest { v } else { largest };
            }
            let limit = S::ACTIVATION_MAX as f32;
            self.rows.scales.push(largest / limit);
            let factor = limit / largest;
            let whole = self.inputs / S::GROUP;
            for (slot, values) in to.iter_mut().zip(row.chunks_exact(S::GROUP)) {
                let mut quantised = [0i32; 4];
                for (q, &v) in quantised.iter_mut().zip(values) {
                    *q = round(v * factor);
                }
                *slot = S::group(&quantised);
            }
            if whole < groups {
                let mut quantised = [0i32; 4];
                for (q, &v) in quantised.iter_mut().zip(&row[whole * S::GROUP..]) {
                    *q = round(v * factor);
                }
                to[whole] = S::group(&quantised);
            }
        }
    }
}

/// The nearest integer of a value within the 16 bits around zero: adding 1.5 * 2^23 rounds.
#[inline(always)]
fn round(v: f32) -> i32 {
    (v + 12_582_912.0).to_bits() as i32 - 12_582_912.0f32.to_bits() as i32
}

/// `rows * matrix + bias` for some columns.
pub struct QuantisedMatMul<'a> {
    /// Rows of `matrix`'s inputs.
    pub rows: &'a QuantisedRows,
    /// Weights.
    pub matrix: &'a QuantisedMatrix,
    /// The columns wanted; they start where a panel does.
    pub columns: Range<usize>,
    /// Rows of as many values as `columns`.
    pub output: &'a mut [f32],
    /// What becomes of the product.
    pub after: After,
}

impl Kernel for QuantisedMatMul<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match S::VECTORS {
            1 => self.panels::<S, 1>(simd),
            2 => self.panels::<S, 2>(simd),
            _ => self.panels::<S, 3>(simd),
        }
    }
}

impl QuantisedMatMul<'_> {
    #[inline(always)]
    fn panels<S: Simd, const V: usize>(self, simd: S) {
        let width = V * S::LANES;
        let groups = self.matrix.inputs.div_ceil(S::GROUP);
        let weights: &[S::Bytes] = self.matrix.panels.slice();
        let (weights, _) = weights.as_chunks::<V>();
        let starts: &[S::Lanes] = self.matrix.starts.slice();
        let scales: &[S::Lanes] = self.matrix.scales.slice();
        let bias: &[S::Lanes] = self.matrix.bias.slice();
        let rows = self.rows.scales.len();
        let activations: &[u32] = &self.rows.groups.slice()[..rows * groups];
        debug_assert!(self.columns.start.is_multiple_of(width));
        let mut column = self.columns.start;
        while column < self.columns.end {
            let panel = column / width;
            let tile = Tile {
                activations,
                row_scales: &self.rows.scales,
                weights: &weights[panel * groups..][..groups],
                starts: &starts[panel * V..][..V],
                scales: &scales[panel * V..][..V],
                bias: &bias[panel * V..][..V],
                output_stride: self.columns.len(),
                first: column - self.columns.start,
                width: width.min(self.columns.end - column),
                after: self.after,
            };
            let output = &mut *self.output;
            tiles::each_block!(S, rows, |row, M| tile.run::<S, M>(simd, row, output));
            column += width;
        }
    }
}

/// Some rows against one panel.
struct Tile<'a, L, B, const V: usize> {
    activations: &'a [u32],
    row_scales: &'a [f32],
    weights: &'a [[B; V]],
    starts: &'a [L],
    scales: &'a [L],
    bias: &'a [L],
    output_stride: usize,
    first: usize,
    width: usize,
    after: After,
}

impl<L, B, const V: usize> Tile<'_, L, B, V> {
    #[inline(always)]
    fn run<S: Simd<Lanes = L, Bytes = B>, const M: usize>(
        &self,
        simd: S,
        row: usize,
        output: &mut [f32],
    ) {
        let groups = self.weights.len();
        let mut inputs = [&self.activations[..0]; M];
        for (i, input) in inputs.iter_mut().enumerate() {
            *input = &self.activations[(row + i) * groups..][..groups];
        }
        let mut sums = [[simd.splat_i32(0); V]; M];
        for v in 0..V {
            let start = simd.load_i32(&self.starts[v]);
            for sum in &mut sums {
                sum[v] = start;
            }
        }
        for (p, weights) in self.weights.iter().enumerate() {
            for i in 0..M {
                let x = inputs[i][p];
                for v in 0..V {
                    sums[i][v] = simd.dot(sums[i][v], x, &weights[v]);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let row_scale = simd.splat(self.row_scales[row + i]);
            let mut values = [simd.splat(0.0); V];
            for v in 0..V {
                let scale = simd.mul(simd.load(&self.scales[v]), row_scale);
                values[v] = simd.mul_add(simd.to_f32(sums[v]), scale, simd.load(&self.bias[v]));
            }
            let at = (row + i) * self.output_stride + self.first;
            finish(simd, &values, &mut output[at..at + self.width], self.after);
        }
    }
}
