//! What a kernel needs of an instruction set.

use bytemuck::Pod;

/// Vectors of one instruction set. A value is the permission to use it: only [`super::Isa`] makes them.
///
/// The sizes of the tile a matrix product keeps in registers belong here because the number of registers does:
/// `ROWS * VECTORS` accumulators, `VECTORS` weights and one broadcast value must fit.
pub trait Simd: Copy + Send + Sync {
    /// A vector as an array of f32 in memory.
    type Lanes: Pod + Send + Sync;
    /// Weights of 8 bits that meet one vector of sums: `LANES * GROUP` bytes.
    type Bytes: Pod + Send + Sync;
    /// A vector of f32 in a register.
    type F: Copy;
    /// A vector of i32 in a register.
    type I: Copy;

    /// Components of a vector.
    const LANES: usize;
    /// Rows of a tile.
    const ROWS: usize;
    /// Vectors per row of a tile.
    const VECTORS: usize;
    /// Whether a tile takes four inputs a round: where tiles are small, the loop's own arithmetic costs as much as an input.
    const FOUR_A_ROUND: bool;
    /// 8-bit products that one lane sums at a time, 2 or 4; they share a `u32` of activations.
    const GROUP: usize;
    /// What is added to a quantised activation before it is stored, and taken back by the sums' start.
    const ACTIVATION_OFFSET: i32;

    fn load(self, from: &Self::Lanes) -> Self::F;
    fn store(self, to: &mut Self::Lanes, v: Self::F);
    fn splat(self, value: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once where the machine can.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `v * 2^n`, where `n` is in the low bits of `n`'s mantissa; no overflow of the exponent.
    fn scale(self, v: Self::F, n: Self::F) -> Self::F;

    fn splat_i32(self, value: i32) -> Self::I;
    fn load_i32(self, from: &Self::Lanes) -> Self::I;
    fn add_i32(self, a: Self::I, b: Self::I) -> Self::I;
    fn times_128(self, v: Self::I) -> Self::I;
    fn to_f32(self, v: Self::I) -> Self::F;
    /// `sums + products` of a group of activations (four bytes, or two 16-bit integers) with the weights of every
    /// lane.
    fn dot(self, sums: Self::I, activations: u32, weights: &Self::Bytes) -> Self::I;
}

/// Something to compute with whichever instruction set there is. `run` must be `#[inline(always)]`, and so must
/// all it calls, to be compiled for that set.
pub trait Kernel {
    /// What it gives.
    type Output;
    /// Computes.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
