//! What runs once, when the module starts.
//!
//! `unsafe` is here for one call. Measured need: a crate below Burn's shader compiler registers thousands of things in
//! constructors, and a linker that sees nobody call these has every export do it first, those that wasm-bindgen
//! calls for each value that crosses included. That was more than half of an embedding's time with 8-bit weights.
//! Naming them takes that away; the one call is then ours. The linker means it so, for programs whose every export is run
//! once (<https://github.com/WebAssembly/wasi-libc/pull/328> has the same remedy): this can go when nothing linked has
//! constructors, of which `scripts/assemble-web.mjs` tells.
#![allow(unsafe_code)]

use wasm_bindgen::prelude::wasm_bindgen;

unsafe extern "C" {
    /// The constructors of all crates, from the linker.
    fn __wasm_call_ctors();
}

/// Runs the constructors, and shows panics in the console instead of a bare `unreachable`.
#[wasm_bindgen(start)]
pub fn start() {
    // SAFETY: takes and returns nothing; runs once, before anything else of this module.
    unsafe { __wasm_call_ctors() };
    console_error_panic_hook::set_once();
}
