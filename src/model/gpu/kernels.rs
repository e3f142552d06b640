//! The kernels of the GPU path in CubeCL: each does all that is done with a value while it is in registers, so that
//! a layer is seven dispatches and no intermediate is written that the next kernel does not need.
//!
//! Activations are rows of `hidden` values for all tokens of a batch one after the other, without padding; matrices
//! are row-major, read four values at a time. Both are of `E`, f32 or f16; scales, shifts and biases are f32, and so
//! is every sum that is longer than one vector.

// The macro's expansions carry no documentation, and what it takes are index loops, f32 literals and many arguments.
#![allow(missing_docs)]
#![allow(
    clippy::approx_constant,
    clippy::assign_op_pattern,
    clippy::excessive_precision,
    clippy::needless_range_loop,
    clippy::too_many_arguments,
    clippy::manual_div_ceil
)]

use cubecl::ir::ElemType;
use cubecl::prelude::*;

/// Units that share one row in [`embed`], [`norm`] and [`pool`].
pub const ROW_UNITS: u32 = 32;
/// Queries per cube in [`attention`].
pub const QUERIES: u32 = 32;

/// Half of the 2^112 that [`low`] and [`high`] leave to be made up for: on either side of a product, where all of it at
/// once could be too much.
const HALFWAY: f32 = 72_057_594_037_927_936.0;

/// What [`matmul`] does with a product before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// Adds the bias.
    Bias,
    /// Adds the bias, then GELU (Hendrycks & Gimpel 2016, with the error function).
    Gelu,
    /// Adds the bias and the row that went around the layer.
    Residual,
}

/// How embeddings and matrices lie on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// In f32.
    F32,
    /// In f16, and activations too, for an adapter that computes in it.
    F16,
    /// In f16 for an adapter that does not: of eight values of a row the first four lie in the lower, the others in the
    /// upper halves of four words. Computed in f32.
    Packed,
}

/// Sum of the lanes.
#[cube]
fn lanes<N: Size>(v: Vector<f32, N>) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for i in 0..N::value() {
        sum += v.extract(i);
    }
    sum
}

/// Sum over the units of a cube of [`ROW_UNITS`]; every unit gets it. `slots` must not be in use.
#[cube]
fn total(part: f32, slots: &mut [f32]) -> f32 {
    slots[UNIT_POS_X as usize] = part;
    sync_cube();
    let mut sum = 0.0f32;
    #[unroll]
    for i in 0..32usize {
        sum += slots[i];
    }
    sum
}

/// Word plus position embedding: one cube per token. `places` are positions within the text.
#[cube(launch)]
pub fn embed<E: Float, N: Size>(
    ids: &[u32],
    places: &[u32],
    words: &[Vector<E, N>],
    positions: &[Vector<E, N>],
    out: &mut [Vector<E, N>],
    #[comptime] width: usize,
    #[define(E)] _dtype: ElemType,
) {
    let token = CUBE_POS_X as usize;
    let word = ids[token] as usize * width;
    let place = places[token] as usize * width;
    let mut i = UNIT_POS_X as usize;
    while i < width {
        out[token * width + i] = words[word + i] + positions[place + i];
        i += 32usize;
    }
}

/// The same with words that are [`Storage::Packed`].
#[cube(launch)]
pub fn embed_packed<N: Size>(
    ids: &[u32],
    places: &[u32],
    words: &[Vector<i32, N>],
    positions: &[Vector<f32, N>],
    out: &mut [Vector<f32, N>],
    #[comptime] width: usize,
) {
    let half = comptime!(width / 2);
    let token = CUBE_POS_X as usize;
    let word = ids[token] as usize * half;
    let place = places[token] as usize * width;
    let mut i = UNIT_POS_X as usize;
    while i < half {
        let both = words[word + i];
        let (from, to) = (place + 2 * i, token * width + 2 * i);
        let scale = Vector::<f32, N>::new(comptime!(HALFWAY * HALFWAY));
        out[to] = low::<N>(both) * scale + positions[from];
        out[to + 1] = high::<N>(both) * scale + positions[from + 1];
        i += 32usize;
    }
}

/// The f16 in the lower half of every lane, times 2^-112: sign and the rest go to where an f32 has them, and what that
/// makes of the exponent is for the caller to make up for. Subnormal ones, below 6.1e-5, may come out as 0.
#[cube]
fn low<N: Size>(both: Vector<i32, N>) -> Vector<f32, N> {
    high::<N>(both << Vector::new(16i32))
}

/// The one in the upper half.
#[cube]
fn high<N: Size>(both: Vector<i32, N>) -> Vector<f32, N> {
    let placed = (both >> Vector::new(3i32)) & Vector::new(0x8fff_e000u32 as i32);
    Vector::<f32, N>::reinterpret(placed)
}

