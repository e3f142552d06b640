//! The encoder on a GPU: BERT on Burn's tensors with operations of our own, texts in batches without padding.

mod bert;
mod kernels;
mod ops;

use crate::model::Error;
use crate::model::config::{BertConfig, Pooling};
use crate::model::device::gpu::{self, Opened};
use crate::model::device::{Choice, DeviceInfo};
use crate::model::weights::Weights;

use bert::Bert;

/// Texts per batch at most.
const MAX_TEXTS: usize = 256;

/// BERT on an opened GPU.
pub(super) struct Gpu {
    bert: Bert,
    info: DeviceInfo,
    token_budget: usize,
    dim: usize,
    /// Set by tests.
    lost: bool,
}

impl Gpu {
    /// Opens the best adapter and puts the weights there.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no adapter or, for `Auto`, only an emulated one; damaged weights.
    pub async fn open(
        config: &BertConfig,
        pooling: Pooling,
        weights: &Weights<'_>,
        choice: Choice,
    ) -> Result<Self, Error> {
        let opened = gpu::open().await?;
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
            bert: Bert::load(config, pooling, weights, &device)?,
            info,
            token_budget,
            dim: config.hidden_size,
            lost: false,
        })
    }

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
