//! The engine's documents: adding, removing, listing, reading.

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::error::{Thrown, thrown};
use super::model::Model;
use super::reporting::{Counting, Progress, Reporting};
use super::shapes::{AddedOut, DocumentIn, DocumentOut, FailureOut, GotOut, plain, read};
use super::storage::Storage;
use crate::index::{Added, Document, Error, Index, Texts, WriterOptions};
use crate::search::Filter;

#[wasm_bindgen]
impl Engine {
    /// Adds documents (`{ id, title, text, metadata }`, the last a string) and commits them together; one of a
    /// known id is replaced. `progress(done, total)` counts passages; a promise it returns is awaited, and if it
    /// throws the adding ends. What was committed on the way stays.
    pub async fn add(
        &self,
        documents: JsValue,
        progress: Option<Function>,
    ) -> Result<JsValue, JsValue> {
        let documents: Vec<DocumentIn> = read("documents", documents)?;
        let (index, model) = (self.index()?, self.model()?);
        let progress = Progress::new(progress.as_ref());
        let added = add(&index, &model, documents, &progress).await;
        let (passages, to_add) = (&self.embedded_passages, &self.embedded_to_add);
        passages.set(passages.get() + progress.done());
        to_add.set(to_add.get() + progress.done());
        plain(&added.map_err(thrown)?)
    }

    /// Removes documents and commits. Resolves with how many there were.
    pub async fn remove(&self, ids: JsValue) -> Result<usize, JsValue> {
        let ids: Vec<String> = read("ids", ids)?;
        let (index, model) = (self.index()?, self.model()?);
        remove(&index, &model, &ids).await.map_err(thrown)
    }

    /// Removes the documents whose metadata pass a filter, written as in a search, and commits. Resolves with how
    /// many there were.
    #[wasm_bindgen(js_name = removeWhere)]
    pub async fn remove_where(&self, filter: JsValue) -> Result<usize, JsValue> {
        let filter: serde_json::Value = read("filter", filter)?;
        let filter = Filter::from_value(&filter).map_err(|e| thrown(Error::from(e)))?;
        let (index, model) = (self.index()?, self.model()?);
        index.refresh().await.map_err(thrown)?;
        let listed = index.snapshot().list().await.map_err(thrown)?;
        let passing = listed.into_iter().filter(|d| filter.passes(&d.metadata));
        let ids: Vec<String> = passing.map(|d| d.id).collect();
        remove(&index, &model, &ids).await.map_err(thrown)
    }

    /// The documents: `{ id, title, metadata, chunks, textBytes }`.
    pub async fn documents(&self) -> Result<JsValue, JsValue> {
        let Some(index) = self.found() else {
            return plain(&Vec::<DocumentOut>::new());
        };
        let listed = index.snapshot().list().await.map_err(thrown)?;
        let documents = listed.into_iter().map(|d| DocumentOut {
            id: d.id,
            title: d.title,
            metadata: d.metadata,
            chunks: d.chunks,
            text_bytes: d.text_bytes,
        });
        plain(&documents.collect::<Vec<_>>())
    }

    /// A document, `{ id, title, text, metadata }`, or `undefined` if it is not there. `text` is `null` if the
    /// index keeps none and the application has none.
    pub async fn get(&self, id: String) -> Result<JsValue, JsValue> {
        let Some(index) = self.found() else {
            return Ok(JsValue::UNDEFINED);
        };
        let found = index.snapshot().document(&id).await.map_err(thrown)?;
        let Some(document) = found else {
            return Ok(JsValue::UNDEFINED);
        };
        let text = match self.texts().text(&id).await {
            Err(Error::NoText) => Some(document.text),
            provided => provided.map_err(thrown)?,
        };
        plain(&GotOut {
            id: document.id,
            title: document.title,
            text,
            metadata: document.metadata,
        })
    }

    /// The text of a document, or `undefined` if it is not there.
    pub async fn text(&self, id: String) -> Result<Option<String>, JsValue> {
        let index = self.index()?;
        let found = index.snapshot().document(&id).await.map_err(thrown)?;
        Ok(found.map(|document| document.text))
    }
}

async fn add(
    index: &Index<Storage>,
    model: &Model,
    documents: Vec<DocumentIn>,
    progress: &Progress<'_>,
) -> Result<Vec<AddedOut>, Error> {
    let mut writer = index.writer(WriterOptions::default()).await?;
    let embedder = Reporting {
        inner: model,
        slice: model.slice(),
        progress,
    };
    let chunker = Counting {
        inner: model,
        progress,
    };
    let mut added = Vec::with_capacity(documents.len());
    for document in documents {
        let before = progress.total();
        let id = document.id.clone();
        let document = Document {
            id: document.id,
            title: document.title,
            text: document.text,
            metadata: document.metadata,
        };
        let (outcome, error) = match writer.add(&embedder, &chunker, document).await {
            Ok(Added::New) => ("added", None),
            Ok(Added::Replaced) => ("replaced", None),
            Ok(Added::Unchanged) => ("unchanged", None),
            // The fault of this document alone.
            Err(error @ (Error::TooLarge { .. } | Error::Text(_))) => {
                let error = FailureOut {
                    code: error.code(),
                    message: error.to_string(),
                };
                ("failed", Some(error))
            }
            Err(error) => return Err(error),
        };
        added.push(AddedOut {
            id,
            outcome,
            chunks: progress.total() - before,
            error,
        });
    }
    writer.commit(&embedder).await?;
    Ok(added)
}

async fn remove(index: &Index<Storage>, model: &Model, ids: &[String]) -> Result<usize, Error> {
    let mut writer = index.writer(WriterOptions::default()).await?;
    let removed = ids.iter().filter(|id| writer.remove(id)).count();
    writer.commit(model).await?;
    Ok(removed)
}
