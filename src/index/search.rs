//! Asking an index: candidates by code, exact scores by embedding the best of them again, passages.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::documents::Entry;
use super::segment::Cache;
use super::snapshot::View;
use super::{Error, Index, Snapshot};
use crate::graph::{Ending, Scratch};
use crate::model::{Embedder, Role};
use crate::search::{Candidate, Rule, Search, Step};
use crate::store::Store;
use crate::text::utf16_len;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOptions {
    /// Passages wanted.
    pub k: usize,
    /// Share of the exact top `k` to be found, on average over questions. 1 embeds every chunk.
    pub target_recall: f32,
    /// Passages per batch: what the device does well at once.
    pub batch: usize,
    /// Passages to embed, at most.
    pub limit: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            k: 5,
            target_recall: 0.95,
            batch: 32,
            limit: usize::MAX,
        }
    }
}

/// A passage that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Id of its document.
    pub document: String,
    /// Title of its document.
    pub title: String,
    /// Metadata of its document.
    pub metadata: String,
    /// Which chunk of its document, from 0.
    pub chunk: usize,
    /// Where it is in the document's text, in bytes.
    pub bytes: Range<usize>,
    /// The same in UTF-16 units, as JavaScript counts.
    pub utf16: Range<usize>,
    /// The passage.
    pub text: String,
    /// Inner product of the embeddings of question and passage, exact.
    pub score: f32,
}

/// What a search cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchStats {
    /// Passages embedded again.
    pub recomputed: usize,
    /// Dependent rounds of them.
    pub rounds: usize,
    /// Codes scored.
    pub codes_read: usize,
    /// Chunks that could not be read because a block is damaged ([`Snapshot::verify`]).
    pub damaged: usize,
}

/// Passages, best first, and what finding them cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchResult {
    /// At most `k`.
    pub hits: Vec<Hit>,
    /// What it cost.
    pub stats: SearchStats,
}

/// Where the texts are if the index does not keep them.
#[allow(async_fn_in_trait)]
pub trait Texts {
    /// The text of a document as it was added, or `None` if it is gone.
    async fn text(&self, document: &str) -> Result<Option<String>, Error>;
}

/// No texts but those the index keeps.
struct Kept;

impl Texts for Kept {
    async fn text(&self, _: &str) -> Result<Option<String>, Error> {
        Err(Error::NoText)
    }
}

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
}

