//! One search: candidates in, embeddings asked for, hits out.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::rule::ErrorModel;
use super::{Error, Rule};

/// A chunk and the score its code promises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The chunk; opaque here.
    pub id: u32,
    /// Estimated score, higher is better.
    pub score: f32,
}

/// A chunk and its exact score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The chunk.
    pub id: u32,
    /// Exact score, higher is better.
    pub score: f32,
}

/// What a search wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Embed these chunks and feed their exact scores in this order.
    Embed(&'a [u32]),
    /// Nothing: the hits are ready.
    Done,
}

/// A candidate of a search that ranks by more than the exact score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The chunk and the exact score its code promises.
    pub candidate: Candidate,
    /// What is added to the exact score for the rank: known, and no matter of embeddings.
    pub addend: f32,
    /// Of several chunks with one group only the best is a hit.
    pub group: u32,
}

/// A search over candidates. Embeds the most promising ones in batches until none that is left has more than
/// a small probability, set by the target recall, to be in the top `k`.
///
/// The error of the estimates is taken as normal; its mean and spread start from the codec's prior and are
/// learned from the candidates already embedded. A candidate is in the top `k` if it beats the `k`-th best
/// score so far; before that many are known, the score that `k` candidates are expected to exceed.
///
/// Further pages follow with [`Search::turn`]: what was found before stays as it is.
#[derive(Debug, Clone)]
pub struct Search {
    /// Hits wanted on this page.
    k: usize,
    rule: Rule,
    /// Best first, ids distinct, scores corrected for the prior's slope.
    candidates: Vec<Ranked>,
    /// How many of them were embedded: always the first ones.
    embedded: usize,
    /// Only so many of them count on this page.
    horizon: usize,
    /// Asked for and not yet fed.
    pending: Vec<u32>,
    /// Embedded and on no page yet, best first, one per group; with the group.
    found: Vec<(Hit, u32)>,
    /// The first `k` of them.
    hits: Vec<Hit>,
    /// Hits of the pages before, and their groups.
    settled: Vec<Hit>,
    settled_groups: HashSet<u32>,
    /// Exact scores below this are no hits.
    floor: f32,
    errors: ErrorModel,
    /// The estimate about which the prior's slope turns.
    pivot: f32,
    rounds: usize,
    done: bool,
}

fn order(a: &Hit, b: &Hit) -> Ordering {
    b.score.total_cmp(&a.score).then(a.id.cmp(&b.id))
}

fn check(candidates: &[Ranked]) -> Result<(), Error> {
    match candidates.iter().find(|c| !c.estimate().is_finite()) {
        Some(bad) => Err(Error::NotFinite {
            id: bad.candidate.id,
        }),
        None => Ok(()),
    }
}

impl Ranked {
    /// Ranked by the exact score alone, every chunk for itself.
    pub fn plain(candidate: Candidate) -> Self {
        Self {
            candidate,
            addend: 0.0,
            group: candidate.id,
        }
    }

    fn hit(&self, exact: f32) -> Hit {
        Hit {
            id: self.candidate.id,
            score: exact + self.addend,
        }
    }

    /// The most promising first.
    fn order(a: &Self, b: &Self) -> Ordering {
        order(&a.hit(a.candidate.score), &b.hit(b.candidate.score))
    }

    /// What its rank is expected to be made of.
    fn estimate(&self) -> f32 {
        self.candidate.score + self.addend
    }
}

impl Search {
    /// Candidates in any order; of several with one id the best counts. `k` may exceed their number.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if a score is not a number.
    pub fn new(candidates: Vec<Candidate>, k: usize, rule: Rule) -> Result<Self, Error> {
        Self::ranked(candidates.into_iter().map(Ranked::plain).collect(), k, rule)
    }

