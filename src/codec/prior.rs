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
