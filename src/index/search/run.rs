//! One search, from the question to the hits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::candidates::{Eligible, KEYWORD_WEIGHT, wanted};
use super::shared::{Deadline, Passage};
use super::source::{Source, Texts};
use super::{
    Error, GroupBy, Hit, LeftOut, Mode, SearchOptions, SearchResult, SearchStats, Snapshot, Stage,
    StageName, Why, dot,
};
use crate::model::Embedder;
use crate::search::keyword::{Keywords, Ranking, rank};
use crate::search::pace::size;
use crate::search::{Pace, Rule, Search, Step};
use crate::store::Store;
use crate::text::utf16_len;

/// Share of the time until a deadline that counting words may take in a hybrid search.
const WORDS_SHARE: f64 = 0.5;

/// A search under way.
pub(super) struct Run<'a, S, T> {
    snapshot: &'a Snapshot<S>,
    options: &'a SearchOptions,
    pub(super) source: Source<'a, S, T>,
    deadline: Option<Deadline>,
    keywords: Keywords,
    /// Scores by words, in hybrid and keyword mode.
    words: Option<Ranking>,
    pub(super) stats: SearchStats,
    left_out: LeftOut,
}

/// A hit that is not read yet.
#[derive(Clone, Copy)]
struct Found {
    id: u32,
    score: f32,
    why: Why,
}

impl<'a, S: Store, T: Texts> Run<'a, S, T> {
    pub(super) fn new(
        snapshot: &'a Snapshot<S>,
        texts: &'a T,
        options: &'a SearchOptions,
    ) -> Result<Self, Error> {
        options.check()?;
        Ok(Self {
            snapshot,
            options,
            source: Source::new(snapshot, texts),
            deadline: snapshot.inner.search.deadline(options)?,
            keywords: Keywords::default(),
            words: None,
            stats: SearchStats::default(),
            left_out: LeftOut::default(),
        })
    }

    /// Answers a question. Without an embedder only by words.
    pub(super) async fn answer<E: Embedder, F: FnMut(Stage)>(
        &mut self,
        embedder: Option<&E>,
        question: &str,
        mut on_stage: Option<F>,
    ) -> Result<SearchResult, Error> {
        if let Some(embedder) = embedder {
            self.snapshot.check_model(embedder.id())?;
        }
        self.keywords = Keywords::parse(question);
        let mut eligible = self.snapshot.eligible(self.options.filter.as_ref()).await?;
        if self.options.mode != Mode::Semantic {
            eligible = self.count_words(eligible).await?;
            let hybrid = self.options.mode == Mode::Hybrid;
            if let (Some(on_stage), true) = (&mut on_stage, hybrid) {
                let found = self.by_words(&eligible).0;
                let hits = self.read(&found).await?;
                on_stage(Stage {
                    name: StageName::Keyword,
                    hits,
                });
            }
        }
        let query = match embedder {
            Some(embedder) if self.options.mode != Mode::Keyword => {
                self.embed_question(embedder, question).await?
            }
            _ => None,
        };
        let (Some(embedder), Some(query)) = (embedder, query) else {
            let (found, count) = self.by_words(&eligible);
            return self
                .finish(&found, count, StageName::Keyword, on_stage)
                .await;
        };
        self.by_meaning(embedder, &query, eligible, on_stage).await
    }

    /// Counts and ranks the words, and narrows what may be found to what phrases and exclusions allow.
    async fn count_words(&mut self, eligible: Eligible) -> Result<Eligible, Error> {
        let share = match self.options.mode {
            Mode::Keyword => 1.0,
            _ => WORDS_SHARE,
        };
        let deadline = self.deadline.clone();
        let rest = self.snapshot.inner.search.pace().finish();
        let late = || deadline.as_ref().is_some_and(|d| d.passed(share, rest));
        let postings = self
            .source
            .postings(&self.keywords, &mut self.stats, &mut self.left_out, late)
            .await?;
        let stretches: Vec<_> = postings.iter().map(|p| &**p).collect();
        self.words = Some(rank(&self.keywords, &stretches));
        self.source
            .narrow(eligible, &self.keywords, &postings)
            .await
    }