/// Layer norm (Ba et al. 2016): one cube per row.
#[cube(launch)]
pub fn norm<E: Float, N: Size>(
    rows: &[Vector<E, N>],
    gamma: &[Vector<f32, N>],
    beta: &[Vector<f32, N>],
    out: &mut [Vector<E, N>],
    epsilon: f32,
    #[comptime] width: usize,
    #[define(E)] _dtype: ElemType,
) {
    let mut means = Shared::new_slice(32usize);
    let mut squares = Shared::new_slice(32usize);
    let at = CUBE_POS_X as usize * width;
    let count = f32::cast_from(width * N::value());
    let mut sum = 0.0f32;
    let mut i = UNIT_POS_X as usize;
    while i < width {
        sum += lanes::<N>(Vector::cast_from(rows[at + i]));
        i += 32usize;
    }
    let mean = Vector::<f32, N>::new(total(sum, &mut means) / count);
    let mut square = 0.0f32;
    let mut i = UNIT_POS_X as usize;
    while i < width {
        let d = Vector::<f32, N>::cast_from(rows[at + i]) - mean;
        square += lanes::<N>(d * d);
        i += 32usize;
    }
    let variance = total(square, &mut squares) / count;
    let scale = Vector::<f32, N>::new(1.0f32 / (variance + epsilon).sqrt());
    let mut i = UNIT_POS_X as usize;
    while i < width {
        let d = Vector::<f32, N>::cast_from(rows[at + i]) - mean;
        out[at + i] = Vector::cast_from(d * scale * gamma[i] + beta[i]);
        i += 32usize;
    }
}

/// Error function by Abramowitz & Stegun 7.1.26: at most 1.5e-7 off.
#[cube]
fn erf<N: Size>(x: Vector<f32, N>) -> Vector<f32, N> {
    let one = Vector::<f32, N>::new(1.0f32);
    let a = x.abs();
    let t = one / (one + Vector::new(0.3275911f32) * a);
    let mut p = Vector::<f32, N>::new(1.061405429f32);
    p = p * t + Vector::new(-1.453152027f32);
    p = p * t + Vector::new(1.421413741f32);
    p = p * t + Vector::new(-0.284496736f32);
    p = p * t + Vector::new(0.254829592f32);
    let e = one - p * t * (-(a * a)).exp();
    select_many(x.less_than(&Vector::new(0.0f32)), -e, e)
}

/// `out = epilogue(a · b)`, `a` of `rows x inner`, `b` of `inner x columns`. A unit makes `m` rows of `n` vectors;
/// what is loaded from `a` is used `n` times, from `b` `m` times. Rows past the end repeat the last one and are
/// not written.
///
/// In f16 the products with one vector of `a` are added in f16, and these sums in f32.
#[cube(launch)]
pub fn matmul<E: Float, W: Numeric, N: Size>(
    a: &[Vector<E, N>],
    b: &[Vector<W, N>],
    bias: &[Vector<f32, N>],
    around: &[Vector<E, N>],
    out: &mut [Vector<E, N>],
    rows: u32,
    #[comptime] inner: usize,
    #[comptime] columns: usize,
    #[comptime] m: usize,
    #[comptime] n: usize,
    #[comptime] epilogue: Epilogue,
    #[comptime] storage: Storage,
    #[define(E)] _dtype: ElemType,
    #[define(W)] _weight: ElemType,
) {
    let column = ABSOLUTE_POS_X as usize * n;
    let row = ABSOLUTE_POS_Y as usize * m;
    let rows = rows as usize;
    if row >= rows || column >= columns {
        terminate!();
    }
    let mut sums = Array::<Vector<f32, N>>::new(m * n);
    let mut parts = Array::<Vector<E, N>>::new(m * n);
    let mut left = Array::<Vector<E, N>>::new(m);
    let mut starts = Array::<usize>::new(m);
    #[unroll]
    for i in 0..m {
        starts[i] = (row + i).min(rows - 1) * inner;
        #[unroll]
        for j in 0..n {
            sums[i * n + j] = Vector::new(0.0f32);
        }
    }
    for k in 0..inner {
        #[unroll]
        for i in 0..m {
            left[i] = a[starts[i] + k];
            if comptime!(storage == Storage::Packed) {
                left[i] *= Vector::cast_from(HALFWAY);
            }
        }
        #[unroll]
        for lane in 0..N::value() {
            let from = (k * N::value() + lane) * columns + column;
            if comptime!(storage == Storage::Packed) {
                #[unroll]
                for pair in 0..n / 2 {
                    let both = Vector::<i32, N>::cast_from(b[from / 2 + pair]);
                    let (low, high) = (low::<N>(both), high::<N>(both));
                    #[unroll]
                    for i in 0..m {
                        let value = Vector::<f32, N>::cast_from(left[i].extract(lane));
                        sums[i * n + 2 * pair] += value * low;
                        sums[i * n + 2 * pair + 1] += value * high;
                    }
                }
            } else {
                #[unroll]
                for j in 0..n {
                    let right = Vector::<E, N>::cast_from(b[from + j]);
                    #[unroll]
                    for i in 0..m {
                        let product = Vector::new(left[i].extract(lane)) * right;
                        if comptime!(storage == Storage::F32) {
                            sums[i * n + j] += Vector::cast_from(product);
                        } else if comptime!(lane == 0) {
                            parts[i * n + j] = product;
                        } else {
                            parts[i * n + j] += product;
                        }
                    }
                }
            }
        }
        if comptime!(storage == Storage::F16) {
            #[unroll]
            for i in 0..m * n {
                sums[i] += Vector::cast_from(parts[i]);
            }
        }
    }
    #[unroll]
    for i in 0..m {
        if row + i < rows {
            let at = (row + i) * columns + column;
            #[unroll]
            for j in 0..n {
                let mut value = sums[i * n + j];
                if comptime!(storage == Storage::Packed) {
                    value *= Vector::new(HALFWAY);
                }
                value += bias[column + j];
                if comptime!(epilogue == Epilogue::Gelu) {
                    let half = Vector::<f32, N>::new(0.5f32);
                    let root = Vector::<f32, N>::new(0.70710678f32);
                    value = value * half + value * half * erf::<N>(value * root);
                }
                if comptime!(epilogue == Epilogue::Residual) {
                    value += Vector::cast_from(around[at + j]);
                }
                out[at + j] = Vector::cast_from(value);
            }
        }
    }
}

