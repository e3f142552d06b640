//! Reading NumPy arrays, for the examples.

use std::error::Error;

/// A two-dimensional little-endian f16 or f32 array.
pub fn read_npy(bytes: &[u8]) -> Result<(usize, Vec<f32>), Box<dyn Error>> {
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
