//! The kernels on 64-bit Arm: NEON, which every such processor has.
//!
//! `unsafe` is here alone: vector loads and stores through array references, and intrinsics, which the language
//! calls unsafe outside functions that name the instruction set.
#![allow(unsafe_code)]

use std::arch::aarch64::*;

use super::matmul::PanelWidth;
#[cfg(test)]
use super::portable::Portable;
use super::simd::{Kernel, Simd};

/// The instruction sets that kernels are compiled for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 128 bits, fused multiply-add.
    Neon(Neon),
    /// Arrays of four; only compared with.
    #[cfg(test)]
    Portable(Portable),
}

/// NEON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neon;

impl Isa {
    /// The best that this machine has.
    pub fn detect() -> Self {
        Self::Neon(Neon)
    }

    /// All that this machine has, the best first.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        vec![Self::Neon(Neon), Self::Portable(Portable)]
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Neon(_) => "NEON",
            #[cfg(test)]
            Self::Portable(_) => "portable",
        }
    }

    /// Columns that a product computes at a time.
    pub fn panel_width(self) -> usize {
        self.run(PanelWidth)
    }

    /// Runs a kernel.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Neon(simd) => kernel.run(simd),
            #[cfg(test)]
            Self::Portable(simd) => kernel.run(simd),
        }
    }
}

// SAFETY of every block below: the target has NEON by definition; pointers come from references to arrays of exactly
// the bytes that are read or written, and the instructions ask for no more than an element's alignment.
impl Simd for Neon {
    type Lanes = [f32; 4];
    type Bytes = [u8; 8];
    type F = float32x4_t;
    type I = int32x4_t;

    const LANES: usize = 4;
    // 16 accumulators, 2 weights and a value of each row of 32 registers.
    const ROWS: usize = 8;
    const VECTORS: usize = 2;
    const FOUR_A_ROUND: bool = true;
    const GROUP: usize = 2;
    const ACTIVATION_OFFSET: i32 = 0;

    #[inline(always)]
    fn load(self, from: &[f32; 4]) -> float32x4_t {
        unsafe { vld1q_f32(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; 4], v: float32x4_t) {
        unsafe { vst1q_f32(to.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(value) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vminq_f32(a, b) }
    }
    #[inline(always)]
    fn scale(self, v: float32x4_t, n: float32x4_t) -> float32x4_t {
        unsafe {
            let n = vshlq_n_s32::<23>(vreinterpretq_s32_f32(n));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(v), n))
        }
    }
    #[inline(always)]
    fn splat_i32(self, value: i32) -> int32x4_t {
        unsafe { vdupq_n_s32(value) }
    }
    #[inline(always)]
    fn load_i32(self, from: &[f32; 4]) -> int32x4_t {
        unsafe { vld1q_s32(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn add_i32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        unsafe { vaddq_s32(a, b) }
    }
    #[inline(always)]
    fn times_128(self, v: int32x4_t) -> int32x4_t {
        unsafe { vshlq_n_s32::<7>(v) }
    }
    #[inline(always)]
    fn to_f32(self, v: int32x4_t) -> float32x4_t {
        unsafe { vcvtq_f32_s32(v) }
    }
    #[inline(always)]
    fn dot(self, sums: int32x4_t, activations: u32, weights: &[u8; 8]) -> int32x4_t {
        unsafe {
            // A lane's two weights lie side by side: 16 bits of which each half becomes a number of its own.
            let both = vreinterpret_s16_s8(vld1_s8(weights.as_ptr().cast()));
            let first = vshr_n_s16::<8>(vshl_n_s16::<8>(both));
            let second = vshr_n_s16::<8>(both);
            let activations = vreinterpret_s16_u32(vdup_n_u32(activations));
            let sums = vmlal_lane_s16::<0>(sums, first, activations);
            vmlal_lane_s16::<1>(sums, second, activations)
        }
    }
}
