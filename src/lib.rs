//! Gossamer: private semantic search whose index keeps no embeddings.
//!
//! Documents become chunks, chunks become short codes and a pruned proximity graph, and the embeddings
//! are dropped. A query walks the codes, recomputes the few embeddings that can still change the answer,
//! and ranks those exactly (after LEANN, arXiv 2506.08276). The layers, each knowing only those before it:
//!
//! | module | holds |
//! | --- | --- |
//! | [`text`] | chunking with exact offsets, block-compressed text |
//! | [`model`] | the [`model::Embedder`] seam; tokenizer and BERT, on our own kernels on the CPU, in Burn on a GPU |
//! | [`codec`] | short codes and their asymmetric scores |
//! | [`graph`] | building, pruning, compressing and walking the proximity graph |
//! | [`search`] | the search state machine: asks for embeddings, is given scores; no I/O |
//! | [`store`] | the [`store::Store`] seam: named blocks and one atomic manifest |
//! | [`index`] | segments, manifest, writer, reader |
//! | `eval` | (feature `eval`) recall, work and bytes of an index on given data |
//! | `extract` | (feature `extract`) text and sections out of documents |
// Allowed in one module per instruction set, `model::kernels::arch`.
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod codec;
#[cfg(feature = "eval")]
pub mod eval;
#[cfg(feature = "extract")]
pub mod extract;
pub mod graph;
pub mod index;
pub mod model;
pub mod search;
pub mod store;
pub mod text;
#[cfg(all(target_family = "wasm", feature = "browser"))]
pub mod web;
mod wire;
