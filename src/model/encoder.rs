//! The encoder as a whole: files in, unit-length embeddings out, on a device that has passed the self-test.

use std::sync::OnceLock;

use super::calibration::{Calibration, MANY, Timing};
use super::config::{BertConfig, Pooling, Prompts, SentenceConfig};
use super::convert::Precision;
use super::cpu::CpuBert;
use super::device::{Choice, DeviceInfo};
use super::gpu::{Gpu, Ready};
use super::kernels::{self, Isa};
use super::recent::Recent;
use super::selftest::{self, SelfTest};
use super::source::{Source, sha256};
use super::tokenizer::{Overflow, Tokenizer};
use super::weights::Weights;
use super::{Embedder, Embeddings, Error, ModelId, Role};

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
    /// `1_Pooling/config.json`, if the model has one; the mean otherwise.
    pub pooling: Option<&'a [u8]>,
    /// `config_sentence_transformers.json`, if the model has one: what goes before questions and passages.
    pub prompts: Option<&'a [u8]>,
    /// `model.safetensors`: bytes, or an open file, which is then read tensor by tensor.
    pub weights: &'a dyn Source,
    /// SHA-256 of the weights if it is known; computed otherwise.
    pub sha256: Option<[u8; 32]>,
}

/// Tokens of passages that are remembered: 4 MiB, some 7,000 passages of 150.
const RECENT_TOKENS: usize = 1 << 20;

