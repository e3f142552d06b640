//! More like this: passages near a document or one of its passages.

use std::sync::Arc;

use super::run::Run;
use super::source::{Kept, Texts};
use super::{Error, Mode, SearchOptions, SearchResult, Snapshot, Stage};
use crate::model::Embedder;
use crate::search::Batch;
use crate::store::Store;

/// Passages of a document that stand for all of it, spread evenly.
const SAMPLE: usize = 16;

impl<S: Store> Snapshot<S> {
    /// Finds what is near in meaning to a document, or to one chunk of it, in other documents. Words do not
    /// count: it is always as with [`Mode::Semantic`].
    ///
    /// A document is taken as the mean of at most 16 of its passages. Those that are no longer remembered are
    /// embedded again.
    ///
    /// # Errors
    /// [`Error::NoDocument`] if it is not there or has no such chunk, and as [`Snapshot::search`].
    pub async fn similar<E: Embedder>(
        &self,
        embedder: &E,
        document: &str,
        chunk: Option<usize>,
        options: &SearchOptions,
    ) -> Result<SearchResult, Error> {
        self.similar_with(embedder, &Kept, document, chunk, options)
            .await
    }

    /// The same for an index that keeps no text.
    pub async fn similar_with<E: Embedder, T: Texts>(
        &self,
        embedder: &E,
        texts: &T,
        document: &str,
        chunk: Option<usize>,
        options: &SearchOptions,
    ) -> Result<SearchResult, Error> {
        self.check_model(embedder.id())?;
        let options = SearchOptions {
            mode: Mode::Semantic,
            ..options.clone()
        };
        let mut place = None;
        self.each_entry(|at, number, entry| {
            if entry.id == document && !self.state.views[at].dead_documents.contains(number) {
                place = Some((at, number));
            }
        })
        .await?;
        let unknown = || Error::NoDocument(document.to_owned());
        let (at, number) = place.ok_or_else(unknown)?;
        let view = &self.state.views[at];
        let all = view.segment.table.chunks_of(number);
        let chosen: Vec<u32> = match chunk {
            Some(chunk) => all.clone().skip(chunk).take(1).collect(),
            None => {
                let count = all.len().min(SAMPLE);
                let pick = |i: usize| all.start + (i * all.len() / count.max(1)) as u32;
                (0..count).map(pick).collect()
            }
        };
        if chosen.is_empty() {
            return Err(unknown());
        }
        let mut run = Run::new(self, texts, &options)?;
        let shared = &self.inner.search;
        shared.reserve(embedder.dim());
        let before: usize = self.state.views[..at]
            .iter()
            .map(|view| view.segment.codes.len())
            .sum();
        let mut query = vec![0f32; embedder.dim()];
        let mut add = |embedding: &[f32]| {
            let pairs = query.iter_mut().zip(embedding);
            pairs.for_each(|(sum, value)| *sum += value);
        };
        let mut wants: Batch<_> = Vec::new();
        for chunk in chosen {
            let key = (view.segment.number, chunk);
            if let Some(known) = shared.passages.known(&key) {
                add(&known);
                run.stats.remembered += 1;
            } else if let Some(text) = run.source.passage(before as u32 + chunk).await? {
                wants.push((key, text.into()));
            } else {
                run.stats.damaged += 1;
            }
        }
        if !wants.is_empty() {
            run.stats.recomputed += wants.len();
            run.stats.rounds += 1;
            let got = shared
                .passages
                .embed(embedder, wants, options.batch, |_, _| {})
                .await?;
            got.values().for_each(|embedding| add(embedding));
        }
        let norm = query.iter().map(|v| v * v).sum::<f32>().sqrt();
        if norm > 0.0 {
            query.iter_mut().for_each(|v| *v /= norm);
        }
        let mut eligible = self.eligible(options.filter.as_ref()).await?;
        eligible.leave(self, at, all);
        let query: Arc<[f32]> = query.into();
        run.by_meaning(embedder, &query, eligible, None::<fn(Stage)>)
            .await
    }
}
