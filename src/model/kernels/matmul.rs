//! Matrix products in f32: rows of activations against weights packed in panels.
//!
//! Goto and van de Geijn's scheme (ACM TOMS 34(3), 2008) for short, wide products: a panel holds as many columns
//! as a tile of sums has in registers, input after input, so that it is read once from front to back; it stays
//! in the cache while all rows meet it. Activations are read as they are: a tile has few rows.

use super::math::gelu;
use super::memory::Buffer;
use super::relaxed::{COLUMNS, Relaxed};
use super::simd::{Kernel, Simd};
use super::{Isa, tiles};
use std::ops::Range;

/// What becomes of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It replaces what is in the output.
    Store,
    /// It goes through GELU first.
    Gelu,
    /// It is added to what is in the output.
    Add,
}

/// Weights of a linear layer, packed for one instruction set.
pub struct Matrix {
    panels: Buffer,
    bias: Buffer,
    inputs: usize,
    outputs: usize,
    /// Loops that stand in for those of the instruction set, if the shape suits them.
    relaxed: Option<Relaxed>,
}

impl Matrix {
    /// Packs parts of `[outputs, inputs]` (PyTorch's order) that share their input, one below the other.
    pub fn pack(isa: Isa, parts: &[&[f32]], inputs: usize, bias: &[f32]) -> Self {
        let width = isa.panel_width();
        let outputs = bias.len();
        let panels = outputs.div_ceil(width);
        let mut packed = Buffer::zeros::<f32>(panels * width * inputs);
        let mut padded = Buffer::zeros::<f32>(panels * width);
        padded.slice_mut::<f32>(outputs).copy_from_slice(bias);
        let to = packed.slice_mut::<f32>(panels * width * inputs);
        let rows = parts.iter().flat_map(|part| part.chunks_exact(inputs));
        for (o, row) in rows.enumerate() {
            let panel = &mut to[o / width * width * inputs..][..width * inputs];
            for (slot, &value) in panel[o % width..].iter_mut().step_by(width).zip(row) {
                *slot = value;
            }
        }
        let suits = width == COLUMNS && outputs.is_multiple_of(width) && inputs.is_multiple_of(4);
        Self {
            panels: packed,
            bias: padded,
            inputs,
            outputs,
            relaxed: Relaxed::detect().filter(|_| suits),
        }
    }

    /// Values per row of the product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.panels.bytes() + self.bias.bytes()
    }
}

/// Columns of a panel of the instruction set.
pub(super) struct PanelWidth;

impl Kernel for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        S::VECTORS * S::LANES
    }
}

/// `input * matrix + bias` for some columns.
pub struct MatMul<'a> {
    /// Rows of `matrix`'s inputs.
    pub input: &'a [f32],
    /// Weights.
    pub matrix: &'a Matrix,
    /// The columns wanted; they start where a panel does.
    pub columns: Range<usize>,
    /// Rows of as many values as `columns`.
    pub output: &'a mut [f32],
    /// What becomes of the product.
    pub after: After,
}

impl Kernel for MatMul<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (inputs, columns) = (self.matrix.inputs, self.columns);
        let width = S::VECTORS * S::LANES;
        let (mut input, mut output) = (self.input, self.output);
        if let Some(relaxed) = &self.matrix.relaxed
            && columns == (0..self.matrix.outputs)
        {
            let (panels, bias) = (&self.matrix.panels, &self.matrix.bias);
            let add = self.after == After::Add;
            let weights = &panels.slice()[..inputs * columns.len()];
            let done = relaxed.products(input, inputs, weights, bias.slice(), output, add);
            let ready;
            (ready, output) = output.split_at_mut(done * columns.len());
            input = &input[done * inputs..];
            if self.after == After::Gelu {
                for v in bytemuck::cast_slice_mut::<f32, S::Lanes>(ready) {
                    simd.store(v, gelu(simd, simd.load(v)));
                }
            }
        }
        let rows = input.len() / inputs;
        let weights: &[S::Lanes] = self.matrix.panels.slice();
        let bias: &[S::Lanes] = self.matrix.bias.slice();
        debug_assert!(columns.start.is_multiple_of(width));
        let mut column = columns.start;
        while column < columns.end {
            let panel = column / width;
            let product = Panel {
                input,
                input_stride: inputs,
                rows,
                inner: inputs,
                weights: &weights[panel * S::VECTORS * inputs..][..S::VECTORS * inputs],
                bias: Some(&bias[panel * S::VECTORS..][..S::VECTORS]),
                output_stride: columns.len(),
                first: column - columns.start,
                width: width.min(columns.end - column),
                after: self.after,
            };
            match S::VECTORS {
                1 => product.run::<S, 1>(simd, output),
                2 => product.run::<S, 2>(simd, output),
                _ => product.run::<S, 3>(simd, output),
            }
            column += width;
        }
    }
}

/// All rows against one panel of `V` vectors.
pub(super) struct Panel<'a, L> {
    pub input: &'a [f32],
    pub input_stride: usize,
    pub rows: usize,
    /// Values of a row that take part.
    pub inner: usize,
    /// `inner` times `V` vectors.
    pub weights: &'a [L],
    pub bias: Option<&'a [L]>,
    pub output_stride: usize,
    /// Where in a row of the output the panel's columns begin, and how many there are.
    pub first: usize,
    pub width: usize,
    pub after: After,
}

