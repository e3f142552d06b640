//! One search: candidates in, embeddings asked for, hits out.

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

/// A search over candidates. Embeds the most promising ones in batches until none that is left has more than
/// a small probability, set by the target recall, to be in the top `k`.
///
/// The error of the estimates is taken as normal; its mean and spread start from the codec's prior and are
/// learned from the candidates already embedded. A candidate is in the top `k` if it beats the `k`-th best
/// exact score so far; before the first batch, the score that `k` candidates are expected to exceed.
#[derive(Debug, Clone)]
pub struct Search {
    k: usize,
    rule: Rule,
    /// Best first, ids distinct, scores corrected for the prior's slope.
    candidates: Vec<Candidate>,
    /// How many of them were embedded: always the first ones.
    embedded: usize,
    /// Asked for and not yet fed.
    pending: Vec<u32>,
    hits: Vec<Hit>,
    errors: ErrorModel,
    rounds: usize,
    done: bool,
}

impl Search {
    /// Candidates in any order; of several with one id the best counts. `k` may exceed their number.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if a score is not a number.
    pub fn new(mut candidates: Vec<Candidate>, k: usize, rule: Rule) -> Result<Self, Error> {
        if let Some(bad) = candidates.iter().find(|c| !c.score.is_finite()) {
            return Err(Error::NotFinite { id: bad.id });
        }
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        let mut seen = std::collections::HashSet::with_capacity(candidates.len());
        candidates.retain(|c| seen.insert(c.id));
        let errors = ErrorModel::new(&rule);
        let pivot = candidates
            .get(k.saturating_sub(1))
            .or(candidates.last())
            .map_or(0.0, |c| c.score);
        candidates
            .iter_mut()
            .for_each(|c| c.score = rule.along(c.score, pivot));
        Ok(Self {
            k,
            rule,
            candidates,
            embedded: 0,
            pending: Vec::new(),
            hits: Vec::new(),
            errors,
            rounds: 0,
            done: false,
        })
    }

    /// What to do next. Asked again before [`Search::feed`], it answers the same.
    pub fn step(&mut self) -> Step<'_> {
        if self.pending.is_empty() && !self.done {
            let next = self.plan();
            let left = &self.candidates[self.embedded..];
            self.pending.extend(left[..next].iter().map(|c| c.id));
            self.done = next == 0;
        }
        if self.done {
            Step::Done
        } else {
            Step::Embed(&self.pending)
        }
    }

    /// How many of the remaining candidates to embed now.
    fn plan(&self) -> usize {
        let left = &self.candidates[self.embedded..];
        let room = self
            .rule
            .batch
            .min(self.rule.limit.saturating_sub(self.embedded))
            .min(left.len());
        if room == 0 || self.k == 0 {
            return 0;
        }
        let missing = self.k.saturating_sub(self.embedded);
        let threshold = match self.hits.get(self.k - 1) {
            Some(hit) => f64::from(hit.score),
            None => {
                let estimates = self.candidates.iter().map(|c| c.score);
                self.errors.threshold(estimates, self.k)
            }
        };
        // In the first round somewhat more, which mostly saves the second.
        let doubt = self.rule.doubt() * if self.embedded == 0 { 0.5 } else { 1.0 };
        let wanted = left.partition_point(|c| self.errors.above(c.score, threshold) > doubt);
        let wanted = if doubt > 0.0 { wanted } else { left.len() };
        wanted.max(missing).min(room)
    }

    /// Exact scores of the chunks of the last [`Step::Embed`], in its order.
    ///
    /// # Errors
    /// [`Error::Unasked`] or [`Error::NotFinite`]; then nothing was taken.
    pub fn feed(&mut self, scores: &[f32]) -> Result<(), Error> {
        if scores.len() != self.pending.len() {
            return Err(Error::Unasked {
                found: scores.len(),
                expected: self.pending.len(),
            });
        }
        let asked = &self.candidates[self.embedded..self.embedded + scores.len()];
        if let Some((c, _)) = asked.iter().zip(scores).find(|(_, s)| !s.is_finite()) {
            return Err(Error::NotFinite { id: c.id });
        }
        for (c, &score) in asked.iter().zip(scores) {
            self.errors.observe(score - c.score);
            self.hits.push(Hit { id: c.id, score });
        }
        self.hits
            .sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        self.hits.truncate(self.k);
        self.rounds += usize::from(!scores.is_empty());
        self.embedded += scores.len();
        self.pending.clear();
        Ok(())
    }

    /// The best so far, at most `k`, best first; final once [`Step::Done`] was answered.
    pub fn hits(&self) -> &[Hit] {
        &self.hits
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