/// BERT on a GPU if one was opened, otherwise on the CPU, which also takes over if the GPU is lost.
pub struct Encoder {
    id: ModelId,
    tokenizer: Tokenizer,
    prompts: Prompts,
    cpu: CpuBert,
    gpu: Option<Gpu>,
    /// Why the GPU is no longer used.
    lost: OnceLock<String>,
    /// Which of both is faster, if that was measured; without it the GPU does everything.
    calibration: Option<Calibration>,
    /// Tokens of passages.
    recent: Recent,
    dim: usize,
    precision: Precision,
    cpu_info: DeviceInfo,
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
        let config = BertConfig::from_json(files.config)?;
        let mut tokenizer = tokenizer(files, &config)?;
        let pooling = files.pooling.map(Pooling::from_json).transpose()?;
        let pooling = pooling.unwrap_or_default();
        let prompts = files.prompts.map(Prompts::from_json).transpose()?;
        let prompts = prompts.unwrap_or_default();
        tokenizer.keep_room_for(&prompts.passage)?;
        let weights = Weights::parse(files.weights)?;
        // Converted weights are the same model.
        let sha256 = match weights.source().or(files.sha256) {
            Some(known) => known,
            None => sha256(files.weights)?,
        };
        let precision = weights.precision();
        let dim = config.hidden_size;
        let test = SelfTest::new(&tokenizer, &prompts, &sha256, precision, dim)?;
        let mut rejected = Vec::new();
        let gpu = open_gpu(&config, pooling, &weights, choice, &test, &mut rejected).await?;
        let isa = Isa::detect();
        let cpu = CpuBert::load(&config, pooling, &weights.for_the_last_time(), isa)?;
        let cpu_info = DeviceInfo {
            kind: "cpu",
            name: cpu_name(isa, precision),
            api: "none".into(),
            arithmetic: match precision {
                Precision::F32 | Precision::F16 => "f32",
                Precision::Int8 => "int8",
            },
            software: false,
        };
        let (gpu, self_test) = match gpu {
            Some((gpu, cosine)) => (Some(gpu), cosine),
            None => {
                let tokens: Vec<&[u32]> = test.tokens().iter().map(|ids| &ids[..]).collect();
                (None, test.judge(cpu.forward(&tokens), &cpu_info)?)
            }
        };
        Ok(Self {
            id: ModelId {
                name: files.name.into(),
                sha256,
            },
            tokenizer,
            prompts,
            cpu,
            gpu,
            lost: OnceLock::new(),
            calibration: None,
            recent: Recent::new(RECENT_TOKENS),
            dim,
            precision,
            cpu_info,
            self_test,
            rejected,
        })
    }

    /// The GPU, unless there is none or it was lost.
    fn gpu(&self) -> Option<&Gpu> {
        self.gpu.as_ref().filter(|_| self.lost.get().is_none())
    }

    /// The GPU, if it is the one for so many texts.
    fn gpu_for(&self, texts: usize) -> Option<&Gpu> {
        let measured = self.calibration.as_ref();
        self.gpu()
            .filter(|_| measured.is_none_or(|c| c.gpu_is_faster(texts)))
    }

    /// What passages run on now; a single question may run on the CPU beside a GPU, see [`Encoder::calibration`].
    pub fn info(&self) -> &DeviceInfo {
        self.gpu_for(MANY).map_or(&self.cpu_info, Gpu::info)
    }

    /// Times the GPU, if one is in use, against the CPU, and from here on uses for each number of texts the faster.
    /// `now` gives milliseconds. Cost: three batches of 1 and of 16 on each; seconds on a slow device.
    ///
    /// # Errors
    /// Only those of the CPU: a GPU that fails is lost, as ever, and nothing is measured.
    pub async fn calibrate(&mut self, now: impl Fn() -> f64) -> Result<(), Error> {
        self.calibration = None;
        let Some(adapter) = self.gpu().map(|gpu| gpu.info().name.clone()) else {
            return Ok(());
        };
        let question = self
            .tokenizer
            .encode(&selftest::SENTENCES[1..2], Overflow::Truncate)?;
        let length = self.tokenizer.max_tokens().min(128);
        let passage: Vec<u32> = question[0].iter().copied().cycle().take(length).collect();
        let passages = vec![passage; MANY];
        let mut times = [[f64::INFINITY; 2]; 2];
        for (size, tokens) in [&question, &passages].into_iter().enumerate() {
            for round in 0..3 {
                let start = now();
                self.on_cpu(tokens);
                let between = now();
                let done = match self.gpu() {
                    Some(gpu) => gpu.embed(tokens).await,
                    None => return Ok(()),
                };
                if let Err(e) = done {
                    let _ = self.lost.set(e.to_string());
                    return Ok(());
                }
                // The first of a shape may be compiled for.
                if round > 0 {
                    times[0][size] = times[0][size].min(between - start);
                    times[1][size] = times[1][size].min(now() - between);
                }
            }
        }
        let [cpu, gpu] = times.map(|[one, sixteen]| Timing { one, sixteen });
        self.set_calibration(Calibration { adapter, cpu, gpu });
        Ok(())
    }

    /// Uses what [`Encoder::calibrate`] found earlier; whether it was measured on the GPU that is in use.
    pub fn set_calibration(&mut self, calibration: Calibration) -> bool {
        let same = self
            .gpu()
            .is_some_and(|gpu| gpu.info().name == calibration.adapter);
        if same {
            self.calibration = Some(calibration);
        }
        same
    }

    /// What decides between GPU and CPU, if both work and were measured.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.gpu().and(self.calibration.as_ref())
    }

    /// Why the GPU that was opened is no longer used: it failed in the middle of something, and the CPU took over.
    pub fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// Makes the next batch find the GPU lost.
    #[cfg(feature = "fault")]
    pub fn lose_gpu(&mut self) {
        if let Some(gpu) = &mut self.gpu {
            gpu.lose();
        }
    }

    /// How the weights are stored.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes of weights in this process's memory.
    pub fn weight_bytes(&self) -> usize {
        self.cpu.bytes()
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
    /// Cost: a forward pass over the tokens; on a GPU one read-back per padded batch of texts of like length.
    pub async fn embed_tokens(&self, tokens: &[Vec<u32>]) -> Result<Embeddings, Error> {
        let limit = self.tokenizer.max_tokens();
        let wrong = |ids: &Vec<u32>| ids.is_empty() || ids.len() > limit;
        if let Some(index) = tokens.iter().position(wrong) {
            return Err(Error::TooLong {
                index,
                tokens: tokens[index].len(),
                limit,
            });
        }
        let from_gpu = match self.gpu_for(tokens.len()) {
            Some(gpu) => match gpu.embed(tokens).await.and_then(|v| self.finite(v)) {
                Ok(values) => Some(values),
                Err(e) => {
                    // Whoever asked gets an answer all the same; from now on the CPU gives it. Two batches may find
                    // out at once: the first reason stands.
                    let _ = self.lost.set(e.to_string());
                    None
                }
            },
            None => None,
        };
        let values = match from_gpu {
            Some(values) => values,
            None => self.finite(self.on_cpu(tokens))?,
        };
        Ok(Embeddings {
            dim: self.dim,
            values,
        })
    }

    fn on_cpu(&self, tokens: &[Vec<u32>]) -> Vec<f32> {
        let texts: Vec<&[u32]> = tokens.iter().map(|ids| &ids[..]).collect();
        self.cpu.forward(&texts)
    }

    fn finite(&self, values: Vec<f32>) -> Result<Vec<f32>, Error> {
        if values.iter().all(|v| v.is_finite()) {
            return Ok(values);
        }
        Err(self.failed("an embedding is not finite".into()))
    }

    fn failed(&self, why: String) -> Error {
        Error::Device {
            device: self.info().name.clone(),
            why,
        }
    }
}

