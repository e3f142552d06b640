//! The search state machine: it asks for embeddings, is given scores, and does no I/O.
