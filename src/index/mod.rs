//! Segments, manifest, writer and reader: documents in, hits out.