/// Attention (Vaswani et al. 2017, 3.2.1) over unpadded rows: one unit per query, keys in order, with the running
/// maximum and sum of Milakov & Gimelshein 2018, so that no score is ever written. `qkv` holds query, key and value
/// of a token side by side; text `CUBE_POS_Z` begins at `starts[CUBE_POS_Z]`.
#[cube(launch)]
pub fn attention<E: Float, N: Size>(
    qkv: &[Vector<E, N>],
    starts: &[u32],
    out: &mut [Vector<E, N>],
    scale: f32,
    #[comptime] heads: usize,
    #[comptime] width: usize,
    #[define(E)] _dtype: ElemType,
) {
    let text = CUBE_POS_Z as usize;
    let head = CUBE_POS_Y as usize;
    let first = starts[text] as usize;
    let end = starts[text + 1] as usize;
    let token = first + ABSOLUTE_POS_X as usize;
    if token >= end {
        terminate!();
    }
    let stride = 3 * heads * width;
    let mut query = Array::<Vector<f32, N>>::new(width);
    let mut sums = Array::<Vector<f32, N>>::new(width);
    #[unroll]
    for i in 0..width {
        let value = Vector::<f32, N>::cast_from(qkv[token * stride + head * width + i]);
        query[i] = value * Vector::new(scale);
        sums[i] = Vector::new(0.0f32);
    }
    let mut greatest = f32::new(-1.0e30);
    let mut weight = 0.0f32;
    for key in first..end {
        let at = key * stride + (heads + head) * width;
        let mut dot = query[0] * Vector::cast_from(qkv[at]);
        #[unroll]
        for i in 1..width {
            dot += query[i] * Vector::cast_from(qkv[at + i]);
        }
        let score = lanes::<N>(dot);
        let more = f32::max(score, greatest);
        let old = (greatest - more).exp();
        let new = (score - more).exp();
        greatest = more;
        weight = weight * old + new;
        let at = at + heads * width;
        #[unroll]
        for i in 0..width {
            let value = Vector::<f32, N>::cast_from(qkv[at + i]);
            sums[i] = sums[i] * Vector::new(old) + value * Vector::new(new);
        }
    }
    let share = Vector::<f32, N>::new(1.0f32 / weight);
    #[unroll]
    for i in 0..width {
        out[(token * heads + head) * width + i] = Vector::cast_from(sums[i] * share);
    }
}

/// Mean over the tokens of a text (or its first token), then unit length: one cube per text.
#[cube(launch)]
pub fn pool<E: Float, N: Size>(
    rows: &[Vector<E, N>],
    starts: &[u32],
    out: &mut [Vector<f32, N>],
    #[comptime] width: usize,
    #[comptime] first_only: bool,
    #[define(E)] _dtype: ElemType,
) {
    let text = CUBE_POS_X as usize;
    let first = starts[text] as usize;
    let mut end = starts[text + 1] as usize;
    if comptime!(first_only) {
        end = first + 1;
    }
    let mut slots = Shared::new_slice(32usize);
    let share = Vector::<f32, N>::new(1.0f32 / f32::cast_from(end - first));
    let mut square = 0.0f32;
    let mut i = UNIT_POS_X as usize;
    while i < width {
        let mut sum = Vector::<f32, N>::new(0.0f32);
        for token in first..end {
            sum += Vector::cast_from(rows[token * width + i]);
        }
        let mean = sum * share;
        out[text * width + i] = mean;
        square += lanes::<N>(mean * mean);
        i += 32usize;
    }
    let length = total(square, &mut slots).sqrt().max(1.0e-12f32);
    let unit = Vector::<f32, N>::new(1.0f32 / length);
    let mut i = UNIT_POS_X as usize;
    while i < width {
        out[text * width + i] = out[text * width + i] * unit;
        i += 32usize;
    }
}
