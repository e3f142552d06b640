//! What can go wrong with a store.

/// An error of the storage layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system or browser refused.
    #[error("storage failed while {doing}: {why}")]
    Io {
        /// The operation.
        doing: String,
        /// The platform's own words.
        why: String,
    },
    /// No space is left.
    #[error(
        "storage is full: free some space or remove documents; everything committed is still there"
    )]
    QuotaExceeded,
    /// The connection to the store was lost and could not be reopened.
    #[error("storage was lost: {0}; reload and open the index again")]
    Lost(String),
    /// Somebody else is writing, or wrote while this writer slept.
    #[error(
        "{owner} is writing to this index: let it finish or close it, then open the index again"
    )]
    Locked {
        /// Who, as far as it is known.
        owner: String,
    },
}