    /// The same with addends and groups. Hits then have the sum as their score; what is fed stays the exact
    /// score alone.
    ///
    /// # Errors
    /// As [`Search::new`].
    pub fn ranked(mut candidates: Vec<Ranked>, k: usize, rule: Rule) -> Result<Self, Error> {
        check(&candidates)?;
        candidates.sort_by(Ranked::order);
        let mut seen = HashSet::with_capacity(candidates.len());
        candidates.retain(|c| seen.insert(c.candidate.id));
        let errors = ErrorModel::new(&rule);
        let pivot = candidates
            .get(k.saturating_sub(1))
            .or(candidates.last())
            .map_or(0.0, |c| c.candidate.score);
        for c in &mut candidates {
            c.candidate.score = rule.along(c.candidate.score, pivot);
        }
        // The slope moves estimates, not addends.
        candidates.sort_by(Ranked::order);
        Ok(Self {
            k,
            rule,
            candidates,
            embedded: 0,
            horizon: usize::MAX,
            pending: Vec::new(),
            found: Vec::new(),
            hits: Vec::new(),
            settled: Vec::new(),
            settled_groups: HashSet::new(),
            floor: f32::NEG_INFINITY,
            errors,
            pivot,
            rounds: 0,
            done: false,
        })
    }

    /// With hits of an exact score of at least `floor` only.
    pub fn floor(self, floor: f32) -> Self {
        Self { floor, ..self }
    }

    /// With the first `horizon` candidates only, until the next page.
    pub fn horizon(self, horizon: usize) -> Self {
        Self { horizon, ..self }
    }

    /// Candidates that count on this page.
    fn visible(&self) -> &[Ranked] {
        &self.candidates[..self.candidates.len().min(self.horizon.max(self.embedded))]
    }

    /// What is embedded next, if as much is wanted: ids in this order.
    pub fn upcoming(&mut self) -> impl Iterator<Item = u32> {
        self.drop_hopeless();
        let left = &self.visible()[self.embedded..];
        left.iter().map(|c| c.candidate.id)
    }

    /// From now on, batches of at most `batch`, and at most `limit` embeddings in all.
    pub fn pace(&mut self, batch: usize, limit: usize) {
        self.rule = self.rule.batch(batch).limit(limit);
    }

