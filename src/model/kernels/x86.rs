//! The kernels on x86-64: AVX-512 with VNNI, AVX2 with FMA, found at run time.
//!
//! `unsafe` is here alone: vector loads and stores through array references, and calls of functions that are
//! compiled for instruction sets which [`Isa::detect`] has seen. Measured need: the portable kernels reach a
//! tenth of the speed.
#![allow(unsafe_code)]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;

use super::matmul::PanelWidth;
use super::portable::Portable;
use super::simd::{Kernel, Simd};

/// The instruction sets that kernels are compiled for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 512 bits, fused multiply-add, 8-bit dot products.
    Avx512(Avx512),
    /// 256 bits, fused multiply-add.
    Avx2(Avx2),
    /// Arrays of four.
    Portable(Portable),
}

/// AVX-512 F, BW, VL and VNNI, AVX2 and FMA are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

/// AVX2 and FMA are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

impl Isa {
    /// The best that this machine has.
    pub fn detect() -> Self {
        if has_avx512() {
            Self::Avx512(Avx512(()))
        } else if has_avx2() {
            Self::Avx2(Avx2(()))
        } else {
            Self::Portable(Portable)
        }
    }

    /// All that this machine has, the best first.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Portable(Portable)];
        if has_avx2() {
            all.insert(0, Self::Avx2(Avx2(())));
        }
        if has_avx512() {
            all.insert(0, Self::Avx512(Avx512(())));
        }
        all
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512(_) => "AVX-512",
            Self::Avx2(_) => "AVX2",
            Self::Portable(_) => "portable",
        }
    }

    /// Columns that a product computes at a time.
    pub fn panel_width(self) -> usize {
        self.run(PanelWidth)
    }

    /// Runs a kernel compiled for this set.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma")]
        fn avx512<K: Kernel>(kernel: K, simd: Avx512) -> K::Output {
            kernel.run(simd)
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<K: Kernel>(kernel: K, simd: Avx2) -> K::Output {
            kernel.run(simd)
        }
        match self {
            // SAFETY: the value exists, so the features were detected.
            Self::Avx512(simd) => unsafe { avx512(kernel, simd) },
            // SAFETY: likewise.
            Self::Avx2(simd) => unsafe { avx2(kernel, simd) },
            Self::Portable(simd) => kernel.run(simd),
        }
    }
}

fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
}

// SAFETY of every block below: the value `self` exists, so the features were detected; pointers come from
// references to arrays of exactly the vector's size, and the unaligned forms are used.
impl Simd for Avx512 {
    type Lanes = [f32; 16];
    type Bytes = [u8; 64];
    type F = __m512;
    type I = __m512i;

    const LANES: usize = 16;
    // 24 accumulators, 3 weights and a broadcast of 32 registers; 8 row pointers of 16.
    const ROWS: usize = 8;
    const VECTORS: usize = 3;
    const FOUR_A_ROUND: bool = false;
    const GROUP: usize = 4;
    const ACTIVATION_OFFSET: i32 = 128;

    #[inline(always)]
    fn load(self, from: &[f32; 16]) -> __m512 {
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; 16], v: __m512) {
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn scale(self, v: __m512, n: __m512) -> __m512 {
        unsafe {
            let n = _mm512_slli_epi32::<23>(_mm512_castps_si512(n));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(v), n))
        }
    }
    #[inline(always)]
    fn splat_i32(self, value: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(value) }
    }
    #[inline(always)]
    fn load_i32(self, from: &[f32; 16]) -> __m512i {
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn times_128(self, v: __m512i) -> __m512i {
        unsafe { _mm512_slli_epi32::<7>(v) }
    }
    #[inline(always)]
    fn to_f32(self, v: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn dot(self, sums: __m512i, activations: u32, weights: &[u8; 64]) -> __m512i {
        unsafe {
            let weights = _mm512_loadu_si512(weights.as_ptr().cast());
            _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(activations as i32), weights)
        }
    }
}

impl Simd for Avx2 {
    type Lanes = [f32; 8];
    type Bytes = [u8; 16];
    type F = __m256;
    type I = __m256i;

    const LANES: usize = 8;
    // 12 accumulators, 2 weights and a broadcast of 16 registers.
    const ROWS: usize = 6;
    const VECTORS: usize = 2;
    const FOUR_A_ROUND: bool = false;
    // Pairs of 16 bits: sums of pairs of 8-bit products would saturate.
    const GROUP: usize = 2;
    const ACTIVATION_OFFSET: i32 = 0;

    #[inline(always)]
    fn load(self, from: &[f32; 8]) -> __m256 {
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; 8], v: __m256) {
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    fn scale(self, v: __m256, n: __m256) -> __m256 {
        unsafe {
            let n = _mm256_slli_epi32::<23>(_mm256_castps_si256(n));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), n))
        }
    }
    #[inline(always)]
    fn splat_i32(self, value: i32) -> __m256i {
        unsafe { _mm256_set1_epi32(value) }
    }
    #[inline(always)]
    fn load_i32(self, from: &[f32; 8]) -> __m256i {
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn add_i32(self, a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    fn times_128(self, v: __m256i) -> __m256i {
        unsafe { _mm256_slli_epi32::<7>(v) }
    }
    #[inline(always)]
    fn to_f32(self, v: __m256i) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(v) }
    }
    #[inline(always)]
    fn dot(self, sums: __m256i, activations: u32, weights: &[u8; 16]) -> __m256i {
        unsafe {
            let weights = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.as_ptr().cast()));
            let pairs = _mm256_madd_epi16(_mm256_set1_epi32(activations as i32), weights);
            _mm256_add_epi32(sums, pairs)
        }
    }
}
