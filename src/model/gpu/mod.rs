//! The encoder on a GPU: Burn's tensors, texts of like length in padded batches of few shapes.

use crate::model::Error;
use crate::model::batch;
use crate::model::bert::Bert;
use crate::model::config::BertConfig;
use crate::model::device::{self, Choice, DeviceInfo, Opened};
use crate::model::weights::Weights;

/// Rows per padded batch at most.
const MAX_ROWS: usize = 64;

/// BERT on an opened GPU.
pub(super) struct Gpu {
    bert: Bert,
    info: DeviceInfo,
    token_budget: usize,
    dim: usize,
}

impl Gpu {
    /// Opens the best adapter and puts the weights there.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no adapter or, for `Auto`, only an emulated one; damaged weights.
    pub async fn open(
        config: &BertConfig,
        weights: &Weights<'_>,
        choice: Choice,
    ) -> Result<Self, Error> {
        let opened = device::gpu::open().await?;
        if choice == Choice::Auto && opened.info.software {
            return Err(Error::Device {
                device: opened.info.name,
                why: "is emulated on the CPU, which is slower than using the CPU".into(),
            });
        }
        let Opened {
            device,
            info,
            token_budget,
        } = opened;
        Ok(Self {
            bert: Bert::load(config, weights, &device)?,
            info,
            token_budget,
            dim: config.hidden_size,
        })
    }

    /// What it runs on.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Embeds token lists, in order. One read-back per batch.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails or gives values that are not finite.
    pub async fn embed(&self, tokens: &[Vec<u32>]) -> Result<Vec<f32>, Error> {
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        let mut values = vec![0f32; tokens.len() * self.dim];
        for batch in batch::plan(&lengths, self.token_budget, MAX_ROWS) {
            let mut ids = vec![0i32; batch.rows.len() * batch.width];
            let mut row_lengths = Vec::with_capacity(batch.rows.len());
            for (slot, &row) in ids.chunks_exact_mut(batch.width).zip(&batch.rows) {
                for (to, &id) in slot.iter_mut().zip(&tokens[row]) {
                    *to = id as i32;
                }
                row_lengths.push(lengths[row]);
            }
            let embeddings = self.bert.forward(ids, &row_lengths, batch.width);
            let data = embeddings
                .into_data_async()
                .await
                .map_err(|e| self.failed(e.to_string()))?;
            let rows: Vec<f32> = data
                .try_to_vec()
                .map_err(|e| self.failed(format!("{e:?}")))?;
            for (row, embedding) in batch.rows.iter().zip(rows.chunks_exact(self.dim)) {
                values[row * self.dim..(row + 1) * self.dim].copy_from_slice(embedding);
            }
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
