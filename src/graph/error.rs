//! What can go wrong with a graph.

/// An error of the graph layer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The progress callback asked to stop.
    #[error("building the graph was cancelled")]
    Cancelled,
    /// The stored bytes are not a graph of this version, or were changed since.
    #[error("the stored graph is damaged: {0}; rebuild it from the codes")]
    Damaged(&'static str),
    /// The graph and the space it is used with do not have the same nodes.
    #[error("the graph has {graph} nodes, the space {space}: they do not belong together")]
    Mismatch {
        /// Nodes of the graph.
        graph: usize,
        /// Nodes of the space.
        space: usize,
    },
    /// More nodes than ids.
    #[error("{0} nodes are too many for one graph: split them over several segments")]
    TooMany(usize),
}