/// A GPU that passes the self-test, computing in the best way in which it does, and the lowest cosine there. What did
/// not pass is added to `rejected`.
async fn open_gpu(
    config: &BertConfig,
    pooling: Pooling,
    weights: &Weights<'_>,
    choice: Choice,
    test: &SelfTest,
    rejected: &mut Vec<String>,
) -> Result<Option<(Gpu, f32)>, Error> {
    if choice == Choice::Cpu {
        return Ok(None);
    }
    let opened = async {
        let mut ready = Ready::open(weights.precision(), choice).await?;
        loop {
            let gpu = ready.load(config, pooling, weights)?;
            let embedded = gpu.embed(test.tokens()).await;
            match embedded.and_then(|values| test.judge(values, gpu.info())) {
                Ok(cosine) => return Ok((gpu, cosine)),
                Err(e) if ready.settle_for_less() => rejected.push(e.to_string()),
                Err(e) => return Err(e),
            }
        }
    };
    match opened.await {
        Ok(opened) => Ok(Some(opened)),
        Err(e @ Error::Device { .. }) if choice != Choice::Gpu => {
            rejected.push(e.to_string());
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// What computes on the CPU, in words.
fn cpu_name(isa: Isa, precision: Precision) -> String {
    let set = isa.name();
    let relaxed = if kernels::is_relaxed() {
        ", relaxed"
    } else {
        ""
    };
    let weights = match precision {
        Precision::F32 => "",
        Precision::F16 => ", f16 weights",
        Precision::Int8 => ", 8-bit weights",
    };
    format!("CPU, {set}{relaxed}{weights}")
}

/// The tokenizer, checked against what the model takes.
fn tokenizer(files: ModelFiles<'_>, config: &BertConfig) -> Result<Tokenizer, Error> {
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
    Ok(tokenizer)
}

impl Embedder for Encoder {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let prompt = match role {
            Role::Query => &self.prompts.query,
            Role::Passage => &self.prompts.passage,
        };
        let prompted: Vec<String>;
        let with: Vec<&str>;
        let texts = if prompt.is_empty() {
            texts
        } else {
            prompted = texts.iter().map(|text| format!("{prompt}{text}")).collect();
            with = prompted.iter().map(String::as_str).collect();
            &with
        };
        let encode = |texts: &[&str]| self.tokenizer.encode(texts, Overflow::Refuse);
        // Questions seldom come twice.
        let tokens = match role {
            Role::Query => encode(texts)?,
            Role::Passage => self.recent.tokens(texts, encode)?,
        };
        self.embed_tokens(&tokens).await
    }

    fn timing(&self) -> Option<Timing> {
        self.calibration().map(Calibration::faster)
    }
}
