//! Smaller weights: the same model in f16 or in 8 bits, in a file that remembers which one it came from.
//!
//! Layout: `docs/format.md`, "Converted weights". An index made with the original takes a converted file for the
//! same model, because its metadata holds the original's hash.

use std::collections::HashMap;

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use sha2::{Digest, Sha256};

use super::Error;
use super::weights::{SOURCE, Weights, hex};

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats, or other floats that are widened to that.
    F32,
    /// 16-bit floats: half the bytes.
    F16,
    /// 8-bit integers with one scale per row of each matrix: a quarter of the bytes.
    Int8,
}

/// One tensor on its way into the file.
struct Converted {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

/// Makes a smaller weights file. What the encoder does not use (the pooler, position numbers) is left out.
///
/// 8 bits: every matrix `w` becomes `round(w / s)` with `s = max |row| / 127` per row; vectors stay f32.
///
/// # Errors
/// Damaged weights; weights that are converted already; [`Precision::F32`], which would only grow the file.
pub fn convert(weights: &[u8], precision: Precision) -> Result<Vec<u8>, Error> {
    if precision == Precision::F32 {
        return Err(Error::Unsupported("conversion is to f16 or int8".into()));
    }
    let file = Weights::parse(&weights)?;
    if file.source().is_some() {
        return Err(Error::Unsupported(
            "these weights are converted already: start from the original".into(),
        ));
    }
    let mut tensors = Vec::new();
    for (name, shape) in file.of_floats() {
        if name.contains("pooler.") {
            continue;
        }
        let values = file.floats(&name)?;
        if precision == Precision::F16 {
            tensors.push(halves(name, shape, &values)?);
        } else if let [rows, width] = shape[..] {
            tensors.extend(rounded(name, rows, width, &values));
        } else {
            tensors.push(Converted {
                name,
                dtype: Dtype::F32,
                shape,
                data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            });
        }
    }
    let metadata = HashMap::from([(SOURCE.to_owned(), hex(&Sha256::digest(weights)))]);
    let damaged = |e: safetensors::SafeTensorError| Error::Damaged {
        file: "model.safetensors".into(),
        why: e.to_string(),
    };
    let views = tensors
        .iter()
        .map(|t| {
            let view = TensorView::new(t.dtype, t.shape.clone(), &t.data);
            view.map(|view| (t.name.clone(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(damaged)?;
    serialize(views, Some(metadata)).map_err(damaged)
}

fn halves(name: String, shape: Vec<usize>, values: &[f32]) -> Result<Converted, Error> {
    let narrow: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
    if narrow.iter().any(|v| !v.is_finite()) {
        return Err(Error::Unsupported(format!("{name} does not fit into f16")));
    }
    Ok(Converted {
        name,
        dtype: Dtype::F16,
        shape,
        data: narrow.iter().flat_map(|v| v.to_le_bytes()).collect(),
    })
}

fn rounded(name: String, rows: usize, width: usize, values: &[f32]) -> [Converted; 2] {
    let mut data = Vec::with_capacity(rows * width);
    let mut scales = Vec::with_capacity(rows * 4);
    for row in values.chunks_exact(width) {
        let most = row.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let scale = most / 127.0;
        data.extend(row.iter().map(|v| (v / scale).round() as i8 as u8));
        scales.extend(scale.to_le_bytes());
    }
    [
        Converted {
            name: format!("{name}.scale"),
            dtype: Dtype::F32,
            shape: vec![rows],
            data: scales,
        },
        Converted {
            name,
            dtype: Dtype::I8,
            shape: vec![rows, width],
            data,
        },
    ]
}
