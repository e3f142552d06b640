//! The encoder inside: loading it, and embedding for comparisons.

use std::ops::Range;

use js_sys::{Float32Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::Engine;
use super::error::{Misuse, thrown};
use super::fields::field;
use super::model::Model;
use super::search::now;
use super::shapes::BackendOut;
use super::weights::Weights;
use crate::model::calibration::Calibration;
use crate::model::device::Choice;
use crate::model::source::Source;
use crate::model::tokenizer::Overflow;
use crate::model::weights::unhex;
use crate::model::{Encoder, ModelFiles};
use crate::text::{Chunker, TokenChunker};

/// Passages per slice on the CPU: a slice should not keep a search waiting for more than about a second.
const CPU_SLICE: usize = 8;
/// Passages per slice on a GPU, which wants many at once.
const GPU_SLICE: usize = 64;

/// The encoder of this build.
pub(super) struct Inside(Box<Encoder>);

impl Inside {
    pub(super) fn embedder(&self) -> &Encoder {
        &self.0
    }

    pub(super) fn backend(&self) -> BackendOut {
        let info = self.0.info();
        BackendOut {
            kind: info.kind,
            name: info.name.clone(),
            api: info.api.clone(),
            arithmetic: info.arithmetic,
            software: info.software,
        }
    }

    pub(super) fn self_test(&self) -> f32 {
        self.0.self_test()
    }

    pub(super) fn rejected(&self) -> &[String] {
        self.0.rejected()
    }

    pub(super) fn lost(&self) -> Option<&str> {
        self.0.lost()
    }

    pub(super) fn calibration(&self) -> Option<&Calibration> {
        self.0.calibration()
    }

    pub(super) fn slice(&self) -> usize {
        if self.0.info().kind == "gpu" {
            GPU_SLICE
        } else {
            CPU_SLICE
        }
    }

    pub(super) fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let tokenizer = self.0.tokenizer();
        TokenChunker::new(tokenizer, tokenizer.max_text_tokens()).chunks(text)
    }
}

#[wasm_bindgen]
impl Engine {
    /// Loads the model, tests its device, and makes the index if there is none. `model` has `name` and, as
    /// `Uint8Array`s, `config`, `tokenizer`, `weights` unless they are given apart, optionally `sentence`, `pooling`, `prompts` and `codec`;
    /// `backend` is `"auto"`, `"any"` (the same, with emulated GPUs), `"cpu"` or `"gpu"`. Resolves with the same as
    /// `info()`.
    ///
    /// `weights` are given apart from the other files if they arrived in parts; `model.weights` stay where they are and are
    /// taken tensor by tensor, and `model.sha256` says their hash in hexadecimal, for whoever has checked it.
    /// `model.calibration` is that of an earlier `info()`: where a GPU was chosen from two that
    /// work, it is timed against the CPU once, which takes a second or more.
    pub async fn load(
        &self,
        model: JsValue,
        backend: String,
        weights: Option<Weights>,
    ) -> Result<JsValue, JsValue> {
        let choice = match backend.as_str() {
            "auto" => Choice::Auto,
            "any" => Choice::Any,
            "cpu" => Choice::Cpu,
            "gpu" => Choice::Gpu,
            other => return Err(thrown(Misuse::Argument(format!("backend {other:?}")))),
        };
        let name = field(&model, "name")?.as_string().unwrap_or_default();
        let (config, tokenizer) = (bytes(&model, "config")?, bytes(&model, "tokenizer")?);
        let (sentence, codec) = (optional(&model, "sentence")?, optional(&model, "codec")?);
        let (pooling, prompts) = (optional(&model, "pooling")?, optional(&model, "prompts")?);
        let given: Box<dyn Source>;
        let source: &dyn Source = match &weights {
            Some(Weights(received)) => received,
            None => {
                given = Box::new(Borrowed(required(&model, "weights")?));
                &*given
            }
        };
        let sha256 = field(&model, "sha256")?.as_string();
        let sha256 = match sha256.map(|hex| unhex(&hex)) {
            Some(None) => return Err(thrown(Misuse::Argument("model.sha256".into()))),
            known => known.flatten(),
        };
        let sha256 = match &weights {
            Some(Weights(received)) => Some(received.sha256().map_err(thrown)?),
            None => sha256,
        };
        let files = ModelFiles {
            name: &name,
            config: &config,
            tokenizer: &tokenizer,
            sentence: sentence.as_deref(),
            pooling: pooling.as_deref(),
            prompts: prompts.as_deref(),
            weights: source,
            sha256,
        };
        let mut encoder = Encoder::open(files, choice).await.map_err(thrown)?;
        if matches!(choice, Choice::Auto | Choice::Any) && encoder.info().kind == "gpu" {
            let known = field(&model, "calibration")?;
            let known = serde_wasm_bindgen::from_value::<Calibration>(known).ok();
            if !known.is_some_and(|known| encoder.set_calibration(known)) {
                encoder.calibrate(now).await.map_err(thrown)?;
            }
        }
        self.take(Model::Inside(Inside(Box::new(encoder))), codec.as_deref())
            .await?;
        self.info()
    }

    /// Embeds texts as the reference implementation does, what exceeds the model's limit cut off. For tests and
    /// comparisons: one row after the other.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Float32Array, JsValue> {
        let model = self.model()?;
        let Model::Inside(Inside(encoder)) = &*model else {
            return Err(thrown(Misuse::NotLoaded));
        };
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let tokens = encoder
            .tokenizer()
            .encode(&texts, Overflow::Truncate)
            .map_err(thrown)?;
        let embeddings = encoder.embed_tokens(&tokens).await.map_err(thrown)?;
        Ok(Float32Array::from(&embeddings.values[..]))
    }
}

/// Bytes that JavaScript keeps: only parts of them are copied into this module's memory, which never shrinks.
pub(super) struct Borrowed(pub(super) Uint8Array);

impl Source for Borrowed {
    fn size(&self) -> u64 {
        u64::from(self.0.length())
    }

    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), String> {
        let end = at + to.len() as u64;
        if end > self.size() {
            return Err("the file ends early".into());
        }
        self.0.subarray(at as u32, end as u32).copy_to(to);
        Ok(())
    }
}

/// A `Uint8Array` field that must be there.
fn required(object: &JsValue, name: &str) -> Result<Uint8Array, JsValue> {
    let wrong = |_| {
        thrown(Misuse::Argument(format!(
            "model.{name} is not a Uint8Array"
        )))
    };
    field(object, name)?.dyn_into::<Uint8Array>().map_err(wrong)
}

/// The bytes of a `Uint8Array` field that must be there.
fn bytes(object: &JsValue, name: &str) -> Result<Vec<u8>, JsValue> {
    Ok(required(object, name)?.to_vec())
}

/// The bytes of a `Uint8Array` field, if there is one.
fn optional(object: &JsValue, name: &str) -> Result<Option<Vec<u8>>, JsValue> {
    let value = field(object, name)?.dyn_into::<Uint8Array>().ok();
    Ok(value.map(|array| array.to_vec()))
}
