//! What is kept once per document: id, title, metadata, hash of the content.
//!
//! Page: bytes of the columns, then the columns deflated (or as they are, if that is no longer): all ids, all
//! titles, all metadata, each with its length before it; then the hashes, eight bytes each, not deflated.

use sha2::{Digest, Sha256};

use super::Document;
use crate::text::blocks::{deflate, inflate};
use crate::wire::{Malformed, Reader, put_varint};

/// First bytes of the SHA-256 of a document's content: tells whether it changed. It is compared with the
/// hash of the same id only, so 64 bits suffice.
pub(crate) type Hash = [u8; 8];

/// What is kept of a document besides its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub id: String,
    pub title: String,
    pub metadata: String,
    pub hash: Hash,
}

impl Entry {
    pub(crate) fn of(document: &Document) -> Self {
        Self {
            id: document.id.clone(),
            title: document.title.clone(),
            metadata: document.metadata.clone(),
            hash: hash(document),
        }
    }

    /// Whether `text` is the one it was made from.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        hash_of(&self.title, &self.metadata, text) == self.hash
    }

    /// Bytes it adds to a page before compression.
    pub(crate) fn bytes(&self) -> usize {
        self.id.len() + self.title.len() + self.metadata.len() + 11
    }
}

/// Hash of everything of a document but its id.
pub(crate) fn hash(document: &Document) -> Hash {
    hash_of(&document.title, &document.metadata, &document.text)
}

fn hash_of(title: &str, metadata: &str, text: &str) -> Hash {
    let mut sha = Sha256::new();
    for part in [title, metadata, text] {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part.as_bytes());
    }
    let digest: [u8; 32] = sha.finalize().into();
    std::array::from_fn(|i| digest[i])
}

/// Encodes a page.
pub(crate) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut columns = Vec::new();
    let parts: [fn(&Entry) -> &String; 3] = [|e| &e.id, |e| &e.title, |e| &e.metadata];
    for part in parts {
        for entry in entries {
            put_varint(&mut columns, part(entry).len() as u64);
            columns.extend(part(entry).as_bytes());
        }
    }
    let deflated = deflate(&columns);
    let stored = if deflated.len() < columns.len() {
        &deflated
    } else {
        &columns
    };
    let mut out = Vec::new();
    put_varint(&mut out, columns.len() as u64);
    put_varint(&mut out, stored.len() as u64);
    out.extend(stored);
    entries.iter().for_each(|e| out.extend(e.hash));
    out
}

/// Decodes a page of as many documents as the manifest says.
pub(crate) fn decode(page: &[u8], documents: u32) -> Result<Vec<Entry>, Malformed> {
    let mut reader = Reader::new(page);
    let len = usize::try_from(reader.varint()?).map_err(|_| Malformed)?;
    let stored = reader.count(1)?;
    let stored = reader.bytes(stored)?;
    let hashes = reader.rest();
    if hashes.len() as u64 != u64::from(documents) * 8 {
        return Err(Malformed);
    }
    let inflated;
    let columns = if len == stored.len() {
        stored
    } else {
        inflated = inflate(stored, len).map_err(|_| Malformed)?;
        &inflated
    };
    let mut reader = Reader::new(columns);
    let mut column = || {
        let texts = (0..documents).map(|_| reader.text().map(str::to_owned));
        texts.collect::<Result<Vec<String>, Malformed>>()
    };
    let (ids, titles, metadata) = (column()?, column()?, column()?);
    reader.end()?;
    let entries = ids
        .into_iter()
        .zip(titles)
        .zip(metadata)
        .zip(hashes.chunks_exact(8));
    Ok(entries
        .map(|(((id, title), metadata), hash)| Entry {
            id,
            title,
            metadata,
            hash: std::array::from_fn(|i| hash[i]),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_back_and_damage_does_not_panic(
            texts in prop::collection::vec((".{0,30}", ".{0,10}", ".{0,20}", any::<Hash>()), 0..30), at: u16, to: u8
        ) {
            let entries: Vec<Entry> = texts
                .into_iter()
                .map(|(id, title, metadata, hash)| Entry { id, title, metadata, hash })
                .collect();
            let mut page = encode(&entries);
            prop_assert_eq!(decode(&page, entries.len() as u32), Ok(entries.clone()));
            let at = usize::from(at) % page.len();
            page[at] = to;
            let _ = decode(&page, entries.len() as u32);
        }
    }

    #[test]
    fn the_hash_tells_parts_apart() {
        let document = |title: &str, text: &str| Document {
            title: title.into(),
            text: text.into(),
            ..Document::default()
        };
        assert_ne!(hash(&document("ab", "c")), hash(&document("a", "bc")));
        assert_eq!(hash(&document("a", "b")), hash(&document("a", "b")));
    }
}