impl<S: Store> Snapshot<S> {
    /// Finds the passages nearest in meaning to a question.
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
        self.check_model(embedder.id())?;
        let query = embed(embedder, Role::Query, &[question]).await?;
        let mut stats = SearchStats::default();
        let mut candidates = self.candidates(&query, options, &mut stats)?;
        let rule = Rule::new(options.target_recall, self.state.coder.prior())?;
        let rule = rule.batch(options.batch).limit(options.limit);
        let mut source = Source::new(self, texts);
        let mut exact = HashMap::new();
        let search = 'again: loop {
            let mut search = Search::new(candidates.clone(), options.k, rule)?;
            while let Step::Embed(ids) = search.step() {
                let new: Vec<u32> = ids
                    .iter()
                    .copied()
                    .filter(|id| !exact.contains_key(id))
                    .collect();
                let passages = source.passages(&new).await?;
                if passages.iter().any(Option::is_none) {
                    // Damaged: what cannot be read leaves the race, which starts again with what is known.
                    let lost = new.iter().zip(&passages).filter(|(_, p)| p.is_none());
                    let lost: HashSet<u32> = lost.map(|(id, _)| *id).collect();
                    stats.damaged += lost.len();
                    candidates.retain(|c| !lost.contains(&c.id));
                    continue 'again;
                }
                let passages: Vec<&str> = passages.iter().flatten().map(String::as_str).collect();
                if !passages.is_empty() {
                    let embeddings = embed(embedder, Role::Passage, &passages).await?;
                    stats.recomputed += new.len();
                    stats.rounds += 1;
                    let rows = embeddings.chunks_exact(query.len().max(1));
                    exact.extend(new.iter().copied().zip(rows.map(|row| dot(&query, row))));
                }
                let scores: Vec<f32> = ids.iter().filter_map(|id| exact.get(id).copied()).collect();
                search.feed(&scores)?;
            }
            break search;
        };
        let mut hits = Vec::with_capacity(search.hits().len());
        for hit in search.hits() {
            match source.hit(hit.id, hit.score).await? {
                Some(hit) => hits.push(hit),
                None => stats.damaged += 1,
            }
        }
        Ok(SearchResult { hits, stats })
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

    /// The most promising chunks by their codes. Ids run through the segments in order.
    fn candidates(
        &self,
        query: &[f32],
        options: &SearchOptions,
        stats: &mut SearchStats,
    ) -> Result<Vec<Candidate>, Error> {
        let scorer = self.state.coder.scorer(query)?;
        let wanted = if options.target_recall >= 1.0 {
            usize::MAX
        } else {
            options.k.saturating_mul(CANDIDATES_PER_HIT).max(CANDIDATES)
        };
        let mut found = Vec::new();
        let mut scores = Vec::new();
        let mut scratch = Scratch::default();
        let mut first = 0u32;
        for view in &self.state.views {
            let codes = &view.segment.codes;
            let live = |chunk: u32| !view.dead_chunks.contains(chunk);
            match &view.segment.graph {
                Some(graph) if wanted < usize::MAX => {
                    let spread = self.state.coder.prior().spread;
                    let ending =
                        Ending::for_codes(options.k, wanted, spread, options.target_recall);
                    let walked = graph.walk(
                        |chunk| scorer.score(codes, chunk),
                        live,
                        ending,
                        &mut scratch,
                    );
                    found.extend(walked.iter().map(|c| Candidate {
                        id: first + c.id,
                        score: c.score,
                    }));
                    stats.codes_read += scratch.codes_read();
                }
                _ => {
                    scorer.score_all(codes, &mut scores);
                    stats.codes_read += scores.len();
                    let all = (0u32..).zip(&scores).filter(|(chunk, _)| live(*chunk));
                    found.extend(all.map(|(chunk, &score)| Candidate {
                        id: first + chunk,
                        score,
                    }));
                }
            }
            first += codes.len() as u32;
            keep_best(&mut found, wanted);
        }
        Ok(found)
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

/// Candidates handed to the search: enough that the stop rule, not their number, ends it.
const CANDIDATES: usize = 512;
const CANDIDATES_PER_HIT: usize = 32;

fn keep_best(candidates: &mut Vec<Candidate>, wanted: usize) {
    if candidates.len() > wanted {
        candidates.select_nth_unstable_by(wanted, |a, b| {
            b.score.total_cmp(&a.score).then(a.id.cmp(&b.id))
        });
        candidates.truncate(wanted);
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

/// Fetches passages and names for one search.
struct Source<'a, S, T> {
    snapshot: &'a Snapshot<S>,
    texts: &'a T,
    cache: Cache,
    /// Pages of documents by segment and page; a page that cannot be read is an empty one.
    entries: BTreeMap<(usize, usize), Vec<Entry>>,
    /// Texts from outside by segment and document.
    outside: BTreeMap<(usize, u32), Option<String>>,
}

impl<'a, S: Store, T: Texts> Source<'a, S, T> {
    fn new(snapshot: &'a Snapshot<S>, texts: &'a T) -> Self {
        Self {
            snapshot,
            texts,
            cache: Cache::default(),
            entries: BTreeMap::new(),
            outside: BTreeMap::new(),
        }
    }

    /// The passages of chunks; `None` for those that cannot be read.
    async fn passages(&mut self, ids: &[u32]) -> Result<Vec<Option<String>>, Error> {
        // In the order of the text, so that neighbours share a page.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_unstable_by_key(|&i| ids[i]);
        let mut passages = vec![None; ids.len()];
        for i in order {
            passages[i] = self.passage(ids[i]).await?;
        }
        Ok(passages)
    }

    async fn passage(&mut self, id: u32) -> Result<Option<String>, Error> {
        let Some((at, view, chunk)) = self.snapshot.place(id) else {
            return Ok(None);
        };
        let table = &view.segment.table;
        let document = table.document_of(chunk);
        let range = table.range_of(chunk);
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

    async fn entry(
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

    async fn hit(&mut self, id: u32, score: f32) -> Result<Option<Hit>, Error> {
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
        }))
    }
}
