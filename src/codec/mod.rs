//! Short codes for embeddings: training, encoding, asymmetric scores.
//!
//! A code stands for an embedding that is not kept: it guides the walk and says which few chunks are
//! worth embedding again. What a code holds is a *residual*: the embedding less the **base** of its run,
//! where a run is a stretch of consecutive chunks (of one document, mostly) and its base their mean,
//! itself stored once as a code. Neighbouring chunks speak of one thing, so the residual carries about
//! half of the variance of the whole vector, and the base costs under a byte per chunk.
//!
//! | type | is |
//! | --- | --- |
//! | [`Codec`] | the trained parameters; belongs to the model, shipped as one file |
//! | [`Frame`] | the centre and the variances of one index, a few hundred bytes |
//! | [`Coder`] | a codec set up for a frame: encodes, decodes, makes scorers |
//! | [`Codes`] | the codes and bases of one segment |
//! | [`Scorer`] | one query, ready to score codes |

mod bundled;
mod coder;
mod codes;
mod error;
mod file;
mod frame;
mod linear;
mod plan;
mod prior;
mod scorer;
pub mod train;
mod trellis;

pub use coder::Coder;
pub use codes::Codes;
pub use error::Error;
pub use file::Codec;
pub use frame::Frame;
pub use prior::Prior;
pub use scorer::Scorer;
