//! Weights: `model.safetensors` in f32, f16, bf16 or 8 bits, tensor by tensor.
//!
//! A converted file (see [`super::convert`]) names the original in its metadata. A matrix of 8 bits is stored as I8 with
//! one f32 scale per row beside it, under the same name with `.scale` appended.

use std::ops::Range;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::Error;
use super::config::BertConfig;
use super::convert::Precision;
use super::source::Source;
use super::values::Values;

/// Metadata key of a converted file: SHA-256 of the original in hexadecimal.
pub(super) const SOURCE: &str = "gossamer.source.sha256";

/// Longest header that is read: MiniLM's has 10 kB.
const MOST_HEADER: u64 = 16 << 20;

/// The header of a weights file.
pub(super) struct Header {
    tensors: Metadata,
    /// Where the tensors begin.
    start: u64,
}

impl Header {
    /// Where the header of a file of `size` bytes ends that begins with `length`.
    pub(super) fn end(length: [u8; 8], size: u64) -> Result<u64, Error> {
        let length = u64::from_le_bytes(length);
        if length > MOST_HEADER || length > size.saturating_sub(8) {
            return Err(damaged(format!(
                "its header is said to have {length} bytes"
            )));
        }
        Ok(8 + length)
    }

    /// Reads the header, `head` with its length before it, and checks that the tensors fill the file's `size` bytes.
    pub(super) fn parse(head: &[u8], size: u64) -> Result<Self, Error> {
        let json = head.get(8..).unwrap_or_default();
        let tensors: Metadata = serde_json::from_slice(json).map_err(|e| damaged(e.to_string()))?;
        let start = head.len() as u64;
        if start + covered(&tensors)? != size {
            return Err(damaged("its size is not what its header says".into()));
        }
        Ok(Self { tensors, start })
    }

    /// Where each tensor lies in the file, in order, and its type. None of them is empty.
    pub(super) fn places(&self) -> Vec<(Range<u64>, Dtype)> {
        let place = |t: &TensorInfo| {
            let (from, to) = t.data_offsets;
            (self.start + from as u64..self.start + to as u64, t.dtype)
        };
        let mut all: Vec<_> = self.tensors.tensors().into_values().map(place).collect();
        all.retain(|(place, _)| !place.is_empty());
        all.sort_by_key(|(place, _)| place.start);
        all
    }
}

