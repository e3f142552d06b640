//! What an application brings itself: an embedder, and the texts of an index that keeps none.

use std::ops::Range;

use js_sys::{Array, Float32Array, Function, Promise, Reflect};
use sha2::{Digest, Sha256};
use unicode_segmentation::UnicodeSegmentation;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::error::{Misuse, message};
use crate::index::{self, Texts};
use crate::model::{Embedder, Embeddings, Error, ModelId, Role};
use crate::text::TokenRanges;

/// Tokens of a chunk at most if the application does not say what its model takes: what MiniLM takes.
const MAX_TOKENS: usize = 254;
/// Texts per call if it does not say.
const BATCH: usize = 32;

/// A function that embeds.
pub(super) struct OwnEmbedder {
    id: ModelId,
    dim: usize,
    pub(super) max_tokens: usize,
    pub(super) batch: usize,
    embed: Function,
}

impl OwnEmbedder {
    /// Reads `{ model, dimensions, maxTokens?, batch?, embed(texts, role) }`.
    pub(super) fn of(object: &JsValue) -> Result<Self, Misuse> {
        let field = |name: &str| Reflect::get(object, &name.into()).unwrap_or_default();
        let wrong = |what: &str| Misuse::Argument(format!("embedder.{what}"));
        let name = field("model").as_string().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong("model is not a name"))?;
        let number = |name: &str| field(name).as_f64().filter(|n| *n >= 1.0);
        let dim = number("dimensions").filter(|dim| *dim <= 65_535.0);
        let dim = dim.ok_or_else(|| wrong("dimensions is not between 1 and 65535"))? as usize;
        let embed = field("embed").dyn_into();
        Ok(Self {
            id: ModelId {
                sha256: Sha256::digest(format!("{name}\0{dim}")).into(),
                name,
            },
            dim,
            max_tokens: number("maxTokens").map_or(MAX_TOKENS, |n| n as usize),
            batch: number("batch").map_or(BATCH, |n| n as usize),
            embed: embed.map_err(|_| wrong("embed is not a function"))?,
        })
    }
}

impl Embedder for OwnEmbedder {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    /// Scales every row to unit length; a row that has none is an error.
    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let failed = |why: &JsValue| Error::Embedder(message(why));
        let list: Array = texts.iter().map(|text| JsValue::from_str(text)).collect();
        let role = match role {
            Role::Query => "query",
            Role::Passage => "passage",
        };
        let answer = self.embed.call2(&JsValue::UNDEFINED, &list, &role.into());
        let answer = Promise::resolve(&answer.map_err(|e| failed(&e))?);
        let answer = JsFuture::from(answer).await.map_err(|e| failed(&e))?;
        let Ok(values) = answer.dyn_into::<Float32Array>() else {
            let why = "it did not return a Float32Array";
            return Err(Error::Embedder(why.into()));
        };
        let mut values = values.to_vec();
        let dim = self.dim;
        if values.len() != texts.len() * dim {
            return Err(Error::Embedder(format!(
                "it returned {} values for {} texts of {dim} dimensions",
                values.len(),
                texts.len(),
            )));
        }
        for row in values.chunks_exact_mut(dim) {
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            if !length.is_normal() {
                let why = "it returned an embedding that is zero or no number";
                return Err(Error::Embedder(why.into()));
            }
            row.iter_mut().for_each(|v| *v /= length);
        }
        Ok(Embeddings { dim, values })
    }
}

/// Tokens as far as they can be guessed without a tokenizer: a word counts one per five bytes, as word pieces
/// of English do at most.
impl TokenRanges for OwnEmbedder {
    fn token_ranges(&self, text: &str) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        for (start, word) in text.split_word_bound_indices() {
            if word.trim().is_empty() {
                continue;
            }
            let mut at = 0;
            while at < word.len() {
                let end = word.ceil_char_boundary((at + 5).min(word.len()));
                ranges.push(start + at..start + end);
                at = end;
            }
        }
        ranges
    }
}

/// Asks the application for the texts of documents. Without a function there are none but those kept.
#[derive(Clone, Default)]
pub(super) struct Provider(pub(super) Option<Function>);

impl Texts for Provider {
    async fn text(&self, document: &str) -> Result<Option<String>, index::Error> {
        let Some(function) = &self.0 else {
            return Err(index::Error::NoText);
        };
        let failed = |why: JsValue| {
            index::Error::from(crate::store::Error::Io {
                doing: "asking the application for a text".into(),
                why: message(&why),
            })
        };
        let answer = function.call1(&JsValue::UNDEFINED, &document.into());
        let answer = Promise::resolve(&answer.map_err(failed)?);
        Ok(JsFuture::from(answer).await.map_err(failed)?.as_string())
    }
}
