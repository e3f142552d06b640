//! What can go wrong in a search.

/// An error of the search layer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An estimated or exact score is NaN or infinite.
    #[error("the score of chunk {id} is not finite: the query or the embedder is broken")]
    NotFinite {
        /// The chunk.
        id: u32,
    },
    /// Scores were fed that nobody asked for, or too few of them.
    #[error("{found} scores were fed where {expected} were asked for")]
    Unasked {
        /// How many were fed.
        found: usize,
        /// How many were asked for.
        expected: usize,
    },
    /// The target recall is not between 0 and 1.
    #[error("target recall {0} is not between 0 and 1")]
    Target(f32),
    /// An embedding has the wrong dimension.
    #[error("chunk {id} came with {found} values, the query has {expected}")]
    Dimension {
        /// The chunk.
        id: u32,
        /// Its values.
        found: usize,
        /// The query's values.
        expected: usize,
    },
    /// A filter makes no sense.
    #[error("invalid filter at {at}: {why}")]
    InvalidFilter {
        /// The place in the filter, for instance `$.year.gte`.
        at: String,
        /// What is wrong there.
        why: String,
    },
    /// An option of a search makes no sense.
    #[error("invalid option {option}: {why}")]
    InvalidOption {
        /// Its name.
        option: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// Whether scores are those of the chunks asked for: as many, and finite.
    pub(super) fn check(
        asked: impl ExactSizeIterator<Item = u32>,
        scores: &[f32],
    ) -> Result<(), Self> {
        if scores.len() != asked.len() {
            return Err(Self::Unasked {
                found: scores.len(),
                expected: asked.len(),
            });
        }
        let mut fed = asked.zip(scores);
        match fed.find(|(_, score)| !score.is_finite()) {
            Some((id, _)) => Err(Self::NotFinite { id }),
            None => Ok(()),
        }
    }
}
