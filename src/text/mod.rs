//! Text: chunking with exact offsets, and block-compressed storage.
