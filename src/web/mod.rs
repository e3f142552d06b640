//! The thin wasm-bindgen face: plain objects in, plain objects out, errors with a `code`.
//!
//! ```js
//! const engine = await Engine.open("notes");               // what is stored, without a model
//! await engine.load(modelFiles, "auto");                   // { backend, selfTest, ... }
//! await engine.add([{ id, title, text }], onProgress);     // committed when it resolves
//! const { hits } = await engine.search("what do bees want?", { k: 5 });
//! ```
//!
//! Calls that write must not overlap (the worker queues them); searches may run between the batches of an `add`.
//! Feature `browser` alone has no `load`: the application brings its own embedder (`attach`).

mod callback;
mod documents;
#[cfg(feature = "encoder")]
mod encoder;
mod engine;
mod error;
mod fields;
mod headings;
mod model;
#[cfg(not(feature = "encoder"))]
mod no_encoder;
mod own;
mod remote;
mod reporting;
mod search;
mod shapes;
mod start;
mod storage;
mod tabs;
mod transfer;
mod upkeep;
#[cfg(feature = "encoder")]
mod weights;

pub use engine::Engine;

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the library.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
