//! Functions of a vector: exponential and GELU as polynomials, sums over lanes.

use bytemuck::Zeroable;

use super::simd::Simd;

/// The components added up.
#[inline(always)]
pub(super) fn sum<S: Simd>(simd: S, v: S::F) -> f32 {
    let mut lanes = [S::Lanes::zeroed()];
    simd.store(&mut lanes[0], v);
    let mut total = 0.0;
    for &x in bytemuck::cast_slice::<S::Lanes, f32>(&lanes) {
        total += x;
    }
    total
}

/// The largest component.
#[inline(always)]
pub(super) fn largest<S: Simd>(simd: S, v: S::F) -> f32 {
    let mut lanes = [S::Lanes::zeroed()];
    simd.store(&mut lanes[0], v);
    let mut most = f32::NEG_INFINITY;
    for &x in bytemuck::cast_slice::<S::Lanes, f32>(&lanes) {
        most = if x > most { x } else { most };
    }
    most
}

/// 1.5 * 2^23: adding it rounds to an integer, which is then in the low bits.
const ROUND: f32 = 12_582_912.0;

/// e^x for x of at most 0, to 2 units in the last place; below -87 it is e^-87.
///
/// Method: x = n ln 2 + r, Taylor's series of e^r to r^6 (|r| <= 0.35: the next term is under 1.3e-7), times 2^n.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::F) -> S::F {
    let x = simd.max(x, simd.splat(-87.0));
    let round = simd.splat(ROUND);
    let shifted = simd.mul_add(x, simd.splat(std::f32::consts::LOG2_E), round);
    let n = simd.sub(shifted, round);
    // ln 2 in two parts: n times the first is exact.
    let r = simd.mul_add(n, simd.splat(-0.693_359_4), x);
    let r = simd.mul_add(n, simd.splat(2.121_944_4e-4), r);
    let mut y = simd.splat(1.0 / 720.0);
    for k in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        y = simd.mul_add(y, r, simd.splat(k));
    }
    simd.scale(y, shifted)
}

/// Where [`gelu`]'s polynomial ends; beyond, GELU is zero or the identity within 1.1e-7.
const GELU_END: f32 = 5.5;

/// max(x, 0) - GELU(x) as a polynomial in t = 2|x| / 5.5 - 1, lowest power first: weighted least squares on
/// Chebyshev nodes, weights iterated towards the smallest largest error (Lawson), 1.2e-7.
const GELU: [f32; 17] = [
    0.008_194_38,
    -0.060_577_75,
    0.191_261_9,
    -0.308_689_74,
    0.178_981_07,
    0.260_516_02,
    -0.628_607_9,
    0.459_223_5,
    0.152_560_98,
    -0.544_100_76,
    0.269_595_62,
    0.230_843_54,
    -0.253_704_73,
    -0.036_410_1,
    0.096_895_47,
    -0.000_804_760_6,
    -0.015_176_703,
];

/// GELU with the error function (Hendrycks and Gimpel 2016), within 3e-7.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, x: S::F) -> S::F {
    let zero = simd.splat(0.0);
    let size = simd.min(simd.max(x, simd.sub(zero, x)), simd.splat(GELU_END));
    let t = simd.mul_add(size, simd.splat(2.0 / GELU_END), simd.splat(-1.0));
    // Even and odd powers apart: two short chains instead of a long one.
    let t2 = simd.mul(t, t);
    let (mut even, mut odd) = (simd.splat(GELU[16]), simd.splat(GELU[15]));
    for i in (0..7).rev() {
        even = simd.mul_add(even, t2, simd.splat(GELU[2 * i + 2]));
        odd = simd.mul_add(odd, t2, simd.splat(GELU[2 * i + 1]));
    }
    even = simd.mul_add(even, t2, simd.splat(GELU[0]));
    simd.sub(simd.max(x, zero), simd.mul_add(odd, t, even))
}