/// A weights file whose header was read; tensors are read one at a time, when they are asked for.
pub struct Weights<'a> {
    file: &'a dyn Source,
    header: Header,
    prefix: &'static str,
    source: Option<[u8; 32]>,
    last_time: bool,
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
    /// As f16, rounded.
    #[cfg(feature = "gpu")]
    pub fn into_f16(self) -> Vec<half::f16> {
        match self {
            Self::F16(values) => values,
            other => {
                let values = other.into_f32().into_iter();
                values.map(half::f16::from_f32).collect()
            }
        }
    }

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
    pub fn parse(file: &'a dyn Source) -> Result<Self, Error> {
        let mut length = [0; 8];
        file.read(0, &mut length).map_err(damaged)?;
        let mut head = vec![0; Header::end(length, file.size())? as usize];
        file.read(0, &mut head).map_err(damaged)?;
        let header = Header::parse(&head, file.size())?;
        // Exports differ only in whether the encoder is nested under "bert.".
        let nested = header
            .tensors
            .info("bert.embeddings.word_embeddings.weight");
        let prefix = if nested.is_some() { "bert." } else { "" };
        let source = match header
            .tensors
            .metadata()
            .as_ref()
            .and_then(|m| m.get(SOURCE))
        {
            Some(text) => {
                Some(unhex(text).ok_or_else(|| damaged(format!("{SOURCE} is {text:?}")))?)
            }
            None => None,
        };
        Ok(Self {
            file,
            header,
            prefix,
            source,
            last_time: false,
        })
    }

    /// The same; each tensor is asked for once more, and may be moved from where it is.
    pub fn for_the_last_time(self) -> Self {
        Self {
            last_time: true,
            ..self
        }
    }

    /// The hash of the file that this one was converted from.
    pub fn source(&self) -> Option<[u8; 32]> {
        self.source
    }

    /// The precision of the matrices.
    pub fn precision(&self) -> Precision {
        let name = format!("{}embeddings.word_embeddings.weight", self.prefix);
        match self.header.tensors.info(&name).map(|t| t.dtype) {
            Some(Dtype::F16) => Precision::F16,
            Some(Dtype::I8) => Precision::Int8,
            _ => Precision::F32,
        }
    }

    /// Names of all tensors of floats, with their shapes.
    pub(super) fn of_floats(&self) -> Vec<(String, Vec<usize>)> {
        let mut all: Vec<(String, Vec<usize>)> = self
            .header
            .tensors
            .tensors()
            .into_iter()
            .filter(|(_, t)| matches!(t.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16))
            .map(|(name, t)| (name, t.shape.clone()))
            .collect();
        all.sort();
        all
    }

    /// A tensor of floats by its whole name, as f32.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f32>, Error> {
        let info = self.header.tensors.info(name);
        let info = info.ok_or_else(|| damaged(format!("{name} is not there")))?;
        Ok(self.float(name, info)?.into_f32())
    }

    fn float(&self, name: &str, info: &TensorInfo) -> Result<Stored, Error> {
        Ok(match self.read(name, info)? {
            Values::F32(values) => Stored::F32(values),
            Values::F16(values) => Stored::F16(values),
            Values::BF16(values) => Stored::F32(values.iter().map(|v| v.to_f32()).collect()),
            Values::I8(_) => return Err(damaged(format!("{name} is not of floats"))),
        })
    }

    /// The values of a tensor, read to where they stay.
    fn read(&self, name: &str, info: &TensorInfo) -> Result<Values, Error> {
        let (from, to) = info.data_offsets;
        let at = self.header.start + from as u64;
        if self.last_time
            && let Some(values) = self.file.take(at)
        {
            return Ok(values);
        }
        let count = (to - from) * 8 / info.dtype.bitsize();
        let values = Values::zeroed(info.dtype, count);
        let mut values = values.ok_or_else(|| {
            Error::Unsupported(format!(
                "{name} is stored as {:?}; f32, f16, bf16 and 8 bits are implemented",
                info.dtype
            ))
        })?;
        self.file.read(at, values.bytes_mut()).map_err(damaged)?;
        Ok(values.native())
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo, Error> {
        let name = format!("{}{name}", self.prefix);
        let info = self.header.tensors.info(&name);
        let info = info.ok_or_else(|| damaged(format!("{name} is not there")))?;
        if info.shape != shape {
            return Err(damaged(format!(
                "{name} has shape {:?}, config.json asks for {shape:?}",
                info.shape
            )));
        }
        Ok(info)
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
        let info = self.tensor(name, shape)?;
        let stored = match self.read(name, info)? {
            Values::I8(values) => {
                let rows = shape.first().copied().unwrap_or(0);
                let scale = format!("{name}.scale");
                let scales = self.tensor(&scale, &[rows])?;
                if scales.dtype != Dtype::F32 {
                    return Err(damaged(format!("{scale} is not f32")));
                }
                Stored::I8(values, self.float(&scale, scales)?.into_f32())
            }
            Values::F32(values) => Stored::F32(values),
            Values::F16(values) => Stored::F16(values),
            Values::BF16(values) => Stored::F32(values.iter().map(|v| v.to_f32()).collect()),
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

/// Bytes of all tensors, which lie one after the other and have the sizes that their shapes ask for.
fn covered(header: &Metadata) -> Result<u64, Error> {
    let mut tensors: Vec<(String, &TensorInfo)> = header.tensors().into_iter().collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in tensors {
        let (from, to) = info.data_offsets;
        let values = info.shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s));
        let bits = values.and_then(|n| n.checked_mul(info.dtype.bitsize()));
        if from != end || to < from || bits != (to - from).checked_mul(8) {
            return Err(damaged(format!("{name} does not lie where it should")));
        }
        end = to;
    }
    Ok(end as u64)
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// 32 bytes from 64 hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

pub(super) fn damaged(why: String) -> Error {
    Error::Damaged {
        file: "model.safetensors".into(),
        why,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_where_it_lies_and_a_torn_one_is_refused() {
        let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header);
        file.extend([1f32, 2.0].iter().flat_map(|v| v.to_le_bytes()));
        let read = |file: &Vec<u8>| Weights::parse(file).and_then(|w| w.values("a", &[2]));
        assert_eq!(read(&file).unwrap(), [1.0, 2.0]);
        for cut in 0..file.len() {
            let torn = file[..cut].to_vec();
            assert!(matches!(read(&torn), Err(Error::Damaged { .. })), "{cut}");
        }
        for (from, to) in [("[2]", "[3]"), ("[0,8]", "[4,8]"), ("[0,8]", "[8,0]")] {
            let text = String::from_utf8(header.to_vec())
                .unwrap()
                .replace(from, to);
            let mut bad = (text.len() as u64).to_le_bytes().to_vec();
            bad.extend(text.bytes());
            bad.extend([0; 8]);
            assert!(matches!(read(&bad), Err(Error::Damaged { .. })), "{to}");
        }

        assert!(matches!(
            Weights::parse(&b"\x08\0\0\0\0\0\0\0{}".to_vec()),
            Err(Error::Damaged { .. })
        ));
        assert!(matches!(
            Weights::parse(&Vec::new()),
            Err(Error::Damaged { .. })
        ));
    }
}
