//! The encoder on a GPU: BERT on Burn's tensors with operations of our own, texts in batches without padding.

mod bert;
mod kernels;
mod ops;

use crate::model::Error;
use crate::model::config::{BertConfig, Pooling};
use crate::model::convert::Precision;
use crate::model::device::gpu::{self, Opened};
use crate::model::device::{Choice, DeviceInfo};
use crate::model::weights::Weights;

use bert::Bert;
use kernels::Storage;

/// Texts per batch at most.
const MAX_TEXTS: usize = 256;
/// Tokens per batch at most: 128 passages of 128.
const MAX_TOKENS: usize = 64 * 256;

/// BERT on an opened GPU.
pub(super) struct Gpu {
    bert: Bert,
    info: DeviceInfo,
    token_budget: usize,
    dim: usize,
    /// Set by tests.
    lost: bool,
}

/// An opened GPU without a model, and how it is to compute.
pub(super) struct Ready {
    opened: Opened,
    storage: Storage,
}

impl Ready {
    /// Opens the best adapter.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no adapter or, for `Auto`, only an emulated one.
    pub async fn open(precision: Precision, choice: Choice) -> Result<Self, Error> {
        let opened = gpu::open().await?;
        if choice == Choice::Auto && opened.info.software {
            return Err(Error::Device {
                device: opened.info.name,
                why: "is emulated on the CPU, which is slower than using the CPU".into(),
            });
        }
        let storage = match precision {
            // For who wants all of their precision.
            Precision::F32 => Storage::F32,
            Precision::F16 | Precision::Int8 if opened.f16 => Storage::F16,
            Precision::F16 | Precision::Int8 => Storage::Packed,
        };
        Ok(Self { opened, storage })
    }

    /// Puts the weights there.
    ///
    /// # Errors
    /// [`Error::Device`] if the device is too small for them; damaged weights; widths that the kernels cannot divide.
    pub fn load(
        &self,
        config: &BertConfig,
        pooling: Pooling,
        weights: &Weights,
    ) -> Result<Gpu, Error> {
        let Opened {
            device,
            info,
            most_bytes,
            ..
        } = &self.opened;
        let token_budget = token_budget(config, self.storage, *most_bytes);
        let token_budget = token_budget.map_err(|why| Error::Device {
            device: info.name.clone(),
            why,
        })?;
        Ok(Gpu {
            bert: Bert::load(config, pooling, weights, device, self.storage)?,
            info: DeviceInfo {
                arithmetic: match self.storage {
                    Storage::F16 => "f16",
                    Storage::F32 | Storage::Packed => "f32",
                },
                ..info.clone()
            },
            token_budget,
            dim: config.hidden_size,
            lost: false,
        })
    }

    /// Has the next model compute in f32 where f16 was not good enough; false if it already does.
    pub fn settle_for_less(&mut self) -> bool {
        let less = self.storage == Storage::F16;
        if less {
            self.storage = Storage::Packed;
        }
        less
    }
}

/// Tokens per batch that fit buffers of so many bytes, whatever a kernel makes of them.
fn token_budget(config: &BertConfig, storage: Storage, most_bytes: u64) -> Result<usize, String> {
    let (of_weight, of_activation) = match storage {
        Storage::F32 => (4, 4),
        Storage::F16 => (2, 2),
        Storage::Packed => (2, 4),
    };
    let hidden = config.hidden_size as u64;
    let words = (config.vocab_size as u64).saturating_mul(hidden * of_weight);
    let widest = (config.intermediate_size as u64).max(3 * hidden) * of_activation;
    let longest = config.max_position_embeddings as u64;
    let least = words.max(widest.saturating_mul(longest));
    if least > most_bytes {
        let [least, most] = [least, most_bytes].map(|bytes| bytes >> 20);
        return Err(format!(
            "binds {most} MiB at most, this model needs {least}"
        ));
    }
    Ok((most_bytes / widest).min(MAX_TOKENS as u64) as usize)
}

impl Gpu {
    /// What it runs on.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Every later batch finds the device lost.
    #[cfg(feature = "fault")]
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Embeds token lists, in order. One read-back per batch.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails or gives values that are not finite.
    pub async fn embed(&self, tokens: &[Vec<u32>]) -> Result<Vec<f32>, Error> {
        if self.lost {
            return Err(self.failed("was lost".into()));
        }
        let mut values = Vec::with_capacity(tokens.len() * self.dim);
        let mut rest = tokens;
        while !rest.is_empty() {
            let mut budget = self.token_budget;
            let fits = rest.iter().take(MAX_TEXTS).take_while(|text| {
                let fits = text.len() <= budget;
                budget = budget.saturating_sub(text.len());
                fits
            });
            let (batch, later) = rest.split_at(fits.count().max(1));
            rest = later;
            let texts: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
            let embeddings = self.bert.forward(&texts);
            let data = embeddings
                .into_data_async()
                .await
                .map_err(|e| self.failed(e.to_string()))?;
            let rows: Vec<f32> = data
                .try_to_vec()
                .map_err(|e| self.failed(format!("{e:?}")))?;
            values.extend(rows);
        }
        Ok(values)
    }

    fn failed(&self, why: String) -> Error {
        Error::Device {
            device: self.info.name.clone(),
            why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_as_large_as_the_device_and_the_model_allow() -> Result<(), Error> {
        let json = |hidden: usize, heads: usize| {
            format!(
                r#"{{"model_type":"bert","vocab_size":30522,"hidden_size":{hidden},"num_hidden_layers":1,
                "num_attention_heads":{heads},"intermediate_size":{},"max_position_embeddings":512,"type_vocab_size":2,
                "layer_norm_eps":1e-12,"hidden_act":"gelu"}}"#,
                4 * hidden
            )
        };
        let small = BertConfig::from_json(json(384, 12).as_bytes())?;
        let large = BertConfig::from_json(json(1024, 16).as_bytes())?;
        // What every WebGPU device has.
        let least = 128 << 20;
        assert_eq!(token_budget(&small, Storage::F32, least), Ok(MAX_TOKENS));
        assert_eq!(token_budget(&large, Storage::F32, least), Ok(8192));
        assert_eq!(token_budget(&large, Storage::F16, least), Ok(MAX_TOKENS));
        assert_eq!(token_budget(&small, Storage::Packed, 48 << 20), Ok(8192));
        let refused = token_budget(&small, Storage::F32, 32 << 20);
        assert!(refused.is_err_and(|why| why.contains("needs 44")));
        Ok(())
    }
}
