//! Short codes for embeddings: training, encoding, asymmetric scores.
