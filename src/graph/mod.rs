//! The pruned proximity graph: build, prune, compress, walk.
