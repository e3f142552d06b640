//! The pruned proximity graph: build, prune, compress, walk.
//!
//! One level, as the LEANN authors' own logs advise: nodes are inserted as in HNSW (Malkov and Yashunin,
//! arXiv 1603.09320, algorithms 1, 2 and 4), with a small cap on the edges a node chooses and a larger one on
//! those it receives. The builder sees nodes only through [`Space`], so that codes are enough. Edges are
//! undirected, which halves what is stored: a list holds only the larger ids ([`Graph::to_bytes`]).
//!
//! A [`Draft`] is the graph that can change; a [`Graph`] is the compressed one that is stored and walked.
//! A node is *present* if it has edges or is an entry point; every present node can be reached from every
//! entry point. A removed node keeps its id, without edges, until [`Draft::renumber`].

mod build;
mod codes;
mod compact;
mod draft;
mod error;
mod lists;
mod prune;
mod range;
mod repair;
mod rng;
mod space;
mod walk;
mod wire;

#[cfg(not(target_family = "wasm"))]
#[path = "threads.rs"]
mod threads;
#[cfg(target_family = "wasm")]
#[path = "single.rs"]
mod threads;

pub use build::{Hubs, Params, build};
pub use codes::CodeSpace;
pub use compact::Graph;
pub use draft::Draft;
pub use error::Error;
#[cfg(feature = "eval")]
pub(crate) use space::dot;
pub use space::{Space, Vectors};
pub use walk::{Candidate, Ending, Scratch};

#[cfg(test)]
mod tests;
