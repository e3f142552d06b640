//! Weights: `model.safetensors` in f32, f16, bf16 or 8 bits, tensor by tensor.
//!
//! A converted file (see [`super::convert`]) names the original in its metadata. A matrix of 8 bits is stored as I8 with one f32 scale per row beside it, under the same name with `.scale`
//! appended.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::Error;
use super::config::BertConfig;
use super::convert::Precision;

/// Metadata key of a converted file: SHA-256 of the original in hexadecimal.
pub(super) const SOURCE: &str = "gossamer.source.sha256";

/// A parsed weights file; tensors are converted one at a time, so that at most one copy is in flight.
pub struct Weights<'a> {
    file: SafeTensors<'a>,
    prefix: &'static str,
    source: Option<[u8; 32]>,
}

/// A matrix as it is stored.
pub enum Stored {
    /// In f32, or in another float format that was widened.
    F32(Vec<f32>),
    /// In f16.
    F16(Vec<half::f16>),
    /// In 8 bits with a scale per row.
    I8(Vec<i8>, Vec<f32>),
}

impl Stored {
    /// As f32; 8 bits multiplied by their scales.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            Self::F16(values) => values.iter().map(|v| v.to_f32()).collect(),
            Self::I8(values, scales) => {
                let width = values.len() / scales.len().max(1);
                let rows = values.chunks_exact(width.max(1)).zip(&scales);
                rows.flat_map(|(row, scale)| row.iter().map(move |&v| f32::from(v) * scale))
                    .collect()
            }
        }
    }
}

impl<'a> Weights<'a> {
    /// Reads the header and checks that every tensor lies inside the file.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
        // Exports differ only in whether the encoder is nested under "bert.".
        let nested = file
            .tensor("bert.embeddings.word_embeddings.weight")
            .is_ok();
        let prefix = if nested { "bert." } else { "" };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
        let source = match header.metadata().as_ref().and_then(|m| m.get(SOURCE)) {
            Some(text) => {
                Some(unhex(text).ok_or_else(|| damaged(format!("{SOURCE} is {text:?}")))?)
            }
            None => None,
        };
        Ok(Self {
            file,
            prefix,
            source,
        })
    }

    /// The hash of the file that this one was converted from.
    pub fn source(&self) -> Option<[u8; 32]> {
        self.source
    }

    /// The precision of the matrices.
    pub fn precision(&self) -> Precision {
        let name = format!("{}embeddings.word_embeddings.weight", self.prefix);
        match self.file.tensor(&name).map(|t| t.dtype()) {
            Ok(Dtype::F16) => Precision::F16,
            Ok(Dtype::I8) => Precision::Int8,
            _ => Precision::F32,
        }
    }

    /// A tensor of floats as f32.
    pub(super) fn floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, Error> {
        Ok(Self::float(name, view)?.into_f32())
    }

    fn float(name: &str, view: &TensorView<'_>) -> Result<Stored, Error> {
        let data = view.data();
        let pairs = data.chunks_exact(2).map(|b| [b[0], b[1]]);
        Ok(match view.dtype() {
            Dtype::F32 => Stored::F32(f32s(data)),
            Dtype::F16 => Stored::F16(pairs.map(half::f16::from_le_bytes).collect()),
            Dtype::BF16 => Stored::F32(
                pairs
                    .map(|b| half::bf16::from_le_bytes(b).to_f32())
                    .collect(),
            ),
            other => {
                return Err(Error::Unsupported(format!(
                    "{name} is stored as {other:?}; f32, f16, bf16 and 8 bits are implemented"
                )));
            }
        })
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<TensorView<'a>, Error> {
        let name = format!("{}{name}", self.prefix);
        let view = self
            .file
            .tensor(&name)
            .map_err(|e| damaged(format!("{name}: {e}")))?;
        if view.shape() != shape {
            return Err(damaged(format!(
                "{name} has shape {:?}, config.json asks for {shape:?}",
                view.shape()
            )));
        }
        Ok(view)
    }

    /// Values of a tensor as f32, with its shape checked; of 8 bits, multiplied by their scales.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        Ok(self.stored(name, shape)?.into_f32())
    }

    /// Position embeddings with the row of token type 0 added: every text here is a single segment.
    pub fn positions(&self, config: &BertConfig) -> Result<Vec<f32>, Error> {
        let hidden = config.hidden_size;
        let mut positions = self.values(
            "embeddings.position_embeddings.weight",
            &[config.max_position_embeddings, hidden],
        )?;
        let types = self.values("embeddings.token_type_embeddings.weight", &[2, hidden])?;
        for row in positions.chunks_exact_mut(hidden) {
            for (value, kind) in row.iter_mut().zip(&types) {
                *value += kind;
            }
        }
        Ok(positions)
    }

    /// A tensor as it is stored, with its shape checked; no value of it is infinite or not a number.
    pub fn stored(&self, name: &str, shape: &[usize]) -> Result<Stored, Error> {
        let view = self.tensor(name, shape)?;
        let stored = if view.dtype() == Dtype::I8 {
            let rows = shape.first().copied().unwrap_or(0);
            let scales = self.tensor(&format!("{name}.scale"), &[rows])?;
            if scales.dtype() != Dtype::F32 {
                return Err(damaged(format!("{name}.scale is not f32")));
            }
            let values = view.data().iter().map(|&b| b as i8).collect();
            Stored::I8(values, f32s(scales.data()))
        } else {
            Self::float(name, &view)?
        };
        let finite = match &stored {
            Stored::F32(values) | Stored::I8(_, values) => values.iter().all(|v| v.is_finite()),
            Stored::F16(values) => values.iter().all(|v| v.is_finite()),
        };
        if !finite {
            return Err(damaged(format!("{name} holds values that are not finite")));
        }
        Ok(stored)
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

fn damaged(why: String) -> Error {
    Error::Damaged {
        file: "model.safetensors".into(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_file_is_refused() {
        assert!(matches!(
            Weights::parse(b"\x08\0\0\0\0\0\0\0{}"),
            Err(Error::Damaged { .. })
        ));
        assert!(matches!(Weights::parse(b""), Err(Error::Damaged { .. })));
    }
}
