//! Passages and names of one search, read page by page.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::documents::Entry;
use super::super::segment::Cache;
use super::super::snapshot::View;
use super::{Error, Hit, Snapshot, Why};
use crate::store::Store;
use crate::text::utf16_len;

/// Where the texts are if the index does not keep them.
#[allow(async_fn_in_trait)]
pub trait Texts {
    /// The text of a document as it was added, or `None` if it is gone.
    async fn text(&self, document: &str) -> Result<Option<String>, Error>;
}

/// No texts but those the index keeps.
pub(super) struct Kept;

impl Texts for Kept {
    async fn text(&self, _: &str) -> Result<Option<String>, Error> {
        Err(Error::NoText)
    }
}

/// Fetches passages and names for one search.
pub(super) struct Source<'a, S, T> {
    pub(super) snapshot: &'a Snapshot<S>,
    texts: &'a T,
    cache: Cache,
    /// Pages of documents by segment and page; a page that cannot be read is an empty one.
    entries: BTreeMap<(usize, usize), Vec<Entry>>,
    /// Texts from outside by segment and document.
    outside: BTreeMap<(usize, u32), Option<String>>,
}

impl<'a, S: Store, T: Texts> Source<'a, S, T> {
    pub(super) fn new(snapshot: &'a Snapshot<S>, texts: &'a T) -> Self {
        Self {
            snapshot,
            texts,
            cache: Cache::default(),
            entries: BTreeMap::new(),
            outside: BTreeMap::new(),
        }
    }

    /// The passages of chunks; `None` for those that cannot be read.
    pub(super) async fn passages(&mut self, ids: &[u32]) -> Result<Vec<Option<String>>, Error> {
        // In the order of the text, so that neighbours share a page.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_unstable_by_key(|&i| ids[i]);
        let mut passages = vec![None; ids.len()];
        self.prefetch(order.iter().map(|&i| ids[i])).await?;
        for i in order {
            passages[i] = self.passage(ids[i]).await?;
        }
        Ok(passages)
    }

    /// Pages of the text of chunks, in one round trip where the store has to pay for them.
    async fn prefetch(&mut self, ids: impl Iterator<Item = u32>) -> Result<(), Error> {
        if !self.snapshot.state.manifest.keeps_text {
            return Ok(());
        }
        let snapshot = self.snapshot;
        let blocks = ids.flat_map(|id| {
            let place = snapshot.place(id).map(|(_, view, chunk)| {
                let (table, range) = (&view.segment.table, view.segment.table.range_of(chunk));
                let start = table.text_of(table.document_of(chunk)).start;
                let range = start + u64::from(range.start)..start + u64::from(range.end);
                view.segment.blocks_of(range)
            });
            place.into_iter().flatten()
        });
        self.cache.prefetch(&snapshot.inner.store, blocks).await
    }

    pub(super) async fn passage(&mut self, id: u32) -> Result<Option<String>, Error> {
        let Some((at, view, chunk)) = self.snapshot.place(id) else {
            return Ok(None);
        };
        let table = &view.segment.table;
        let document = table.document_of(chunk);
        self.stretch(at, view, document, table.range_of(chunk))
            .await
    }

    /// Part of a document's text; `None` if it cannot be read.
    pub(super) async fn stretch(
        &mut self,
        at: usize,
        view: &View,
        document: u32,
        range: Range<u32>,
    ) -> Result<Option<String>, Error> {
        let table = &view.segment.table;
        if !self.snapshot.state.manifest.keeps_text {
            let text = self.outside(at, view, document).await?;
            let passage = text.and_then(|t| t.get(range.start as usize..range.end as usize));
            return Ok(passage.map(str::to_owned));
        }
        let start = table.text_of(document).start;
        let range = start + u64::from(range.start)..start + u64::from(range.end);
        let store = &self.snapshot.inner.store;
        match view.segment.text(store, range, &mut self.cache).await? {
            Ok(text) => Ok(Some(text)),
            Err(damage) => self.snapshot.gone(&damage).await.map(|()| None),
        }
    }

    async fn outside(
        &mut self,
        at: usize,
        view: &View,
        document: u32,
    ) -> Result<Option<&str>, Error> {
        if !self.outside.contains_key(&(at, document)) {
            let text = match self.entry(at, view, document).await? {
                Some(entry) => {
                    let text = self.texts.text(&entry.id).await?;
                    // A document that changed since it was added has other passages: it has to be added again.
                    text.filter(|text| entry.is_of(text))
                }
                None => None,
            };
            self.outside.insert((at, document), text);
        }
        Ok(self.outside.get(&(at, document)).and_then(Option::as_deref))
    }

    pub(super) async fn entry(
        &mut self,
        at: usize,
        view: &View,
        document: u32,
    ) -> Result<Option<Entry>, Error> {
        let page = view.segment.entry_page_of(document);
        if !self.entries.contains_key(&(at, page)) {
            let store = &self.snapshot.inner.store;
            let read = match view.segment.entries(store, page).await? {
                Ok(entries) => entries,
                Err(damage) => {
                    self.snapshot.gone(&damage).await?;
                    Vec::new()
                }
            };
            self.entries.insert((at, page), read);
        }
        let first = view.segment.entry_pages()[page].0;
        let entries = self.entries.get(&(at, page));
        Ok(entries
            .and_then(|e| e.get((document - first) as usize))
            .cloned())
    }

    /// The title of a chunk's document.
    pub(super) async fn title(&mut self, id: u32) -> Result<Option<String>, Error> {
        let Some((at, view, chunk)) = self.snapshot.place(id) else {
            return Ok(None);
        };
        let document = view.segment.table.document_of(chunk);
        let entry = self.entry(at, view, document).await?;
        Ok(entry.map(|entry| entry.title))
    }

    /// A chunk as a hit, without marks.
    pub(super) async fn hit(
        &mut self,
        id: u32,
        score: f32,
        why: Why,
    ) -> Result<Option<Hit>, Error> {
        let Some((at, view, chunk)) = self.snapshot.place(id) else {
            return Ok(None);
        };
        let table = &view.segment.table;
        let document = table.document_of(chunk);
        let range = table.range_of(chunk);
        let bytes = range.start as usize..range.end as usize;
        let (Some(entry), Some(text)) = (
            self.entry(at, view, document).await?,
            self.passage(id).await?,
        ) else {
            return Ok(None);
        };
        let before = if self.snapshot.state.manifest.keeps_text {
            let start = table.text_of(document).start;
            let range = start..start + u64::from(range.start);
            let store = &self.snapshot.inner.store;
            match view.segment.utf16(store, range, &mut self.cache).await? {
                Ok(units) => units as usize,
                Err(damage) => return self.snapshot.gone(&damage).await.map(|()| None),
            }
        } else {
            let whole = self.outside(at, view, document).await?;
            whole
                .and_then(|t| t.get(..bytes.start))
                .map_or(0, utf16_len)
        };
        Ok(Some(Hit {
            document: entry.id,
            title: entry.title,
            metadata: entry.metadata,
            chunk: (chunk - table.chunks_of(document).start) as usize,
            utf16: before..before + utf16_len(&text),
            bytes,
            text,
            score,
            why,
            marks: Vec::new(),
        }))
    }
}
