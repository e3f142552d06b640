//! Our own CPU kernels for a BERT layer: matrix products with packed weights (f32 and 8 bits), attention,
//! layer norm, GELU.
//!
//! Each kernel is written once, over the trait [`Simd`], and compiled for every instruction set by `arch`, which
//! also finds out at run time which one the machine has. Only `arch` may hold `unsafe` code: reading vectors
//! from arrays, and calling functions compiled for the instruction set that was found.
// Loops over indices of constant range are unrolled into registers; iterators over several arrays are not always.
#![allow(clippy::needless_range_loop)]

mod attention;
mod math;
mod matmul;
mod memory;
mod norm;
#[cfg(any(
    test,
    not(any(
        all(target_arch = "aarch64", target_endian = "little"),
        all(target_family = "wasm", target_feature = "simd128")
    ))
))]
mod portable;
mod quantised;
mod simd;
mod tiles;

#[cfg_attr(target_arch = "x86_64", path = "x86.rs")]
#[cfg_attr(
    all(target_arch = "aarch64", target_endian = "little"),
    path = "neon.rs"
)]
#[cfg_attr(
    all(target_family = "wasm", target_feature = "simd128"),
    path = "wasm.rs"
)]
#[cfg_attr(
    not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little"),
        all(target_family = "wasm", target_feature = "simd128")
    )),
    path = "other.rs"
)]
mod arch;

#[cfg_attr(
    not(all(target_family = "wasm", feature = "browser")),
    path = "no_relaxed.rs"
)]
mod relaxed;

pub use arch::Isa;
pub use attention::Attention;
pub use matmul::{After, MatMul, Matrix};
pub use memory::Buffer;
pub use norm::LayerNorm;
pub use quantised::{Layout, Quantise, QuantisedMatMul, QuantisedMatrix, QuantisedRows};

/// Whether WebAssembly's relaxed instructions are used.
pub fn is_relaxed() -> bool {
    relaxed::Relaxed::detect().is_some()
}

#[cfg(test)]
mod tests;
