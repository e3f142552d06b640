//! What a walk needs to know of a graph.

/// Adjacency by node.
pub(crate) trait Lists {
    /// Number of nodes.
    fn nodes(&self) -> usize;
    /// Calls `f` with every neighbour of `node`; none for an unknown node.
    fn each(&self, node: u32, f: impl FnMut(u32));
}
