//! When to stop: target recall, and what the error of the estimates is known to be.

use super::Error;
use crate::codec::Prior;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    target: f32,
    /// Embeddings per step, at most: what the device does well at once.
    pub batch: usize,
    /// Embeddings per search, at most.
    pub limit: usize,
    prior: Prior,
}

impl Rule {
    /// `target`: the share of the exact top `k` that should be found, on average over queries. With 1,
    /// every candidate is embedded. Batches of 32; no limit.
    ///
    /// # Errors
    /// [`Error::Target`] unless `0 <= target <= 1`.
    pub fn new(target: f32, prior: Prior) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&target) {
            return Err(Error::Target(target));
        }
        Ok(Self {
            target,
            batch: 32,
            limit: usize::MAX,
            prior,
        })
    }

    /// With batches of at most `batch` embeddings (at least one).
    pub fn batch(self, batch: usize) -> Self {
        Self {
            batch: batch.max(1),
            ..self
        }
    }

    /// With at most `limit` embeddings in all.
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// An estimate corrected for the prior's slope, about the `k`-th best one.
    pub(super) fn along(&self, estimate: f32, pivot: f32) -> f32 {
        pivot + self.prior.slope * (estimate - pivot)
    }

    /// A candidate this likely to be in the top `k` must be embedded.
    pub(super) fn doubt(&self) -> f64 {
        CAUTION * f64::from(1.0 - self.target)
    }
}

/// The likeliest candidate left out is as a rule not the only one: by how much its probability must be
/// below the share that may be missed. Calibrated in `docs/codec.md`.
const CAUTION: f64 = 0.7;
/// Observations that the prior's bias counts for: queries differ in it by half of the spread.
const BIAS_WEIGHT: f64 = 4.0;
/// Observations that the prior's spread counts for.
const SPREAD_WEIGHT: f64 = 20.0;

/// Running estimate of the error of this query's estimates: normal, mean and variance learned from the
/// candidates embedded so far, the codec's prior counting as some observations.
#[derive(Debug, Clone)]
pub(super) struct ErrorModel {
    bias: f64,
    bias_weight: f64,
    /// Sum of squared deviations.
    square: f64,
    square_weight: f64,
    observed: bool,
}

impl ErrorModel {
    pub(super) fn new(rule: &Rule) -> Self {
        let spread = f64::from(rule.prior.spread);
        Self {
            bias: f64::from(rule.prior.bias),
            bias_weight: BIAS_WEIGHT,
            square: SPREAD_WEIGHT * spread * spread,
            square_weight: SPREAD_WEIGHT,
            observed: false,
        }
    }

    pub(super) fn observe(&mut self, error: f32) {
        let error = f64::from(error);
        let before = error - self.bias;
        self.bias_weight += 1.0;
        self.bias += before / self.bias_weight;
        self.square += before * (error - self.bias);
        self.square_weight += 1.0;
        self.observed = true;
    }

    /// Standard deviation of the next error. What is not known of the bias is common to all candidates: it
    /// counts only against exact scores.
    fn spread(&self) -> f64 {
        let unsure = if self.observed {
            1.0 + 1.0 / self.bias_weight
        } else {
            1.0
        };
        (self.square / self.square_weight * unsure).sqrt().max(1e-9)
    }

    /// Probability that a candidate of this estimate scores above `threshold`.
    pub(super) fn above(&self, estimate: f32, threshold: f64) -> f64 {
        normal((f64::from(estimate) + self.bias - threshold) / self.spread())
    }

    /// The score that `k` of the candidates are expected to exceed.
    pub(super) fn threshold(&self, estimates: impl Iterator<Item = f32> + Clone, k: usize) -> f64 {
        let (mut low, mut high) = (-4.0f64, 4.0f64);
        for e in estimates.clone() {
            low = low.min(f64::from(e) - 1.0);
            high = high.max(f64::from(e) + 1.0);
        }
        for _ in 0..40 {
            let mid = 0.5 * (low + high);
            if estimates.clone().map(|e| self.above(e, mid)).sum::<f64>() > k as f64 {
                low = mid;
            } else {
                high = mid;
            }
        }
        high
    }
}

/// Distribution function of the standard normal (Abramowitz and Stegun 26.2.17, error under 1e-7).
fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-0.5 * z * z).exp() * 0.398_942_280_401 * poly;
    if z >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_matches_known_values() {
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746),
            (-2.0, 0.022_750_132),
            (6.0, 1.0),
            (-9.0, 0.0),
        ] {
            assert!((normal(z) - p).abs() < 2e-7, "{z}");
        }
    }

    #[test]
    fn target_outside_zero_to_one_is_refused() {
        let prior = Prior {
            bias: 0.0,
            slope: 1.0,
            spread: 0.1,
        };
        for target in [-0.1, 1.1, f32::NAN] {
            assert!(Rule::new(target, prior).is_err());
        }
    }
}
