//! What is known of a codec's error before the first embedding is recomputed.

/// Error of estimated scores: `exact - estimated` of the candidates near the top of a query's list, for
/// vectors and queries of unit length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Its mean. Negative: the top of a list is there partly by luck.
    pub bias: f32,
    /// Its standard deviation.
    pub spread: f32,
}