    /// What to do next. Asked again before [`Search::feed`], it answers the same.
    pub fn step(&mut self) -> Step<'_> {
        if self.pending.is_empty() && !self.done {
            self.drop_hopeless();
            let room = self
                .rule
                .batch
                .min(self.rule.limit.saturating_sub(self.embedded()));
            let next = self.wanted().min(room);
            let left = &self.candidates[self.embedded..];
            let next_ids = left[..next].iter().map(|c| c.candidate.id);
            self.pending.extend(next_ids);
            self.done = next == 0;
        }
        if self.done {
            Step::Done
        } else {
            Step::Embed(&self.pending)
        }
    }

    /// Candidates that hardly reach the floor leave the race.
    fn drop_hopeless(&mut self) {
        if self.floor == f32::NEG_INFINITY {
            return;
        }
        let (floor, doubt) = (f64::from(self.floor), self.rule.doubt());
        let (errors, mut at) = (&self.errors, 0);
        let embedded = self.embedded;
        self.candidates.retain(|c| {
            at += 1;
            at <= embedded || doubt == 0.0 || errors.above(c.candidate.score, floor) > doubt
        });
    }

    /// How many of the remaining candidates must still be embedded, as far as is known.
    fn wanted(&self) -> usize {
        let left = &self.visible()[self.embedded..];
        if self.k == 0 {
            return 0;
        }
        let missing = self.k.saturating_sub(self.found.len());
        let threshold = match self.hits.get(self.k - 1) {
            Some(hit) => f64::from(hit.score),
            None => {
                let estimates = self.visible().iter().map(Ranked::estimate);
                self.errors
                    .threshold(estimates, self.k + self.settled.len())
            }
        };
        // In the first round somewhat more, which mostly saves the second.
        let doubt = self.rule.doubt() * if self.embedded == 0 { 0.5 } else { 1.0 };
        let wanted = left.partition_point(|c| self.errors.above(c.estimate(), threshold) > doubt);
        let wanted = if doubt > 0.0 { wanted } else { left.len() };
        wanted.max(missing).min(left.len())
    }

    /// Candidates that should have been embedded and were not, because the limit was reached.
    pub fn left_out_by_limit(&self) -> usize {
        self.wanted()
    }

    /// Exact scores of the chunks of the last [`Step::Embed`], in its order.
    ///
    /// # Errors
    /// [`Error::Unasked`] or [`Error::NotFinite`]; then nothing was taken.
    pub fn feed(&mut self, scores: &[f32]) -> Result<(), Error> {
        let asked = &self.candidates[self.embedded..self.embedded + self.pending.len()];
        Error::check(asked.iter().map(|c| c.candidate.id), scores)?;
        for (c, &score) in asked.iter().zip(scores) {
            self.errors.observe(score - c.candidate.score);
            if score >= self.floor && !self.settled_groups.contains(&c.group) {
                self.found.push((c.hit(score), c.group));
            }
        }
        self.found.sort_by(|a, b| order(&a.0, &b.0));
        let mut groups = HashSet::with_capacity(self.found.len());
        self.found.retain(|(_, group)| groups.insert(*group));
        self.rounds += usize::from(!scores.is_empty());
        self.embedded += scores.len();
        self.pending.clear();
        self.show();
        Ok(())
    }

    fn show(&mut self) {
        let page = self.found.iter().take(self.k).map(|(hit, _)| *hit);
        self.hits = page.collect();
    }

    /// Takes chunks that were asked for, but cannot be embedded, out of the race.
    pub fn lose(&mut self, lost: &[u32]) {
        let (mut at, embedded) = (0, self.embedded);
        self.candidates.retain(|c| {
            at += 1;
            at <= embedded || !lost.contains(&c.candidate.id)
        });
        self.pending.clear();
    }

    /// Goes on to the next page, of at most `k` hits among the first `horizon` candidates. The hits so far stay
    /// as they are: neither they nor others of their groups come again. Call it once [`Step::Done`] was answered.
    pub fn turn(&mut self, k: usize, horizon: usize) {
        let page = self.k.min(self.found.len());
        for (hit, group) in self.found.drain(..page) {
            self.settled.push(hit);
            self.settled_groups.insert(group);
        }
        let (groups, mut at, embedded) = (&self.settled_groups, 0, self.embedded);
        self.candidates.retain(|c| {
            at += 1;
            at <= embedded || !groups.contains(&c.group)
        });
        (self.k, self.horizon) = (k, horizon);
        self.done = false;
        self.show();
    }

    /// More candidates from now on, found by looking further; those that are there already, or were, stay as they are.
    ///
    /// # Errors
    /// As [`Search::new`]; then nothing was taken.
    pub fn extend(&mut self, more: Vec<Ranked>) -> Result<(), Error> {
        check(&more)?;
        let seen = self.candidates.iter().map(|c| c.candidate.id);
        let mut seen: HashSet<u32> = seen.chain(self.settled.iter().map(|hit| hit.id)).collect();
        for mut c in more {
            if !self.settled_groups.contains(&c.group) && seen.insert(c.candidate.id) {
                c.candidate.score = self.rule.along(c.candidate.score, self.pivot);
                self.candidates.push(c);
            }
        }
        self.candidates[self.embedded..].sort_by(Ranked::order);
        Ok(())
    }

    /// The best of this page so far, at most `k`, best first; final once [`Step::Done`] was answered.
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// What this page would be with estimates where nothing better is known: hits, and whether each is exact.
    pub fn outlook(&self) -> Vec<(Hit, bool)> {
        let exact = self.found.iter().map(|(hit, group)| (*hit, *group, true));
        let left = &self.visible()[self.embedded..];
        let estimated = left
            .iter()
            .filter(|c| c.candidate.score >= self.floor)
            .map(|c| (c.hit(c.candidate.score), c.group, false));
        let mut all: Vec<_> = exact.chain(estimated).collect();
        all.sort_by(|a, b| order(&a.0, &b.0));
        let mut groups = self.settled_groups.clone();
        all.retain(|(_, group, _)| groups.insert(*group));
        let page = all.into_iter().take(self.k);
        page.map(|(hit, _, exact)| (hit, exact)).collect()
    }

    /// Embeddings asked for and fed.
    pub fn embedded(&self) -> usize {
        self.embedded
    }

    /// Dependent rounds of them.
    pub fn rounds(&self) -> usize {
        self.rounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Prior;

    fn rule(target: f32) -> Rule {
        Rule::new(
            target,
            Prior {
                bias: 0.0,
                slope: 1.0,
                spread: 0.05,
            },
        )
        .unwrap()
    }

    fn candidates(scores: &[f32]) -> Vec<Candidate> {
        scores
            .iter()
            .enumerate()
            .map(|(i, &score)| Candidate {
                id: i as u32,
                score,
            })
            .collect()
    }

    fn run(mut search: Search, exact: impl Fn(u32) -> f32) -> Search {
        loop {
            let scores: Vec<f32> = match search.step() {
                Step::Done => return search,
                Step::Embed(ids) => ids.iter().map(|&id| exact(id)).collect(),
            };
            assert!(!scores.is_empty());
            search.feed(&scores).unwrap();
        }
    }

    #[test]
    fn nothing_to_search_is_done_at_once() {
        assert_eq!(
            Search::new(vec![], 3, rule(0.9)).unwrap().step(),
            Step::Done
        );
        assert_eq!(
            Search::new(candidates(&[1.0]), 0, rule(0.9))
                .unwrap()
                .step(),
            Step::Done
        );
    }

    #[test]
    fn fewer_candidates_than_k_are_all_hits() {
        let search = run(
            Search::new(candidates(&[0.1, 0.9]), 10, rule(0.5)).unwrap(),
            |id| id as f32,
        );
        assert_eq!(
            search.hits().iter().map(|h| h.id).collect::<Vec<_>>(),
            [1, 0]
        );
    }

    #[test]
    fn target_one_embeds_everything_in_batches() {
        let search = Search::new(candidates(&[0.5; 100]), 3, rule(1.0).batch(7)).unwrap();
        let search = run(search, |id| id as f32);
        assert_eq!((search.embedded(), search.rounds()), (100, 15));
        assert_eq!(
            search.hits().iter().map(|h| h.id).collect::<Vec<_>>(),
            [99, 98, 97]
        );
    }

    #[test]
    fn a_wide_gap_stops_after_k() {
        let mut scores = vec![0.0f32; 500];
        scores[..3].fill(1.0);
        let search = run(
            Search::new(candidates(&scores), 3, rule(0.95)).unwrap(),
            |id| scores[id as usize],
        );
        assert_eq!((search.embedded(), search.rounds()), (3, 1));
    }

    #[test]
    fn a_higher_target_never_embeds_less() {
        let scores: Vec<f32> = (0..300).map(|i| 1.0 / (1.0 + i as f32 * 0.05)).collect();
        let mut last = 0;
        for target in [0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999] {
            let search = Search::new(candidates(&scores), 5, rule(target)).unwrap();
            let n = run(search, |id| scores[id as usize] - 0.01).embedded();
            assert!(n >= last, "{target}: {n} < {last}");
            last = n;
        }
        assert!(last < 300);
    }

    #[test]
    fn limit_holds() {
        let search =
            Search::new(candidates(&[0.5; 100]), 3, rule(0.99).limit(10).batch(4)).unwrap();
        assert_eq!(run(search, |_| 0.5).embedded(), 10);
    }

    #[test]
    fn duplicates_are_embedded_once() {
        let mut twice = candidates(&[0.5, 0.6]);
        twice.extend(candidates(&[0.7, 0.1]));
        let search = run(Search::new(twice, 5, rule(0.9)).unwrap(), |id| id as f32);
        assert_eq!(search.embedded(), 2);
    }

    #[test]
    fn scores_that_are_no_numbers_are_refused_and_can_be_fed_again() {
        assert!(matches!(
            Search::new(candidates(&[f32::NAN]), 1, rule(0.9)),
            Err(Error::NotFinite { id: 0 })
        ));
        let mut search = Search::new(candidates(&[0.5]), 1, rule(0.9)).unwrap();
        assert_eq!(
            search.feed(&[1.0]),
            Err(Error::Unasked {
                found: 1,
                expected: 0
            })
        );
        assert_eq!(search.step(), Step::Embed(&[0]));
        assert_eq!(
            search.feed(&[f32::INFINITY]),
            Err(Error::NotFinite { id: 0 })
        );
        assert_eq!(search.step(), Step::Embed(&[0]));
        search.feed(&[0.4]).unwrap();
        assert_eq!(search.step(), Step::Done);
        assert_eq!(search.hits(), [Hit { id: 0, score: 0.4 }]);
    }
}
