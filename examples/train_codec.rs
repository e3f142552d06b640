//! Trains a codec from embeddings and writes its file.
//!
//!     train_codec OUT CODE_BYTES VECTORS.f16.npy DOCUMENTS.txt [VECTORS DOCUMENTS ...]
//!
//! `DOCUMENTS.txt` has one line per vector: the document it belongs to; an empty line leaves the vector out.

use std::error::Error;

use gossamer::codec::train::{Options, train};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [out, code_bytes, inputs @ ..] = args.as_slice() else {
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
    let options = Options {
        code_bytes: code_bytes.parse()?,
        ..Options::default()
    };
    let codec = train(&vectors, dim, &lengths, &options)?;
    std::fs::write(out, codec.to_bytes())?;
    println!(
        "{out}: {} bytes, {} per code, seed {}",
        codec.to_bytes().len(),
        codec.code_bytes(),
        options.seed
    );
    Ok(())
}

/// A two-dimensional little-endian f16 or f32 array.
fn read_npy(bytes: &[u8]) -> Result<(usize, Vec<f32>), Box<dyn Error>> {
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length])?;
    let body = &bytes[10 + length..];
    let shape = header
        .split("'shape': (")
        .nth(1)
        .and_then(|s| s.split(')').next())
        .ok_or("no shape")?;
    let columns: usize = shape
        .split(',')
        .nth(1)
        .ok_or("not a matrix")?
        .trim()
        .parse()?;
    let rows = if header.contains("<f2") {
        body.chunks_exact(2)
            .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect()
    } else if header.contains("<f4") {
        body.chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()
    } else {
        return Err("neither f16 nor f32".into());
    };
    Ok((columns, rows))
}
