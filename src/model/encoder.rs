//! The encoder as a whole: files in, unit-length embeddings out, on a device that has passed the self-test.

use sha2::{Digest, Sha256};

use super::batch;
use super::bert::Bert;
use super::config::{BertConfig, SentenceConfig};
use super::device::{self, Choice, DeviceInfo, Opened};
use super::selftest;
use super::tokenizer::{Overflow, Tokenizer};
use super::weights::Weights;
use super::{Embedder, Embeddings, Error, ModelId, Role};

/// Rows per padded batch at most.
const MAX_ROWS: usize = 64;

/// The files of a model as bytes.
#[derive(Clone, Copy)]
pub struct ModelFiles<'a> {
    /// Name to remember it by.
    pub name: &'a str,
    /// `config.json`.
    pub config: &'a [u8],
    /// `tokenizer.json`.
    pub tokenizer: &'a [u8],
    /// `sentence_bert_config.json`, if the model has one: its token limit.
    pub sentence: Option<&'a [u8]>,
    /// `model.safetensors`.
    pub weights: &'a [u8],
}

/// BERT with mean pooling on one device.
pub struct Encoder {
    id: ModelId,
    tokenizer: Tokenizer,
    bert: Bert,
    dim: usize,
    token_budget: usize,
    info: DeviceInfo,
    self_test: f32,
    rejected: Vec<String>,
}

impl Encoder {
    /// Opens a model on the device asked for. `Auto` takes a real GPU that passes the self-test, otherwise the
    /// CPU, and [`Encoder::rejected`] says why a GPU was passed over.
    ///
    /// # Errors
    /// Damaged or unsupported files; with an explicit choice, a device that is missing or computes wrong values.
    pub async fn open(files: ModelFiles<'_>, choice: Choice) -> Result<Self, Error> {
        let mut rejected = Vec::new();
        if choice != Choice::Cpu {
            match Self::open_gpu(files, choice).await {
                Ok(encoder) => return Ok(encoder),
                Err(e @ Error::Device { .. }) if choice == Choice::Auto => {
                    rejected.push(e.to_string());
                }
                Err(e) => return Err(e),
            }
        }
        let mut encoder = Self::open_cpu(files).await?;
        encoder.rejected = rejected;
        Ok(encoder)
    }

    async fn on(files: ModelFiles<'_>, opened: Opened) -> Result<Self, Error> {
        let config = BertConfig::from_json(files.config)?;
        let mut max_tokens = config.max_position_embeddings;
        if let Some(json) = files.sentence {
            let sentence: SentenceConfig =
                serde_json::from_slice(json).map_err(|e| Error::Damaged {
                    file: "sentence_bert_config.json".into(),
                    why: e.to_string(),
                })?;
            max_tokens = max_tokens.min(sentence.max_seq_length);
        }
        if max_tokens < 8 {
            return Err(Error::Damaged {
                file: "sentence_bert_config.json".into(),
                why: format!("{max_tokens} tokens are too few to hold any text"),
            });
        }
        let tokenizer = Tokenizer::from_json(files.tokenizer, max_tokens)?;
        if tokenizer.vocab_size() > config.vocab_size {
            return Err(Error::Damaged {
                file: "tokenizer.json".into(),
                why: format!(
                    "it has {} tokens, the word table {} rows",
                    tokenizer.vocab_size(),
                    config.vocab_size
                ),
            });
        }
        let weights = Weights::parse(files.weights)?;
        let mut encoder = Self {
            id: ModelId {
                name: files.name.into(),
                sha256: Sha256::digest(files.weights).into(),
            },
            tokenizer,
            bert: Bert::load(&config, &weights, &opened.device)?,
            dim: config.hidden_size,
            token_budget: opened.token_budget,
            info: opened.info,
            self_test: 0.0,
            rejected: Vec::new(),
        };
        let got = encoder.embed(Role::Passage, &selftest::SENTENCES).await?;
        let reference = selftest::reference(&encoder.id.sha256);
        encoder.self_test =
            selftest::judge(&got, reference.as_ref()).map_err(|why| Error::Device {
                device: encoder.info.name.clone(),
                why: format!("self-test failed: {why}"),
            })?;
        Ok(encoder)
    }

    /// What it runs on.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Lowest cosine to the reference in the self-test (1 for a model without a reference).
    pub fn self_test(&self) -> f32 {
        self.self_test
    }

    /// Why better devices were passed over, in words for people.
    pub fn rejected(&self) -> &[String] {
        &self.rejected
    }

    /// The tokenizer, for chunking.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Embeds token lists (with special tokens, each within the model's limit), in order.
    ///
    /// Cost: a forward pass over the padded tokens; one read-back per batch. Texts of like length share a batch.
    pub async fn embed_tokens(&self, tokens: &[Vec<u32>]) -> Result<Embeddings, Error> {
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        if let Some(index) = lengths
            .iter()
            .position(|&n| n == 0 || n > self.tokenizer.max_tokens())
        {
            return Err(Error::TooLong {
                index,
                tokens: lengths[index],
                limit: self.tokenizer.max_tokens(),
            });
        }
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
            if rows.iter().any(|v| !v.is_finite()) {
                return Err(self.failed("an embedding is not finite".into()));
            }
            for (row, embedding) in batch.rows.iter().zip(rows.chunks_exact(self.dim)) {
                values[row * self.dim..(row + 1) * self.dim].copy_from_slice(embedding);
            }
        }
        Ok(Embeddings {
            dim: self.dim,
            values,
        })
    }

    fn failed(&self, why: String) -> Error {
        Error::Device {
            device: self.info.name.clone(),
            why,
        }
    }
}

#[cfg(feature = "gpu")]
impl Encoder {
    async fn open_gpu(files: ModelFiles<'_>, choice: Choice) -> Result<Self, Error> {
        let opened = device::gpu::open().await?;
        if choice == Choice::Auto && opened.info.software {
            return Err(Error::Device {
                device: opened.info.name,
                why: "is emulated on the CPU, which is slower than using the CPU".into(),
            });
        }
        Self::on(files, opened).await
    }
}

#[cfg(not(feature = "gpu"))]
impl Encoder {
    async fn open_gpu(_: ModelFiles<'_>, _: Choice) -> Result<Self, Error> {
        Err(Error::Device {
            device: "gpu".into(),
            why: "this build has no GPU support".into(),
        })
    }
}

#[cfg(feature = "cpu")]
impl Encoder {
    async fn open_cpu(files: ModelFiles<'_>) -> Result<Self, Error> {
        Self::on(files, device::cpu()).await
    }
}

#[cfg(not(feature = "cpu"))]
impl Encoder {
    async fn open_cpu(_: ModelFiles<'_>) -> Result<Self, Error> {
        Err(Error::Device {
            device: "cpu".into(),
            why: "this build has no CPU backend".into(),
        })
    }
}

impl Embedder for Encoder {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    async fn embed(&self, _role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        self.embed_tokens(&self.tokenizer.encode(texts, Overflow::Refuse)?)
            .await
    }
}
