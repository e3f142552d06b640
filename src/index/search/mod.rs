//! Asking an index: candidates by words and by code, exact scores by embedding the best of them again, passages.
//!
//! [`run`] is one search from the question to the hits; what several share is in [`shared`].

mod candidates;
mod desk;
mod eligible;
mod hit;
mod options;
mod run;
mod shared;
mod similar;
mod source;
mod words;

use std::sync::Arc;

pub use hit::{Hit, LeftOut, SearchResult, SearchStats, Stage, StageName, Why};
pub use options::{GroupBy, Mode, SearchOptions};
pub(in crate::index) use shared::Shared;
pub use source::Texts;

use super::snapshot::View;
use super::{Error, Index, Snapshot};
use crate::model::{Embedder, Role};
use crate::search::Clock;
use crate::store::Store;
use run::Run;
use source::Kept;

impl<S: Store> Index<S> {
    /// Searches the newest generation of this handle. If another writer has moved on so far that pages are
    /// gone, the newest generation of the store is opened and searched instead.
    pub async fn search<E: Embedder>(
        &self,
        embedder: &E,
        question: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult, Error> {
        match self.snapshot().search(embedder, question, options).await {
            Err(Error::Superseded) => {
                self.refresh().await?;
                self.snapshot().search(embedder, question, options).await
            }
            result => result,
        }
    }

    /// The same, with what is known so far along the way: see [`Snapshot::search_stream`].
    pub async fn search_stream<E: Embedder, F: FnMut(Stage)>(
        &self,
        embedder: &E,
        question: &str,
        options: &SearchOptions,
        mut on_stage: F,
    ) -> Result<SearchResult, Error> {
        let first = self
            .snapshot()
            .search_stream(embedder, question, options, &mut on_stage)
            .await;
        match first {
            Err(Error::Superseded) => {
                self.refresh().await?;
                self.snapshot()
                    .search_stream(embedder, question, options, on_stage)
                    .await
            }
            result => result,
        }
    }

    /// The clock that deadlines are measured by. Natively there is one from the start.
    pub fn set_clock(&self, clock: Arc<dyn Clock>) {
        self.inner.search.set_clock(clock);
    }

    /// Bytes of recomputed embeddings that are kept in memory for the next questions, 8 MiB unless told
    /// otherwise. They are never stored.
    pub fn set_memory(&self, bytes: usize) {
        self.inner.search.set_memory(bytes);
    }
}

impl<S: Store> Snapshot<S> {
    /// Finds the passages that answer a question.
    ///
    /// # Errors
    /// [`Error::Search`] for options or filters that make no sense, [`Error::OtherModel`] for another model
    /// than the index's, [`Error::Superseded`], and whatever store and embedder fail with.
    pub async fn search<E: Embedder>(
        &self,
        embedder: &E,
        question: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult, Error> {
        self.search_with(embedder, &Kept, question, options).await
    }

    /// The same for an index that keeps no text.
    pub async fn search_with<E: Embedder, T: Texts>(
        &self,
        embedder: &E,
        texts: &T,
        question: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult, Error> {
        let mut run = Run::new(self, texts, options)?;
        run.answer(Some(embedder), question, None::<fn(Stage)>)
            .await
    }

    /// The same, with what is known so far along the way: hits by words, then by code, both without embedding
    /// any passage, then the answer. `on_stage` gets each that the mode has, the answer included.
    pub async fn search_stream<E: Embedder, F: FnMut(Stage)>(
        &self,
        embedder: &E,
        question: &str,
        options: &SearchOptions,
        on_stage: F,
    ) -> Result<SearchResult, Error> {
        self.search_stream_with(embedder, &Kept, question, options, on_stage)
            .await
    }

    /// The same for an index that keeps no text.
    pub async fn search_stream_with<E: Embedder, T: Texts, F: FnMut(Stage)>(
        &self,
        embedder: &E,
        texts: &T,
        question: &str,
        options: &SearchOptions,
        on_stage: F,
    ) -> Result<SearchResult, Error> {
        let mut run = Run::new(self, texts, options)?;
        run.answer(Some(embedder), question, Some(on_stage)).await
    }

    /// Finds passages by words alone, as with [`Mode::Keyword`]: no model is needed.
    pub async fn search_words(
        &self,
        question: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult, Error> {
        self.search_words_with(&Kept, question, options).await
    }

    /// The same for an index that keeps no text.
    pub async fn search_words_with<T: Texts>(
        &self,
        texts: &T,
        question: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult, Error> {
        let options = SearchOptions {
            mode: Mode::Keyword,
            ..options.clone()
        };
        let mut run = Run::new(self, texts, &options)?;
        run.answer(None::<&NoModel>, question, None::<fn(Stage)>)
            .await
    }

    pub(super) fn check_model(&self, given: &crate::model::ModelId) -> Result<(), Error> {
        let index = &self.state.manifest.model;
        if index == given {
            return Ok(());
        }
        Err(Error::OtherModel {
            index: Box::new(index.clone()),
            given: Box::new(given.clone()),
        })
    }

    /// Segment and chunk of an id.
    fn place(&self, id: u32) -> Option<(usize, &View, u32)> {
        let mut chunk = id;
        for (at, view) in self.state.views.iter().enumerate() {
            let chunks = view.segment.codes.len() as u32;
            if chunk < chunks {
                return Some((at, view, chunk));
            }
            chunk -= chunks;
        }
        None
    }
}

/// Stands where no embedder is needed: there is none of it.
enum NoModel {}

impl Embedder for NoModel {
    fn id(&self) -> &crate::model::ModelId {
        match *self {}
    }

    fn dim(&self) -> usize {
        match *self {}
    }

    async fn embed(
        &self,
        _: Role,
        _: &[&str],
    ) -> Result<crate::model::Embeddings, crate::model::Error> {
        match *self {}
    }
}

/// Embeds, and checks that the embedder returned what it should.
pub(super) async fn embed<E: Embedder>(
    embedder: &E,
    role: Role,
    texts: &[&str],
) -> Result<Vec<f32>, Error> {
    let embeddings = embedder.embed(role, texts).await?;
    let dim = embedder.dim();
    if embeddings.dim != dim || embeddings.values.len() != texts.len() * dim {
        return Err(Error::Shape {
            found: embeddings.values.len(),
            texts: texts.len(),
            dim,
        });
    }
    Ok(embeddings.values)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
