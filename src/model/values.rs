//! The values of one tensor, in memory that is aligned for them from the start: what is read there stays there.

use half::{bf16, f16};
use safetensors::Dtype;

/// Values as a weights file has them.
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 16-bit floats.
    F16(Vec<f16>),
    /// The upper halves of 32-bit floats.
    BF16(Vec<bf16>),
    /// 8-bit integers.
    I8(Vec<i8>),
}

impl Values {
    /// `count` zeros, or nothing for a type that no model here has weights of.
    pub(super) fn zeroed(dtype: Dtype, count: usize) -> Option<Self> {
        Some(match dtype {
            Dtype::F32 => Self::F32(vec![0.0; count]),
            Dtype::F16 => Self::F16(vec![f16::ZERO; count]),
            Dtype::BF16 => Self::BF16(vec![bf16::ZERO; count]),
            Dtype::I8 => Self::I8(vec![0; count]),
            _ => return None,
        })
    }

    /// As bytes, to be read into.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice_mut(values),
            Self::F16(values) => bytemuck::cast_slice_mut(values),
            Self::BF16(values) => bytemuck::cast_slice_mut(values),
            Self::I8(values) => bytemuck::cast_slice_mut(values),
        }
    }

    /// As bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::F16(values) => bytemuck::cast_slice(values),
            Self::BF16(values) => bytemuck::cast_slice(values),
            Self::I8(values) => bytemuck::cast_slice(values),
        }
    }

    /// In this machine's order of bytes; files are little-endian.
    pub(super) fn native(mut self) -> Self {
        match &mut self {
            Self::F32(values) => {
                for v in values {
                    *v = f32::from_bits(u32::from_le(v.to_bits()));
                }
            }
            Self::F16(values) => {
                for v in values {
                    *v = f16::from_bits(u16::from_le(v.to_bits()));
                }
            }
            Self::BF16(values) => {
                for v in values {
                    *v = bf16::from_bits(u16::from_le(v.to_bits()));
                }
            }
            Self::I8(_) => {}
        }
        self
    }
}
