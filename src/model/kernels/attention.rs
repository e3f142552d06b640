//! Attention of one text: every head on its own, scores and context as matrix products.

use super::math::{exp, largest, sum};
use super::matmul::{After, Panel};
use super::memory::Buffer;
use super::simd::{Kernel, Simd};

/// Scaled dot-product attention (Vaswani et al. 2017) of the tokens of one text among themselves.
///
/// The queries are expected to be scaled already: 1 / sqrt(d) is in their weights.
pub struct Attention<'a> {
    /// Per token: queries of all heads, then keys, then values.
    pub query_key_value: &'a [f32],
    /// Per token: what all heads say.
    pub context: &'a mut [f32],
    /// Number of heads.
    pub heads: usize,
    /// Components per head.
    pub head_dim: usize,
    /// Memory for one head.
    pub scratch: &'a mut Buffer,
}

impl Kernel for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (heads, dim) = (self.heads, self.head_dim);
        let hidden = heads * dim;
        let stride = 3 * hidden;
        let tokens = self.query_key_value.len() / stride;
        let width = S::VECTORS * S::LANES;
        // A score row is as long as the panels of keys are wide, so that no tile has an edge.
        let row = tokens.next_multiple_of(width);
        let value_vectors = dim.div_ceil(S::LANES).min(S::VECTORS);
        let value_width = value_vectors * S::LANES;
        let value_columns = dim.next_multiple_of(value_width);
        let needed = row * dim + tokens * value_columns + tokens * row;
        let scratch = self.scratch.slice_mut::<f32>(needed.next_multiple_of(16));
        let (keys, rest) = scratch.split_at_mut(row * dim);
        let (values, scores) = rest.split_at_mut(tokens * value_columns);
        for head in 0..heads {
            let query = &self.query_key_value[head * dim..];
            let key = &self.query_key_value[hidden + head * dim..];
            let value = &self.query_key_value[2 * hidden + head * dim..];
            pack_keys(keys, key, stride, tokens, dim, width);
            pack_values(values, value, stride, tokens, dim, value_width);
            let keys: &[S::Lanes] = bytemuck::cast_slice(keys);
            for (panel, weights) in keys.chunks_exact(S::VECTORS * dim).enumerate() {
                let product = Panel {
                    input: query,
                    input_stride: stride,
                    rows: tokens,
                    inner: dim,
                    weights,
                    bias: None,
                    output_stride: row,
                    first: panel * width,
                    width,
                    after: After::Store,
                };
                match S::VECTORS {
                    1 => product.run::<S, 1>(simd, scores),
                    2 => product.run::<S, 2>(simd, scores),
                    _ => product.run::<S, 3>(simd, scores),
                }
            }
            for scores in scores.chunks_exact_mut(row).take(tokens) {
                softmax(simd, scores, tokens);
            }
            let values: &[S::Lanes] = bytemuck::cast_slice(values);
            for (panel, weights) in values.chunks_exact(value_vectors * tokens).enumerate() {
                let first = panel * value_width;
                let product = Panel {
                    input: scores,
                    input_stride: row,
                    rows: tokens,
                    inner: tokens,
                    weights,
                    bias: None,
                    output_stride: hidden,
                    first: head * dim + first,
                    width: value_width.min(dim - first),
                    after: After::Store,
                };
                match value_vectors {
                    1 => product.run::<S, 1>(simd, self.context),
                    2 => product.run::<S, 2>(simd, self.context),
                    _ => product.run::<S, 3>(simd, self.context),
                }
            }
        }
    }
}

/// Keys transposed into panels of `width` tokens; tokens beyond the last are zero.
#[inline(always)]
fn pack_keys(to: &mut [f32], key: &[f32], stride: usize, tokens: usize, dim: usize, width: usize) {
    for (panel, to) in to.chunks_exact_mut(width * dim).enumerate() {
        let here = width.min(tokens - panel * width);
        if here < width {
            to.fill(0.0);
        }
        for token in 0..here {
            let key = &key[(panel * width + token) * stride..][..dim];
            for (slot, &k) in to[token..].iter_mut().step_by(width).zip(key) {
                *slot = k;
            }
        }
    }
}

/// Values in panels of `width` components; components beyond the last are zero.
#[inline(always)]
fn pack_values(
    to: &mut [f32],
    value: &[f32],
    stride: usize,
    tokens: usize,
    dim: usize,
    width: usize,
) {
    for (panel, to) in to.chunks_exact_mut(width * tokens).enumerate() {
        let here = width.min(dim - panel * width);
        for (token, to) in to.chunks_exact_mut(width).enumerate() {
            let value = &value[token * stride + panel * width..][..here];
            to[..here].copy_from_slice(value);
            to[here..].fill(0.0);
        }
    }
}

/// The first `tokens` of `scores` become positive and sum to one.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], tokens: usize) {
    // What lies beyond the last token must not count: it is brought so low that its exponential vanishes.
    let end = tokens.next_multiple_of(S::LANES);
    scores[tokens..end].fill(f32::MIN);
    let scores: &mut [S::Lanes] = bytemuck::cast_slice_mut(&mut scores[..end]);
    let mut most = simd.splat(f32::MIN);
    for v in scores.iter() {
        most = simd.max(most, simd.load(v));
    }
    let most = simd.splat(largest(simd, most));
    let mut total = simd.splat(0.0);
    for v in scores.iter_mut() {
        let e = exp(simd, simd.sub(simd.load(v), most));
        total = simd.add(total, e);
        simd.store(v, e);
    }
    let scale = simd.splat(1.0 / sum(simd, total));
    for v in scores.iter_mut() {
        simd.store(v, simd.mul(simd.load(v), scale));
    }
}
