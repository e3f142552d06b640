//! The most promising chunks, by their codes and by words.

use std::collections::HashSet;

use super::super::snapshot::{Bits, View};
use super::{Error, GroupBy, SearchOptions, SearchStats, Snapshot};
use crate::codec::{Prior, Scorer};
use crate::graph::{Ending, Scratch};
use crate::search::keyword::Ranking;
use crate::search::{Candidate, Ranked};
use crate::store::Store;

/// What may be found.
pub(super) struct Eligible {
    /// Per segment its chunks that pass; `None`: all that are live.
    pub views: Option<Vec<Bits>>,
    /// How many there are.
    pub count: usize,
}

impl Eligible {
    /// Whether a chunk of a segment may be found.
    pub(super) fn has(&self, at: usize, view: &View, chunk: u32) -> bool {
        let passes = |views: &Vec<Bits>| views[at].contains(chunk);
        !view.dead_chunks.contains(chunk) && self.views.as_ref().is_none_or(passes)
    }

    fn count_in(&self, at: usize, view: &View) -> usize {
        let bits = self.views.as_ref().map(|views| views[at].len() as usize);
        bits.unwrap_or_else(|| view.live_chunks())
    }

    /// Whether to scan a segment rather than to walk its graph: a walk reads the more the fewer chunks pass; where a
    /// scan of those reads less, it is taken.
    fn scan(&self, at: usize, view: &View) -> bool {
        let count = self.count_in(at, view);
        count.saturating_mul(count) <= WALK * view.segment.codes.len()
    }
}

/// Candidates handed to the search: enough that the stop rule, not their number, ends it.
const CANDIDATES: usize = 512;
const CANDIDATES_PER_HIT: usize = 32;
/// What the score by words (a share of the best possible) adds to the inner product in a hybrid search. Chosen on
/// the SQuAD questions of even number: `docs/search.md`.
pub(super) const KEYWORD_WEIGHT: f32 = 1.0;
/// Codes that a walk of a graph reads at the least, if everything may be found.
const WALK: usize = 1_000;

/// How many candidates are needed for so many hits.
pub(super) fn wanted(hits: usize, recall: f32) -> usize {
    if recall >= 1.0 {
        usize::MAX
    } else {
        hits.saturating_mul(CANDIDATES_PER_HIT).max(CANDIDATES)
    }
}

impl<S: Store> Snapshot<S> {
    /// Whether a graph of a segment is walked, which may miss what a scan or a longer walk finds.
    pub(super) fn walks(&self, eligible: &Eligible, options: &SearchOptions) -> bool {
        let mut views = self.state.views.iter().enumerate();
        options.recall < 1.0
            && views.any(|(at, view)| view.segment.graph.is_some() && !eligible.scan(at, view))
    }

    /// The most promising chunks for so many hits by code and, in a hybrid search, by words, and what to expect of the error of their
    /// scores. Ids run through the segments in order.
    pub(super) fn candidates(
        &self,
        query: &[f32],
        eligible: &Eligible,
        words: Option<&Ranking>,
        hits: usize,
        options: &SearchOptions,
        stats: &mut SearchStats,
    ) -> Result<(Vec<Ranked>, Prior), Error> {
        let scorer = self.state.coder.scorer(query)?;
        let wanted = wanted(hits, options.recall);
        let mut found = Vec::new();
        let mut scratch = Scratch::default();
        let (mut first, mut first_document) = (0u32, 0u32);
        for (at, view) in self.state.views.iter().enumerate() {
            let words = words.map(|words| &words.scores[at][..]);
            let table = &view.segment.table;
            let ranked = |chunk: u32, score: f32| Ranked {
                candidate: Candidate {
                    id: first + chunk,
                    score,
                },
                addend: words.map_or(0.0, |words| KEYWORD_WEIGHT * words[chunk as usize]),
                group: match options.group_by {
                    GroupBy::Chunk => first + chunk,
                    GroupBy::Document => first_document + table.document_of(chunk),
                },
            };
            let live = |chunk: u32| eligible.has(at, view, chunk);
            let codes = &view.segment.codes;
            let chunks = codes.len() as u32;
            let count = eligible.count_in(at, view);
            match &view.segment.graph {
                Some(graph) if wanted < usize::MAX && !eligible.scan(at, view) => {
                    let prior = self.state.coder.prior();
                    let spread = prior.for_gain(codes.mean_gain()).spread;
                    let ending = Ending::for_codes(hits, wanted, spread, options.recall);
                    let score = |chunk: u32| scorer.score(codes, chunk);
                    let walked = graph.walk(score, live, ending, &mut scratch);
                    let walked: HashSet<u32> = walked.iter().map(|c| c.id).collect();
                    found.extend(scratch.found().iter().map(|c| ranked(c.id, c.score)));
                    stats.codes_read += scratch.codes_read();
                    let mut by_words = best_by_words(words, live, wanted);
                    by_words.retain(|chunk| !walked.contains(chunk));
                    stats.codes_read += by_words.len();
                    found.extend(by_words.into_iter().map(|c| ranked(c, score(c))));
                }
                _ if count * 4 < chunks as usize => {
                    let passing = (0..chunks).filter(|chunk| live(*chunk));
                    found.extend(passing.map(|chunk| ranked(chunk, scorer.score(codes, chunk))));
                    stats.codes_read += count;
                }
                _ => self.scan(&scorer, view, live, ranked, &mut found, stats),
            }
            first += chunks;
            first_document += table.documents() as u32;
            keep_best(&mut found, wanted);
        }
        let gain = |id| {
            let place = self.place(id);
            place.map_or(0.0, |(_, view, chunk)| view.segment.codes.gain(chunk))
        };
        let scored = found.iter().map(|c| (total(c), c.candidate.id));
        let prior = self.state.coder.prior().for_best(scored, gain);
        Ok((found, prior))
    }

    fn scan(
        &self,
        scorer: &Scorer,
        view: &View,
        live: impl Fn(u32) -> bool,
        ranked: impl Fn(u32, f32) -> Ranked,
        found: &mut Vec<Ranked>,
        stats: &mut SearchStats,
    ) {
        let mut scores = Vec::new();
        scorer.score_all(&view.segment.codes, &mut scores);
        stats.codes_read += scores.len();
        let all = (0u32..).zip(&scores).filter(|(chunk, _)| live(*chunk));
        found.extend(all.map(|(chunk, &score)| ranked(chunk, score)));
    }
}

/// The best chunks of a segment by words.
fn best_by_words(words: Option<&[f32]>, live: impl Fn(u32) -> bool, wanted: usize) -> Vec<u32> {
    let scores = words.unwrap_or_default();
    let having = (0u32..)
        .zip(scores)
        .filter(|(chunk, score)| **score > 0.0 && live(*chunk));
    let mut found: Vec<(u32, f32)> = having.map(|(chunk, score)| (chunk, *score)).collect();
    if found.len() > wanted {
        found.select_nth_unstable_by(wanted, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(wanted);
    }
    found.into_iter().map(|(chunk, _)| chunk).collect()
}

/// What a candidate is ranked by.
fn total(candidate: &Ranked) -> f32 {
    candidate.candidate.score + candidate.addend
}

fn keep_best(candidates: &mut Vec<Ranked>, wanted: usize) {
    if candidates.len() > wanted {
        candidates.select_nth_unstable_by(wanted, |a, b| {
            total(b)
                .total_cmp(&total(a))
                .then(a.candidate.id.cmp(&b.candidate.id))
        });
        candidates.truncate(wanted);
    }
}
