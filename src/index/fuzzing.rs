//! Doors to the private decoders, for the fuzz targets in `fuzz/`. Each must return, whatever the bytes.

use super::manifest::Manifest;
use super::table::Table;
use super::{documents, table};

/// A manifest with a right checksum.
pub fn manifest(bytes: &[u8]) {
    let mut whole = b"GOSSAMER\x01\0\0\0".to_vec();
    whole.extend_from_slice(bytes);
    whole.extend(crc32fast::hash(&whole).to_le_bytes());
    if let Ok(manifest) = Manifest::decode(&whole) {
        assert!(manifest.blocks().count() <= bytes.len());
        assert!(
            manifest
                .segments
                .iter()
                .all(|s| s.removed().all(|document| document < s.documents))
        );
    }
}

/// A page of the chunk table; the first bytes are the counts of the manifest.
pub fn chunk_table(bytes: &[u8]) {
    let Some(([d, c0, c1, b0, b1], page)) = bytes.split_first_chunk() else {
        return;
    };
    let (chunks, text) = (
        u16::from_le_bytes([*c0, *c1]),
        u16::from_le_bytes([*b0, *b1]),
    );
    let mut into = Table::new();
    if table::decode(
        page,
        u32::from(*d),
        u32::from(chunks),
        u64::from(text),
        &mut into,
    )
    .is_ok()
    {
        assert_eq!(
            (into.documents(), into.text_bytes()),
            (usize::from(*d), u64::from(text))
        );
        for document in 0..u32::from(*d) {
            let text = into.text_of(document);
            for chunk in into.chunks_of(document) {
                let range = into.range_of(chunk);
                assert!(range.start < range.end && u64::from(range.end) <= text.end - text.start);
            }
        }
    }
}

/// A page of documents; the first byte is the count of the manifest.
pub fn documents(bytes: &[u8]) {
    let Some((count, page)) = bytes.split_first() else {
        return;
    };
    if let Ok(entries) = documents::decode(page, u32::from(*count)) {
        assert_eq!(entries.len(), usize::from(*count));
    }
}
