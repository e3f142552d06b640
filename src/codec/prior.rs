//! What is known of a codec's error before the first embedding is recomputed.

/// How exact scores lie about estimated ones near the top of a query's list, for vectors and queries of unit
/// length: on a line through the best estimates, normally about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Mean of `exact - estimated` of the best candidates.
    pub bias: f32,
    /// Slope of the line. Over 1: what a code lost goes with what it kept.
    pub slope: f32,
    /// Standard deviation about the line.
    pub spread: f32,
}

/// Mean gain of candidates up to which the spread holds: it was measured on SQuAD's passages, most of which share a
/// base; theirs is 1.07 on average, and varies by 0.05 between questions.
const USUAL_GAIN: f32 = 1.12;
/// How the error grows with the gain: more than in proportion, for it varies between questions, too. Chosen, as was
/// the gain, on the SQuAD questions (`docs/search.md`, filters).
const GROWTH: f32 = 2.5;

/// Candidates whose mean gain counts, the best: their error is what matters to the stop rule, and about as many are
/// embedded.
const BEST: usize = 32;

impl Prior {
    /// What to expect of the best of some candidates, given by estimated score and id, with what tells the gain
    /// of one.
    pub fn for_best(
        self,
        candidates: impl Iterator<Item = (f32, u32)>,
        gain: impl Fn(u32) -> f32,
    ) -> Self {
        let mut best: Vec<(f32, u32)> = candidates.collect();
        if best.len() > BEST {
            best.select_nth_unstable_by(BEST, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            best.truncate(BEST);
        }
        let gains: f32 = best.iter().map(|(_, id)| gain(*id)).sum();
        self.for_gain(gains / best.len().max(1) as f32)
    }

    /// What to expect where candidates have this mean gain ([`Codes::gain`](super::Codes::gain)). Without a base
    /// (documents of fewer than ten chunks) a code has more to describe, and scores err more. Never less than the
    /// codec's own spread.
    pub fn for_gain(self, mean: f32) -> Self {
        let wider = (mean / USUAL_GAIN).max(1.0);
        Self {
            spread: self.spread * wider.powf(GROWTH),
            ..self
        }
    }
}
