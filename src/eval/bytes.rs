//! What an index takes, by the encoders it uses.

use super::Error;
use super::files::Data;
use crate::index::{Document, chunk_table_bytes, document_bytes};

/// Persisted bytes by part; the text itself is not one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Bytes {
    /// Codes and the bases of their runs.
    pub codes: usize,
    /// The graph.
    pub graph: usize,
    /// The chunk table.
    pub chunks: usize,
    /// Ids, titles and hashes of the documents.
    pub documents: usize,
    /// What the codec keeps per index: its frame.
    pub codebooks: usize,
    /// All of it.
    pub total: usize,
}

/// Chunks per document where documents are not given.
const USUAL_CHUNKS: usize = 32;
/// Bytes per chunk where texts are not given.
const USUAL_LENGTH: u64 = 800;

/// Lengths of the documents in passages.
pub(super) fn lengths(data: &Data) -> Vec<usize> {
    match &data.documents {
        Some(all) => all.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).collect(),
        None => {
            let n = data.len();
            let whole = std::iter::repeat_n(USUAL_CHUNKS, n / USUAL_CHUNKS);
            whole
                .chain(Some(n % USUAL_CHUNKS).filter(|&rest| rest > 0))
                .collect()
        }
    }
}

/// Bytes of the chunk table and of the documents, and whether they had to be estimated.
pub(super) fn side(data: &Data, text_bytes: Option<u64>) -> Result<(usize, usize, bool), Error> {
    let n = data.len() as u64;
    let mean = text_bytes.map_or(USUAL_LENGTH, |bytes| bytes / n.max(1));
    let mut estimated = false;
    let (mut at, mut tables, mut documents) = (0, Vec::new(), Vec::new());
    for (number, length) in lengths(data).into_iter().enumerate() {
        let mut name = None;
        let chunks: Vec<u32> = (at..at + length)
            .map(|passage| {
                let known = data.documents.as_ref().map(|all| &all[passage]);
                name = known.map(|(name, _)| name.clone());
                known.and_then(|known| known.1).unwrap_or_else(|| {
                    estimated = true;
                    // Lengths scattered evenly over half to one and a half of the mean.
                    let scatter = (passage as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                    (mean / 2 + ((mean * scatter) >> 32)) as u32
                })
            })
            .collect();
        at += length;
        tables.push(chunks);
        let title = name.unwrap_or_else(|| format!("Document number {number}"));
        documents.push(Document {
            id: number.to_string(),
            title,
            ..Document::default()
        });
    }
    Ok((
        chunk_table_bytes(&tables),
        document_bytes(&documents),
        estimated,
    ))
}
