//! The engine's answers.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::error::thrown;
use super::headings;
use super::shapes::{Found, HitOut, plain};
use super::storage::Storage;
use crate::index::{Error, Hit, SearchOptions, Snapshot};
use crate::text::utf16_len;

#[wasm_bindgen]
impl Engine {
    /// Finds the `k` passages nearest in meaning to `question`.
    pub async fn search(&self, question: String, k: usize) -> Result<JsValue, JsValue> {
        let started = js_sys::Date::now();
        let (index, model) = (self.index()?, self.model()?);
        let options = SearchOptions {
            k,
            ..SearchOptions::default()
        };
        let snapshot = index.snapshot();
        let result = snapshot
            .search_with(&*model, self.texts(), &question, &options)
            .await
            .map_err(thrown)?;
        let passages = &self.embedded_passages;
        passages.set(passages.get() + result.stats.recomputed);
        let mut hits = Vec::with_capacity(result.hits.len());
        for hit in result.hits {
            hits.push(place(&snapshot, hit).await.map_err(thrown)?);
        }
        plain(&Found {
            hits,
            recomputed: result.stats.recomputed,
            rounds: result.stats.rounds,
            codes_read: result.stats.codes_read,
            damaged: result.stats.damaged,
            ms: js_sys::Date::now() - started,
        })
    }
}

/// A hit with the headings it is under. Reads the document.
async fn place(snapshot: &Snapshot<Storage>, hit: Hit) -> Result<HitOut, Error> {
    let document = snapshot.document(&hit.document).await?;
    let text = document.map(|d| d.text).unwrap_or_default();
    Ok(HitOut {
        heading: headings::path(&text, hit.bytes.start).join(" › "),
        document_length: utf16_len(&text),
        id: hit.document,
        title: hit.title,
        metadata: hit.metadata,
        start: hit.utf16.start,
        end: hit.utf16.end,
        text: hit.text,
        score: hit.score,
    })
}