impl<L: Copy> Panel<'_, L> {
    #[inline(always)]
    pub fn run<S: Simd<Lanes = L>, const V: usize>(&self, simd: S, output: &mut [f32]) {
        tiles::each_block!(S, self.rows, |row, M| self
            .tile::<S, M, V>(simd, row, output));
    }

    #[inline(always)]
    fn tile<S: Simd<Lanes = L>, const M: usize, const V: usize>(
        &self,
        simd: S,
        row: usize,
        output: &mut [f32],
    ) {
        let (weights, _) = self.weights.as_chunks::<V>();
        let weights = &weights[..self.inner];
        let mut inputs = [&self.input[..0]; M];
        for (i, input) in inputs.iter_mut().enumerate() {
            *input = &self.input[(row + i) * self.input_stride..][..weights.len()];
        }
        let mut sums = [[simd.splat(0.0); V]; M];
        if let Some(bias) = self.bias {
            for v in 0..V {
                let b = simd.load(&bias[v]);
                for sum in &mut sums {
                    sum[v] = b;
                }
            }
        }
        let (rounds, rest) = tiles::rounds::<S, _>(weights);
        let mut fours = [inputs[0].as_chunks::<4>().0; M];
        for (four, input) in fours.iter_mut().zip(&inputs) {
            *four = &input.as_chunks::<4>().0[..rounds.len()];
        }
        for (p, weights) in rounds.iter().enumerate() {
            for j in 0..4 {
                let mut x = [0f32; M];
                for i in 0..M {
                    x[i] = fours[i][p][j];
                }
                step(simd, &mut sums, &x, &weights[j]);
            }
        }
        for i in 0..M {
            inputs[i] = &inputs[i][4 * rounds.len()..][..rest.len()];
        }
        for (p, weights) in rest.iter().enumerate() {
            let mut x = [0f32; M];
            for i in 0..M {
                x[i] = inputs[i][p];
            }
            step(simd, &mut sums, &x, weights);
        }
        let rows = in_memory(simd, &sums);
        for (i, sums) in rows.iter().enumerate() {
            let at = (row + i) * self.output_stride + self.first;
            let to = &mut output[at..at + self.width];
            finish(simd, &loaded(simd, sums), to, self.after);
        }
    }
}

/// One input of every row against the weights of all columns.
#[inline(always)]
fn step<S: Simd, const M: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::F; V]; M],
    x: &[f32; M],
    weights: &[S::Lanes; V],
) {
    let mut w = [simd.splat(0.0); V];
    for v in 0..V {
        w[v] = simd.load(&weights[v]);
    }
    for i in 0..M {
        let x = simd.splat(x[i]);
        for v in 0..V {
            sums[i][v] = simd.mul_add(x, w[v], sums[i][v]);
        }
    }
}

/// A tile's sums, for what is done with them row by row: too much to be unrolled, and an array that a loop which is
/// not unrolled reads is in memory from the start, where each addition costs a store.
#[inline(always)]
pub(super) fn in_memory<S: Simd, const M: usize, const V: usize>(
    simd: S,
    sums: &[[S::F; V]; M],
) -> [[S::Lanes; V]; M] {
    let mut rows = [[<S::Lanes as bytemuck::Zeroable>::zeroed(); V]; M];
    for i in 0..M {
        for v in 0..V {
            simd.store(&mut rows[i][v], sums[i][v]);
        }
    }
    rows
}

/// One row of them.
#[inline(always)]
pub(super) fn loaded<S: Simd, const V: usize>(simd: S, row: &[S::Lanes; V]) -> [S::F; V] {
    let mut values = [simd.splat(0.0); V];
    for v in 0..V {
        values[v] = simd.load(&row[v]);
    }
    values
}

/// Puts one row of sums where it belongs; `to` may be shorter than the vectors.
#[inline(always)]
pub(super) fn finish<S: Simd, const V: usize>(
    simd: S,
    sums: &[S::F; V],
    to: &mut [f32],
    after: After,
) {
    if to.len() == V * S::LANES {
        let to: &mut [S::Lanes] = bytemuck::cast_slice_mut(to);
        put(simd, sums, to, after);
    } else {
        let mut whole = [<S::Lanes as bytemuck::Zeroable>::zeroed(); V];
        let values: &mut [f32] = bytemuck::cast_slice_mut(&mut whole);
        values[..to.len()].copy_from_slice(to);
        put(simd, sums, &mut whole, after);
        let values: &[f32] = bytemuck::cast_slice(&whole);
        to.copy_from_slice(&values[..to.len()]);
    }
}

#[inline(always)]
fn put<S: Simd, const V: usize>(simd: S, sums: &[S::F; V], to: &mut [S::Lanes], after: After) {
    for (slot, &sum) in to.iter_mut().zip(sums) {
        let value = match after {
            After::Store => sum,
            After::Gelu => gelu(simd, sum),
            After::Add => simd.add(simd.load(slot), sum),
        };
        simd.store(slot, value);
    }
}
