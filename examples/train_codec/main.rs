//! Trains a codec from embeddings and writes its file.
//!
//!     train_codec OUT SEED VECTORS.f16.npy DOCUMENTS.txt [VECTORS DOCUMENTS ...]
//!
//! `DOCUMENTS.txt` has one line per vector: the document it belongs to; an empty line leaves the vector out.

use std::error::Error;

#[path = "../support/npy.rs"]
mod npy;
use npy::read_npy;

use gossamer::codec::train::train;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [out, seed, inputs @ ..] = args.as_slice() else {
        return Err("usage: see the source".into());
    };
    let (mut vectors, mut lengths, mut dim) = (Vec::new(), Vec::new(), 0);
    for pair in inputs.chunks(2) {
        let [npy, documents] = pair else {
            return Err("vectors and documents come in pairs".into());
        };
        let (columns, rows) = read_npy(&std::fs::read(npy)?)?;
        dim = columns;
        let documents = std::fs::read_to_string(documents)?;
        let mut last = "";
        for (row, document) in rows.chunks_exact(columns).zip(documents.lines()) {
            if !document.is_empty() {
                vectors.extend_from_slice(row);
                match lengths.last_mut() {
                    Some(length) if document == last => *length += 1,
                    _ => lengths.push(1),
                }
            }
            last = document;
        }
    }
    println!(
        "{} vectors in {} documents",
        vectors.len() / dim.max(1),
        lengths.len()
    );
    let codec = train(&vectors, dim, &lengths, Some(seed.parse()?))?;
    std::fs::write(out, codec.to_bytes())?;
    println!("{out}: {} bytes, seed {seed}", codec.to_bytes().len());
    Ok(())
}