    /// The page by words alone, and how many chunks have any of them.
    fn by_words(&self, eligible: &Eligible) -> (Vec<Found>, usize) {
        let mut all: Vec<(u32, u32, f32)> = Vec::new();
        let (mut first, mut first_document) = (0, 0);
        let floor = self
            .options
            .min_score
            .filter(|_| self.options.mode == Mode::Keyword);
        let floor = floor.unwrap_or(0.0);
        for (at, view) in self.snapshot.state.views.iter().enumerate() {
            let scores = self.words.as_ref().map_or(&[][..], |w| &w.scores[at]);
            let table = &view.segment.table;
            for (chunk, &score) in (0u32..).zip(scores) {
                if score > 0.0 && score >= floor && eligible.has(at, view, chunk) {
                    let group = match self.options.group_by {
                        GroupBy::Chunk => first + chunk,
                        GroupBy::Document => first_document + table.document_of(chunk),
                    };
                    all.push((first + chunk, group, score));
                }
            }
            first += view.segment.codes.len() as u32;
            first_document += table.documents() as u32;
        }
        let count = all.len();
        all.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
        let mut groups = HashSet::new();
        all.retain(|(_, group, _)| groups.insert(*group));
        let page = all.iter().skip(self.options.offset).take(self.options.k);
        let found = page.map(|&(id, _, score)| Found {
            id,
            score,
            why: Why {
                keyword: Some(score),
                ..Why::default()
            },
        });
        (found.collect(), count)
    }

    /// The question's embedding, unless there is no time for it.
    async fn embed_question<E: Embedder>(
        &mut self,
        embedder: &E,
        question: &str,
    ) -> Result<Option<Arc<[f32]>>, Error> {
        let shared = &self.snapshot.inner.search;
        shared.reserve(embedder.dim());
        let text: Arc<str> = match self.options.mode {
            Mode::Hybrid if !self.keywords.plain().is_empty() => self.keywords.plain().into(),
            _ => question.into(),
        };
        if let Some(known) = shared.questions.known(&text) {
            return Ok(Some(known));
        }
        if let Some(said) = embedder.timing() {
            shared.pace().expect(said);
        }
        if self.options.mode == Mode::Hybrid
            && let Some(deadline) = &self.deadline
            && !shared
                .pace()
                .affords_question(deadline.left(), size(text.len()))
        {
            self.left_out.question = true;
            return Ok(None);
        }
        let wants = vec![(Arc::clone(&text), Arc::clone(&text))];
        let timed = shared.timed(Pace::question);
        // With a deadline, nothing is embedded for others.
        let most = self.deadline.as_ref().map_or(self.options.batch, |_| 1);
        let embedded = shared.questions.embed(embedder, wants, most, timed).await?;
        Ok(embedded.get(&text).cloned())
    }

