//! What can go wrong with codes.

/// An error of the codec layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not what they claim to be.
    #[error("{what} is damaged: {why}; restore it from its source")]
    Damaged {
        /// Which structure.
        what: &'static str,
        /// What does not fit.
        why: &'static str,
    },
    /// Written by a newer version.
    #[error("{what} has format {found}, this build reads up to {known}: update the program")]
    Version {
        /// Which structure.
        what: &'static str,
        /// The format found.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// A vector or a buffer has the wrong length.
    #[error(
        "{what}: {found} values where {expected} are needed (whole vectors of the model's dimension)"
    )]
    Shape {
        /// Which argument.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What is needed, or what it must be a multiple of.
        expected: usize,
    },
    /// A vector has a NaN or an infinity.
    #[error(
        "vector {index} has a value that is not finite: the embedder is broken, nothing was stored"
    )]
    NotFinite {
        /// Its position in the call.
        index: usize,
    },
    /// Training was given too little.
    #[error("training needs at least {needed} vectors, {found} were given")]
    TooFew {
        /// How many were given.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// The codec of the default model is asked for in a build that cannot run it.
    #[error(
        "this build has no codec for all-MiniLM-L6-v2: use the build with the encoder, or give the codec's file"
    )]
    NotBundled,
}

/// Checks one vector.
pub(super) fn check(vector: &[f32], dim: usize, index: usize) -> Result<(), Error> {
    if vector.len() != dim {
        return Err(Error::Shape {
            what: "vector",
            found: vector.len(),
            expected: dim,
        });
    }
    if vector.iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(Error::NotFinite { index })
    }
}
