//! The embedding model: the [`Embedder`] seam, and (feature `encoder`) BERT behind it, on our own CPU kernels and
//! (feature `gpu`) in Burn.

mod error;

pub mod calibration;
#[cfg(feature = "encoder")]
pub mod config;
#[cfg(feature = "encoder")]
pub mod convert;
#[cfg(feature = "encoder")]
mod cpu;
#[cfg(feature = "encoder")]
pub mod device;
#[cfg(feature = "encoder")]
mod encoder;
#[cfg(feature = "cli")]
pub mod fetch;
#[cfg(feature = "encoder")]
#[cfg_attr(not(feature = "gpu"), path = "no_gpu.rs")]
mod gpu;
#[cfg(feature = "encoder")]
mod kernels;
pub mod pinned;
#[cfg(feature = "encoder")]
pub mod received;
#[cfg(feature = "encoder")]
mod recent;
#[cfg(feature = "encoder")]
pub mod selftest;
#[cfg(feature = "encoder")]
pub mod source;
#[cfg(feature = "encoder")]
pub mod tokenizer;
#[cfg(feature = "encoder")]
pub mod values;
#[cfg(feature = "encoder")]
pub(crate) mod weights;
#[cfg(feature = "encoder")]
mod wordpiece;

#[cfg(feature = "encoder")]
pub use encoder::{Encoder, ModelFiles};
pub use error::Error;

/// Names a model so that an index built with one is never searched with another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ModelId {
    /// Human name, for instance `sentence-transformers/all-MiniLM-L6-v2`.
    pub name: String,
    /// SHA-256 of the weights file (for a custom embedder: of whatever identifies it).
    pub sha256: [u8; 32],
}

/// A row-major batch of embeddings, `rows x dim`, each row of unit length.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// Components per row.
    pub dim: usize,
    /// `rows * dim` values.
    pub values: Vec<f32>,
}

impl Embeddings {
    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim.max(1))
    }
}

/// What a text is, for models that treat questions and passages differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A question that is searched for.
    Query,
    /// A passage that is indexed.
    Passage,
}

/// Turns texts into unit-length embeddings. The only expensive thing Gossamer does.
///
/// Asynchronous because a GPU in a browser can only be awaited; native implementations are ready at once.
#[allow(async_fn_in_trait)]
pub trait Embedder {
    /// Which model this is; stored in every index.
    fn id(&self) -> &ModelId;
    /// Components per embedding.
    fn dim(&self) -> usize;
    /// Embeds every text, in order, as one logical batch. Every token must be seen: a text longer than the
    /// model takes is an error, not a silent cut.
    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error>;
    /// What it was measured to need, if it was: a deadline is kept by that until searches have seen more.
    fn timing(&self) -> Option<calibration::Timing> {
        None
    }
}