    /// Ranks by the embedding of the question, and by words if they were counted.
    pub(super) async fn by_meaning<E: Embedder, F: FnMut(Stage)>(
        &mut self,
        embedder: &E,
        query: &Arc<[f32]>,
        eligible: Eligible,
        mut on_stage: Option<F>,
    ) -> Result<SearchResult, Error> {
        let options = self.options;
        let words = self.words.as_ref();
        // Earlier pages are settled first, exactly as when they were asked for.
        let k = options.k.max(1);
        let odd = Some(options.offset % k).filter(|first| *first > 0);
        let before = odd
            .into_iter()
            .chain(std::iter::repeat_n(k, options.offset / k));
        let mut sizes = before.chain(Some(options.k));
        let first = sizes.next().unwrap_or(0);
        // A walk for later pages looks further. It does so for the second, the fourth and so on as it did when those
        // were asked for, so that they are the same.
        let snapshot = self.snapshot;
        let last = options.offset + options.k;
        let mut reach = match snapshot.walks(&eligible, options) {
            true => first.max(1),
            false => last,
        };
        let (candidates, prior) =
            snapshot.candidates(query, &eligible, words, reach, options, &mut self.stats)?;
        let rule = Rule::new(options.recall, prior)?;
        let rule = rule.batch(options.batch).limit(options.limit);
        let mut search = Search::ranked(candidates, first, rule)?
            .floor(options.min_score.unwrap_or(f32::NEG_INFINITY))
            .horizon(wanted(first, options.recall));
        if let (Some(on_stage), 0) = (&mut on_stage, options.offset) {
            let found = self.outlook(&search, &HashMap::new());
            on_stage(Stage {
                name: StageName::Codes,
                hits: self.read(&found).await?,
            });
        }
        let mut exact = HashMap::new();
        let mut total = first;
        loop {
            self.run_to_end(embedder, query, &mut search, &mut exact)
                .await?;
            let Some(size) = sizes.next() else { break };
            total += size;
            search.turn(size, wanted(total, options.recall));
            if reach < total {
                while reach < total {
                    reach *= 2;
                }
                let words = self.words.as_ref();
                let (more, _) = snapshot.candidates(
                    query,
                    &eligible,
                    words,
                    reach,
                    options,
                    &mut self.stats,
                )?;
                search.extend(more)?;
            }
        }
        self.left_out.passages = search.left_out_by_limit();
        let found = self.outlook(&search, &exact);
        self.finish(&found, eligible.count, StageName::Exact, on_stage)
            .await
    }

    /// Embeds until the page is settled or time is up.
    async fn run_to_end<E: Embedder>(
        &mut self,
        embedder: &E,
        query: &[f32],
        search: &mut Search,
        exact: &mut HashMap<u32, f32>,
    ) -> Result<(), Error> {
        let shared = &self.snapshot.inner.search;
        shared.reserve(embedder.dim());
        loop {
            if let Some(deadline) = &self.deadline {
                let next: Vec<u32> = search.upcoming().take(self.options.batch).collect();
                let sizes = next.iter().map(|id| self.size(*id, exact));
                let now = shared.pace().affords(deadline.left(), sizes);
                let limit = match now {
                    0 => search.embedded(),
                    _ => self.options.limit,
                };
                search.pace(self.options.batch.min(now), limit);
            }
            let Step::Embed(ids) = search.step() else {
                return Ok(());
            };
            let ids = ids.to_vec();
            let mut unknown = Vec::new();
            for &id in &ids {
                if exact.contains_key(&id) {
                    continue;
                }
                match self.key(id).and_then(|key| shared.passages.known(&key)) {
                    Some(embedding) => {
                        self.stats.remembered += 1;
                        exact.insert(id, dot(query, &embedding));
                    }
                    None => unknown.push(id),
                }
            }
            let started = shared.clock().map(|clock| (clock.now_ms(), clock));
            let passages = self.source.passages(&unknown).await?;
            if let Some((before, clock)) = started {
                shared.pace().read(clock.now_ms() - before);
            }
            let lost = unknown.iter().zip(&passages).filter(|(_, p)| p.is_none());
            let lost: Vec<u32> = lost.map(|(id, _)| *id).collect();
            if !lost.is_empty() {
                // Damaged: what cannot be read leaves the race.
                self.stats.damaged += lost.len();
                search.lose(&lost);
                continue;
            }
            if !unknown.is_empty() {
                let keys = unknown.iter().filter_map(|id| self.key(*id));
                let texts = passages.into_iter().flatten().map(Arc::from);
                let wants: Vec<_> = keys.zip(texts).collect();
                // With a deadline, nothing is embedded for others.
                let most = match self.deadline {
                    Some(_) => wants.len(),
                    None => self.options.batch,
                };
                let timed = shared.timed(Pace::passages);
                let got = shared.passages.embed(embedder, wants, most, timed).await?;
                self.stats.recomputed += unknown.len();
                self.stats.rounds += 1;
                for &id in &unknown {
                    if let Some(embedding) = self.key(id).and_then(|key| got.get(&key)) {
                        exact.insert(id, dot(query, embedding));
                    }
                }
            }
            let scores: Vec<f32> = ids.iter().filter_map(|id| exact.get(id).copied()).collect();
            search.feed(&scores)?;
        }
    }

