//! Matrix products in 8 bits: weights with a scale per output, activations quantised per token as they come.
//!
//! `sum(x * w) = sx * sw * sum(qx * qw)` with both quantised symmetrically (the scheme of Jacob et al. 2018
//! without zero points). Activations have outliers, so they get more than 8 bits wherever that is cheap: 14 where the
//! machine multiplies 16 bits, or two planes of 8 bits, one 128 times the other, at twice the products. Where the instruction wants unsigned activations they are stored with an offset, and the
//! sums start at what that offset adds.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::matmul::{After, finish, in_memory, loaded};
use super::memory::Buffer;
use super::relaxed::{self, Relaxed};
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
    layout: Layout,
    /// Bytes per activation, the coarse ones first; 1 also for one of 16 bits.
    planes: usize,
    /// The largest quantised activation: no sum leaves 32 bits.
    limit: i32,
}

/// How activations and weights lie in memory.
#[derive(Clone)]
pub struct Layout {
    /// Columns of a panel.
    width: usize,
    /// Products summed at a time: activations of 4 bytes, or of 2 times 16 bits.
    group: usize,
    /// What is added to an activation.
    offset: i32,
    /// Loops that stand in for those of the instruction set.
    relaxed: Option<Relaxed>,
}

impl Layout {
    /// The fastest for this machine.
    pub fn best(isa: Isa) -> Self {
        let exact = Relaxed::detect().and_then(|r| Some((r.offset()?, r)));
        let (group, offset, relaxed) = match exact {
            Some((offset, relaxed)) => (relaxed::GROUP, offset, Some(relaxed)),
            None => {
                let (group, offset) = isa.run(Grouping);
                (group, offset, None)
            }
        };
        Self {
            width: isa.panel_width(),
            group,
            offset,
            relaxed,
        }
    }
}

impl QuantisedMatrix {
    /// Packs parts of `[outputs, inputs]` that share their input; `scales` and `bias` have one value per output.
    /// `fine` asks for activations of more than 8 bits even where that costs twice the products.
    pub fn pack(
        layout: &Layout,
        fine: bool,
        parts: &[&[i8]],
        inputs: usize,
        scales: &[f32],
        bias: &[f32],
    ) -> Self {
        let (width, outputs) = (layout.width, bias.len());
        let (group, offset) = (layout.group, layout.offset);
        let most = (i32::MAX as usize / (127 * inputs.max(1))).min(8191) as i32;
        let (planes, limit) = match (group, fine) {
            (2, _) => (1, most),
            (_, true) => (2, most),
            (_, false) => (1, most.min(127)),
        };
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
            layout: layout.clone(),
            planes,
            limit,
        }
    }

    /// The largest quantised activation.
    #[cfg(test)]
    pub fn limit(&self) -> i32 {
        self.limit
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
    /// Four rows' groups side by side, for relaxed loops; then their sums.
    blocks: Buffer,
    sums: Mutex<Buffer>,
}

/// Quantises rows, each by its own largest value.
pub struct Quantise<'a> {
    /// Rows of `inputs` values.
    pub input: &'a [f32],
    /// What they will be multiplied with.
    pub matrix: &'a QuantisedMatrix,
    /// Where they go.
    pub rows: &'a mut QuantisedRows,
}

