//! Layer norm (Ba, Kiros and Hinton 2016).

use super::math::sum;
use super::simd::{Kernel, Simd};

/// Every row brought to mean 0 and variance 1, scaled and shifted, in place.
pub struct LayerNorm<'a> {
    /// Rows of `gamma.len()` values.
    pub values: &'a mut [f32],
    /// Scale.
    pub gamma: &'a [f32],
    /// Shift.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

impl Kernel for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.gamma.len();
        // What the vectors do not cover is done one by one.
        let whole = width - width % S::LANES;
        let gamma: &[S::Lanes] = bytemuck::cast_slice(&self.gamma[..whole]);
        let beta: &[S::Lanes] = bytemuck::cast_slice(&self.beta[..whole]);
        for row in self.values.chunks_exact_mut(width) {
            let (head, tail) = row.split_at_mut(whole);
            let head: &mut [S::Lanes] = bytemuck::cast_slice_mut(head);
            let mut total = simd.splat(0.0);
            for v in head.iter() {
                total = simd.add(total, simd.load(v));
            }
            let mut rest = 0.0;
            for &v in tail.iter() {
                rest += v;
            }
            let mean = (sum(simd, total) + rest) / width as f32;
            let centre = simd.splat(mean);
            let mut squares = simd.splat(0.0);
            for v in head.iter() {
                let d = simd.sub(simd.load(v), centre);
                squares = simd.mul_add(d, d, squares);
            }
            let mut rest = 0.0;
            for &v in tail.iter() {
                rest += (v - mean) * (v - mean);
            }
            let variance = (sum(simd, squares) + rest) / width as f32;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            let factor = simd.splat(scale);
            for ((v, g), b) in head.iter_mut().zip(gamma).zip(beta) {
                let d = simd.mul(simd.sub(simd.load(v), centre), factor);
                simd.store(v, simd.mul_add(d, simd.load(g), simd.load(b)));
            }
            for (i, v) in tail.iter_mut().enumerate() {
                *v = (*v - mean) * scale * self.gamma[whole + i] + self.beta[whole + i];
            }
        }
    }
}