    /// How much of a passage counts for the time it takes to embed it: nothing if it is known.
    fn size(&self, id: u32, exact: &HashMap<u32, f32>) -> usize {
        let shared = &self.snapshot.inner.search;
        let known = exact.contains_key(&id)
            || self
                .key(id)
                .is_some_and(|key| shared.passages.known(&key).is_some());
        match self.snapshot.place(id) {
            Some((_, view, chunk)) if !known => size(view.segment.table.range_of(chunk).len()),
            _ => 0,
        }
    }

    fn key(&self, id: u32) -> Option<Passage> {
        let (_, view, chunk) = self.snapshot.place(id)?;
        Some((view.segment.number, chunk))
    }

    /// The page as it stands.
    fn outlook(&self, search: &Search, exact: &HashMap<u32, f32>) -> Vec<Found> {
        // What the rule let go by is behind what it embedded, unless time or the limit ended it.
        let page = if search.left_out_by_limit() > 0 || exact.is_empty() {
            search.outlook()
        } else {
            search.hits().iter().map(|hit| (*hit, true)).collect()
        };
        let found = page.into_iter().map(|(hit, is_exact)| {
            let keyword = self.keyword(hit.id);
            let estimate = hit.score - KEYWORD_WEIGHT * keyword.unwrap_or(0.0);
            let score = exact.get(&hit.id).copied().unwrap_or(estimate);
            Found {
                id: hit.id,
                score,
                why: Why {
                    semantic: Some(score),
                    keyword,
                    estimated: !is_exact,
                },
            }
        });
        found.collect()
    }

    fn keyword(&self, id: u32) -> Option<f32> {
        let words = self.words.as_ref()?;
        let (at, _, chunk) = self.snapshot.place(id)?;
        words.scores[at].get(chunk as usize).copied()
    }

    /// Reads the passages of hits and marks what to show of them.
    async fn read(&mut self, found: &[Found]) -> Result<Vec<Hit>, Error> {
        let mut hits = Vec::with_capacity(found.len());
        for one in found {
            match self.source.hit(one.id, one.score, one.why).await? {
                Some(hit) => hits.push(self.marked(hit)),
                None => self.stats.damaged += 1,
            }
        }
        Ok(hits)
    }

    fn marked(&self, mut hit: Hit) -> Hit {
        let marks = match self.options.mode {
            Mode::Keyword => self.keywords.marks(&hit.text),
            _ => {
                let usual = vec![1.0; self.keywords.terms().len()];
                let weights = self.words.as_ref().map_or(&usual, |words| &words.weights);
                self.keywords
                    .sentence(&hit.text, weights)
                    .into_iter()
                    .collect()
            }
        };
        let units = |to: usize| utf16_len(&hit.text[..to]);
        hit.marks = marks
            .into_iter()
            .map(|mark| units(mark.start)..units(mark.end))
            .collect();
        hit
    }

    async fn finish<F: FnMut(Stage)>(
        &mut self,
        found: &[Found],
        eligible: usize,
        name: StageName,
        on_stage: Option<F>,
    ) -> Result<SearchResult, Error> {
        let shared = &self.snapshot.inner.search;
        let started = shared.clock().map(|clock| (clock.now_ms(), clock));
        let hits = self.read(found).await?;
        if let Some((before, clock)) = started {
            shared.pace().read(clock.now_ms() - before);
        }
        if let Some(mut on_stage) = on_stage {
            on_stage(Stage {
                name,
                hits: hits.clone(),
            });
        }
        Ok(SearchResult {
            shortfall: self.options.k.saturating_sub(hits.len()),
            hits,
            eligible,
            left_out: self.left_out,
            stats: self.stats,
        })
    }
}