impl Kernel for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let QuantisedMatrix {
            inputs,
            layout,
            planes,
            limit,
            ..
        } = self.matrix;
        let (group, offset) = (layout.group, layout.offset);
        let groups = planes * inputs.div_ceil(group);
        let count = self.input.len() / inputs;
        let to = self.rows.groups.slice_mut::<u32>(count * groups);
        self.rows.scales.clear();
        for (row, to) in self
            .input
            .chunks_exact(*inputs)
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
            let limit = *limit as f32;
            self.rows.scales.push(largest / limit);
            let factor = limit / largest;
            // One array of bytes or of 16-bit integers, by what a group is: the compiler makes vectors of that.
            if group == 2 {
                let to: &mut [i16] = bytemuck::cast_slice_mut(to);
                for (slot, &v) in to.iter_mut().zip(row) {
                    *slot = (round(v * factor) + offset) as i16;
                }
                to[row.len()..].fill(offset as i16);
            } else if *planes == 1 {
                let to: &mut [u8] = bytemuck::cast_slice_mut(to);
                for (slot, &v) in to.iter_mut().zip(row) {
                    *slot = (round(v * factor) + offset) as u8;
                }
                to[row.len()..].fill(offset as u8);
            } else {
                let (coarse, fine) = to.split_at_mut(groups / 2);
                let coarse: &mut [u8] = bytemuck::cast_slice_mut(coarse);
                let fine: &mut [u8] = bytemuck::cast_slice_mut(fine);
                for ((coarse, fine), &v) in coarse.iter_mut().zip(&mut *fine).zip(row) {
                    let q = round(v * factor);
                    let c = (q + 64) >> 7;
                    *coarse = (c + offset) as u8;
                    *fine = (q - (c << 7) + offset) as u8;
                }
                coarse[row.len()..].fill(offset as u8);
                fine[row.len()..].fill(offset as u8);
            }
        }
        if layout.relaxed.is_some() {
            let from: &[u32] = &self.rows.groups.slice()[..count * groups];
            let blocks = count.div_ceil(relaxed::ROWS);
            let to = self
                .rows
                .blocks
                .slice_mut::<u32>(blocks * groups * relaxed::ROWS);
            let plane = groups / planes;
            // Plane after plane; in each, rows beyond the last keep what was there: nobody reads their sums.
            let parts = to.chunks_exact_mut(blocks * plane * relaxed::ROWS);
            for (p, to) in parts.enumerate() {
                let to = to.chunks_exact_mut(plane * relaxed::ROWS);
                for (to, rows) in to.zip(from.chunks(groups * relaxed::ROWS)) {
                    for (i, row) in rows.chunks_exact(groups).enumerate() {
                        let row = &row[p * plane..][..plane];
                        for (slot, &x) in to[i..].iter_mut().step_by(relaxed::ROWS).zip(row) {
                            *slot = x;
                        }
                    }
                }
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
        if let Some(relaxed) = &self.matrix.layout.relaxed {
            return self.relaxed(relaxed, simd);
        }
        match S::VECTORS {
            1 => self.panels::<S, 1>(simd),
            2 => self.panels::<S, 2>(simd),
            _ => self.panels::<S, 3>(simd),
        }
    }
}

