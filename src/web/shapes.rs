//! The plain objects that cross to JavaScript.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use super::error::{Misuse, thrown};
use crate::model::calibration::Calibration;

/// A document as the page gives it.
#[derive(Debug, Deserialize)]
pub(super) struct DocumentIn {
    pub id: String,
    #[serde(default)]
    pub title: String,
    pub text: String,
    #[serde(default)]
    pub metadata: String,
}

/// What became of an added document.
#[derive(Debug, Serialize)]
pub(super) struct AddedOut {
    pub id: String,
    /// `added`, `replaced`, `unchanged` or `failed`.
    pub outcome: &'static str,
    pub chunks: usize,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureOut>,
}

/// Why one document could not be added.
#[derive(Debug, Serialize)]
pub(super) struct FailureOut {
    pub code: &'static str,
    pub message: String,
}

/// A document as it was added.
#[derive(Debug, Serialize)]
pub(super) struct GotOut {
    pub id: String,
    pub title: String,
    pub text: Option<String>,
    pub metadata: String,
}

/// A document in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DocumentOut {
    pub id: String,
    pub title: String,
    pub metadata: String,
    pub chunks: usize,
    pub text_bytes: u64,
}

/// Sizes. `bytes.total` is the index without the texts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatsOut {
    pub generation: u64,
    pub documents: usize,
    pub chunks: usize,
    pub segments: usize,
    pub removed_chunks: usize,
    pub text_bytes: u64,
    pub bytes: BytesOut,
    pub recovered: Option<String>,
}

/// Bytes by part.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BytesOut {
    pub codes: u64,
    pub graph: u64,
    pub chunks: u64,
    pub documents: u64,
    pub manifest: u64,
    pub codebooks: u64,
    /// All of the above.
    pub total: u64,
    /// The compressed texts, kept beside the index.
    pub text: u64,
}

/// What runs, and how far it can be trusted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InfoOut<'a> {
    pub version: &'static str,
    pub backend: BackendOut,
    /// Lowest cosine to the model's reference vectors; none for the application's own embedder.
    pub self_test: Option<f32>,
    /// Why better devices were passed over.
    pub rejected: &'a [String],
    /// Why a GPU that was in use no longer is: the CPU took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<&'a str>,
    /// Milliseconds on GPU and CPU, where both work: the faster one is used for each number of texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<&'a Calibration>,
    pub model: &'a str,
    /// Texts embedded as passages by this engine so far, re-ranking included.
    pub embedded_passages: usize,
    /// Of those, the ones embedded to be added.
    pub embedded_to_add: usize,
}

/// What computes the embeddings.
#[derive(Debug, Serialize)]
pub(super) struct BackendOut {
    /// `cpu`, `gpu`, or `own` for the application's embedder.
    pub kind: &'static str,
    pub name: String,
    pub api: String,
    /// What products are computed in: `f32`, `f16` or `int8`; `none` for the application's embedder.
    pub arithmetic: &'static str,
    /// Whether a GPU is emulated on the CPU.
    pub software: bool,
}

/// What checking every block found.
#[derive(Debug, Serialize)]
pub(super) struct ReportOut {
    pub blocks: usize,
    pub bytes: u64,
    pub damaged: Vec<FindingOut>,
    pub recovered: Option<String>,
}

/// A damaged block.
#[derive(Debug, Serialize)]
pub(super) struct FindingOut {
    pub block: String,
    pub part: &'static str,
    pub why: &'static str,
    pub documents: Vec<String>,
    pub unnamed: usize,
}

/// A Rust value as a plain object.
pub(super) fn plain(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&serializer).map_err(JsValue::from)
}

/// A plain object as a Rust value.
pub(super) fn read<T: for<'de> Deserialize<'de>>(what: &str, value: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value)
        .map_err(|e| thrown(Misuse::Argument(format!("{what}: {e}"))))
}
