//! The kernels in WebAssembly with SIMD of 128 bits, which this module was compiled for.
//!
//! `unsafe` is here alone, for vector loads and stores through array references. Measured need: the compiler
//! does not find the 16-bit dot product by itself.
#![allow(unsafe_code)]

use std::arch::wasm32::*;

use super::matmul::PanelWidth;
#[cfg(test)]
use super::portable::Portable;
use super::simd::{Kernel, Simd};

/// The instruction sets that kernels are compiled for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 128 bits.
    Simd128(Simd128),
    /// Arrays of four; only compared with.
    #[cfg(test)]
    Portable(Portable),
}

/// WebAssembly's SIMD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd128;

impl Isa {
    /// The best there is. A browser without SIMD refuses the whole module.
    pub fn detect() -> Self {
        Self::Simd128(Simd128)
    }

    /// All there are, the best first.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        vec![Self::Simd128(Simd128), Self::Portable(Portable)]
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simd128(_) => "SIMD128",
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
            Self::Simd128(simd) => kernel.run(simd),
            #[cfg(test)]
            Self::Portable(simd) => kernel.run(simd),
        }
    }
}

// SAFETY of every block below: pointers come from references to arrays of exactly the bytes that are read or
// written; WebAssembly asks for no alignment.
impl Simd for Simd128 {
    type Lanes = [f32; 4];
    type Bytes = [u8; 8];
    type F = v128;
    type I = v128;

    const LANES: usize = 4;
    // 8 accumulators, 2 weights, a broadcast and a product: engines have 16 registers, some reserved.
    const ROWS: usize = 4;
    const VECTORS: usize = 2;
    const FOUR_A_ROUND: bool = true;
    const GROUP: usize = 2;
    const ACTIVATION_OFFSET: i32 = 0;

    #[inline(always)]
    fn load(self, from: &[f32; 4]) -> v128 {
        unsafe { v128_load(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; 4], v: v128) {
        unsafe { v128_store(to.as_mut_ptr().cast(), v) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> v128 {
        f32x4_splat(value)
    }
    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }
    #[inline(always)]
    fn sub(self, a: v128, b: v128) -> v128 {
        f32x4_sub(a, b)
    }
    #[inline(always)]
    fn mul(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }
    #[inline(always)]
    fn mul_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }
    #[inline(always)]
    fn max(self, a: v128, b: v128) -> v128 {
        // One instruction on every machine, unlike `f32x4_max` with its rules for NaN.
        f32x4_pmax(a, b)
    }
    #[inline(always)]
    fn min(self, a: v128, b: v128) -> v128 {
        f32x4_pmin(a, b)
    }
    #[inline(always)]
    fn scale(self, v: v128, n: v128) -> v128 {
        i32x4_add(v, i32x4_shl(n, 23))
    }
    #[inline(always)]
    fn splat_i32(self, value: i32) -> v128 {
        i32x4_splat(value)
    }
    #[inline(always)]
    fn load_i32(self, from: &[f32; 4]) -> v128 {
        unsafe { v128_load(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn add_i32(self, a: v128, b: v128) -> v128 {
        i32x4_add(a, b)
    }
    #[inline(always)]
    fn times_128(self, v: v128) -> v128 {
        i32x4_shl(v, 7)
    }
    #[inline(always)]
    fn to_f32(self, v: v128) -> v128 {
        f32x4_convert_i32x4(v)
    }
    #[inline(always)]
    fn dot(self, sums: v128, activations: u32, weights: &[u8; 8]) -> v128 {
        let weights = unsafe { i16x8_load_extend_i8x8(weights.as_ptr().cast()) };
        i32x4_add(
            sums,
            i32x4_dot_i16x8(i32x4_splat(activations as i32), weights),
        )
    }
}
