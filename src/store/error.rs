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
    /// A host on the network could not be reached, or was too busy.
    #[error("{url} could not be read: {why}; try again later")]
    Network {
        /// What was fetched.
        url: String,
        /// The browser's or the host's own words.
        why: String,
    },
    /// A host sends whole files only.
    #[error(
        "the host of {url} ignores requests for a part of a file: put the index on a host that answers them (HTTP range requests), or fetch the file and import it"
    )]
    NoRanges {
        /// What was fetched.
        url: String,
    },
    /// The store can only be read.
    #[error("this index can only be read where it is: import it to change it")]
    ReadOnly,
    /// Somebody else is writing, or wrote while this writer slept.
    #[error(
        "{owner} is writing to this index: let it finish or close it, then open the index again"
    )]
    Locked {
        /// Who, as far as it is known.
        owner: String,
    },
}
