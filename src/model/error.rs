//! What can go wrong with a model or a device.

/// An error of the model layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model file is absent.
    #[error("model file {0} is missing: run `gossamer model fetch`")]
    Missing(String),
    /// A model file is not what it should be.
    #[error(
        "model file {file} is damaged or of another model: {why}; delete it and run `gossamer model fetch`"
    )]
    Damaged {
        /// The file's name.
        file: String,
        /// What does not fit.
        why: String,
    },
    /// The architecture or an option of it is not implemented.
    #[error("this model is not supported: {0}")]
    Unsupported(String),
    /// A text has more tokens than the model takes.
    #[error("text {index} has {tokens} tokens, the model takes {limit}: chunk it first")]
    TooLong {
        /// Position in the batch.
        index: usize,
        /// Tokens with the special ones.
        tokens: usize,
        /// The model's limit.
        limit: usize,
    },
    /// No usable device, or the device failed.
    #[error("device {device}: {why}")]
    Device {
        /// Which one.
        device: String,
        /// What happened.
        why: String,
    },
    /// A caller's own embedder failed or returned wrong shapes.
    #[error("the embedder failed: {0}")]
    Embedder(String),
}
