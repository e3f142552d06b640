//! An embedder and a chunker that count, report progress, and let other calls in between two batches.

use std::cell::Cell;
use std::ops::Range;

use js_sys::Function;
use wasm_bindgen::JsValue;

use super::callback::call;
use super::error::message;
use crate::model::{Embedder, Embeddings, Error, ModelId, Role};
use crate::text::Chunker;

/// Progress of one `add`: chunks embedded of chunks known so far.
pub(super) struct Progress<'a> {
    report: Option<&'a Function>,
    done: Cell<usize>,
    total: Cell<usize>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(report: Option<&'a Function>) -> Self {
        Self {
            report,
            done: Cell::new(0),
            total: Cell::new(0),
        }
    }

    /// Chunks embedded.
    pub(super) fn done(&self) -> usize {
        self.done.get()
    }

    /// Chunks known.
    pub(super) fn total(&self) -> usize {
        self.total.get()
    }

    /// Tells the page, and waits for what it answers: that is where other calls come in.
    async fn tell(&self) -> Result<(), JsValue> {
        let Some(report) = self.report else {
            return Ok(());
        };
        let (done, total) = (self.done.get() as f64, self.total.get() as f64);
        call(report, &[done.into(), total.into()]).await.map(drop)
    }
}

/// Embeds in slices of at most `slice` texts, reporting after each.
pub(super) struct Reporting<'a, E> {
    pub inner: &'a E,
    pub slice: usize,
    pub progress: &'a Progress<'a>,
}

impl<E: Embedder> Embedder for Reporting<'_, E> {
    fn id(&self) -> &ModelId {
        self.inner.id()
    }

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let mut values = Vec::with_capacity(texts.len() * self.dim());
        for slice in texts.chunks(self.slice.max(1)) {
            values.extend(self.inner.embed(role, slice).await?.values);
            self.progress
                .done
                .set(self.progress.done.get() + slice.len());
            let told = self.progress.tell().await;
            told.map_err(|e| Error::Embedder(format!("it was stopped: {}", message(&e))))?;
        }
        Ok(Embeddings {
            dim: self.dim(),
            values,
        })
    }
}

/// Counts the chunks it passes on.
pub(super) struct Counting<'a, C> {
    pub inner: &'a C,
    pub progress: &'a Progress<'a>,
}

impl<C: Chunker> Chunker for Counting<'_, C> {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let chunks = self.inner.chunks(text);
        self.progress
            .total
            .set(self.progress.total.get() + chunks.len());
        chunks
    }
}
