//! Weights: `model.safetensors` in f32, f16 or bf16, into Burn tensors in the layout the encoder multiplies in.

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::Error;

/// A parsed weights file; tensors are converted one at a time, so that at most one copy is in flight.
pub struct Weights<'a> {
    file: SafeTensors<'a>,
    prefix: &'static str,
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
        Ok(Self { file, prefix })
    }

    /// Values of a tensor as f32, with its shape checked.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
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
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Dtype::F16 => data
                .chunks_exact(2)
                .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Dtype::BF16 => data
                .chunks_exact(2)
                .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            other => {
                return Err(Error::Unsupported(format!(
                    "{name} is stored as {other:?}; f32, f16 and bf16 are implemented"
                )));
            }
        };
        if values.iter().any(|v| !v.is_finite()) {
            return Err(damaged(format!("{name} holds values that are not finite")));
        }
        Ok(values)
    }

    /// A vector, for instance a bias.
    pub fn vector(&self, name: &str, len: usize, device: &Device) -> Result<Tensor<1>, Error> {
        let values = self.values(name, &[len])?;
        Ok(Tensor::from_data(TensorData::new(values, [len]), device))
    }

    /// The weight and bias of one linear layer, or of several that share their input, fused side by side:
    /// PyTorch's `[out, in]` matrices become one `[in, sum of out]`.
    pub fn linear(
        &self,
        names: &[&str],
        input: usize,
        output: usize,
        device: &Device,
    ) -> Result<(Tensor<2>, Tensor<1>), Error> {
        let width = output * names.len();
        let mut matrix = vec![0f32; input * width];
        let mut bias = Vec::with_capacity(width);
        for (part, name) in names.iter().enumerate() {
            let rows = self.values(&format!("{name}.weight"), &[output, input])?;
            for (o, row) in rows.chunks_exact(input).enumerate() {
                for (i, &value) in row.iter().enumerate() {
                    matrix[i * width + part * output + o] = value;
                }
            }
            bias.extend(self.values(&format!("{name}.bias"), &[output])?);
        }
        Ok((
            Tensor::from_data(TensorData::new(matrix, [input, width]), device),
            Tensor::from_data(TensorData::new(bias, [width]), device),
        ))
    }
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