impl QuantisedMatMul<'_> {
    /// The sums by loops outside, then what remains to be done with them.
    #[inline(always)]
    fn relaxed<S: Simd>(self, relaxed: &Relaxed, simd: S) {
        let QuantisedMatrix {
            inputs,
            layout,
            planes,
            ..
        } = self.matrix;
        let groups = inputs.div_ceil(layout.group);
        let rows = self.rows.scales.len();
        let first = self.columns.start / layout.width;
        let panels = self.columns.len().div_ceil(layout.width);
        let mut buffer = self
            .rows
            .sums
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let blocks = rows.div_ceil(relaxed::ROWS);
        let stride = panels * layout.width;
        let weights: &[u8] = self.matrix.panels.slice();
        let weights = &weights[first * layout.width * groups * layout.group..];
        let size = blocks * relaxed::ROWS * stride;
        let sums = buffer.slice_mut::<i32>(planes * size);
        let activations: &[u32] = self.rows.blocks.slice();
        for (p, sums) in sums.chunks_exact_mut(size.max(1)).enumerate() {
            let activations = &activations[p * blocks * groups * relaxed::ROWS..];
            relaxed.run(activations, blocks, weights, (groups, panels), sums);
        }
        let vectors = stride / S::LANES;
        let from = first * layout.width / S::LANES;
        let part = |buffer: &'_ Buffer| -> Vec<S::Lanes> {
            buffer.slice::<S::Lanes>()[from..from + vectors].to_vec()
        };
        let (starts, scales) = (part(&self.matrix.starts), part(&self.matrix.scales));
        let bias = part(&self.matrix.bias);
        let sums: &[S::Lanes] = buffer.slice();
        let fine = &sums[(planes - 1) * size / S::LANES..];
        let both = sums.chunks_exact(vectors).zip(fine.chunks_exact(vectors));
        for (row, (sums, fine)) in both.take(rows).enumerate() {
            let row_scale = simd.splat(self.rows.scales[row]);
            let output = &mut self.output[row * self.columns.len()..][..self.columns.len()];
            for (v, to) in output.chunks_mut(S::LANES).enumerate() {
                let start = simd.load_i32(&starts[v]);
                let mut sum = simd.add_i32(simd.load_i32(&sums[v]), start);
                if *planes == 2 {
                    let fine = simd.add_i32(simd.load_i32(&fine[v]), start);
                    sum = simd.add_i32(simd.times_128(sum), fine);
                }
                let scale = simd.mul(simd.load(&scales[v]), row_scale);
                let value = simd.mul_add(simd.to_f32(sum), scale, simd.load(&bias[v]));
                finish(simd, &[value], to, self.after);
            }
        }
    }

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
        let planes = self.matrix.planes;
        let activations: &[u32] = &self.rows.groups.slice()[..rows * planes * groups];
        debug_assert!(self.columns.start.is_multiple_of(width));
        let mut column = self.columns.start;
        while column < self.columns.end {
            let panel = column / width;
            let tile = Tile {
                activations,
                planes,
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
    planes: usize,
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
        let mut sums = [[simd.splat_i32(0); V]; M];
        for plane in 0..self.planes {
            for v in 0..V {
                let start = simd.load_i32(&self.starts[v]);
                for sum in &mut sums {
                    // The first plane's sums are zero until here.
                    sum[v] = simd.add_i32(simd.times_128(sum[v]), start);
                }
            }
            let mut inputs = [&self.activations[..0]; M];
            for (i, input) in inputs.iter_mut().enumerate() {
                let at = ((row + i) * self.planes + plane) * groups;
                *input = &self.activations[at..at + groups];
            }
            let (rounds, rest) = tiles::rounds::<S, _>(self.weights);
            let mut fours = [inputs[0].as_chunks::<4>().0; M];
            for (four, input) in fours.iter_mut().zip(&inputs) {
                *four = &input.as_chunks::<4>().0[..rounds.len()];
            }
            for (p, weights) in rounds.iter().enumerate() {
                for j in 0..4 {
                    for i in 0..M {
                        for v in 0..V {
                            sums[i][v] = simd.dot(sums[i][v], fours[i][p][j], &weights[j][v]);
                        }
                    }
                }
            }
            for i in 0..M {
                inputs[i] = &inputs[i][4 * rounds.len()..][..rest.len()];
            }
            for (p, weights) in rest.iter().enumerate() {
                for i in 0..M {
                    let x = inputs[i][p];
                    for v in 0..V {
                        sums[i][v] = simd.dot(sums[i][v], x, &weights[v]);
                    }
                }
            }
        }
        let mut products = [[simd.splat(0.0); V]; M];
        for i in 0..M {
            for v in 0..V {
                products[i][v] = simd.to_f32(sums[i][v]);
            }
        }
        let rows = in_memory(simd, &products);
        for (i, products) in rows.iter().enumerate() {
            let row_scale = simd.splat(self.row_scales[row + i]);
            let mut values = loaded(simd, products);
            for v in 0..V {
                let scale = simd.mul(simd.load(&self.scales[v]), row_scale);
                values[v] = simd.mul_add(values[v], scale, simd.load(&self.bias[v]));
            }
            let at = (row + i) * self.output_stride + self.first;
            finish(simd, &values, &mut output[at..at + self.width], self.after);
        }
    }
}
