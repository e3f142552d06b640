//! The encoder inside: loading it, and embedding for comparisons.

use std::ops::Range;

use js_sys::{Float32Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::Engine;
use super::error::{Misuse, thrown};
use super::fields::field;
use super::model::Model;
use super::shapes::BackendOut;
use crate::model::device::Choice;
use crate::model::tokenizer::Overflow;
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
            software: info.software,
        }
    }

    pub(super) fn self_test(&self) -> f32 {
        self.0.self_test()
    }

    pub(super) fn rejected(&self) -> &[String] {
        self.0.rejected()
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
    /// `Uint8Array`s, `config`, `tokenizer`, `weights`, optionally `sentence`, `pooling`, `prompts` and `codec`;
    /// `backend` is `"auto"`, `"cpu"` or `"gpu"`. Resolves with the same as `info()`.
    pub async fn load(&self, model: JsValue, backend: String) -> Result<JsValue, JsValue> {
        let choice = match backend.as_str() {
            "auto" => Choice::Auto,
            "cpu" => Choice::Cpu,
            "gpu" => Choice::Gpu,
            other => return Err(thrown(Misuse::Argument(format!("backend {other:?}")))),
        };
        let name = field(&model, "name")?.as_string().unwrap_or_default();
        let (config, tokenizer) = (bytes(&model, "config")?, bytes(&model, "tokenizer")?);
        let (sentence, codec) = (optional(&model, "sentence")?, optional(&model, "codec")?);
        let (pooling, prompts) = (optional(&model, "pooling")?, optional(&model, "prompts")?);
        let weights = bytes(&model, "weights")?;
        let files = ModelFiles {
            name: &name,
            config: &config,
            tokenizer: &tokenizer,
            sentence: sentence.as_deref(),
            pooling: pooling.as_deref(),
            prompts: prompts.as_deref(),
            weights: &weights,
        };
        let encoder = Encoder::open(files, choice).await.map_err(thrown)?;
        drop(weights);
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

/// The bytes of a `Uint8Array` field that must be there.
fn bytes(object: &JsValue, name: &str) -> Result<Vec<u8>, JsValue> {
    let wrong = || Misuse::Argument(format!("model.{name} is not a Uint8Array"));
    optional(object, name)?.ok_or_else(|| thrown(wrong()))
}

/// The bytes of a `Uint8Array` field, if there is one.
fn optional(object: &JsValue, name: &str) -> Result<Option<Vec<u8>>, JsValue> {
    let value = field(object, name)?.dyn_into::<Uint8Array>().ok();
    Ok(value.map(|array| array.to_vec()))
}
