//! One query against many codes.

use super::Codes;
use super::coder::gain_of;
use super::trellis::{STATE_BITS, STATES};

/// Steps of the trellis that one look-up answers.
const GROUP: usize = 4;
/// Bits that those steps depend on.
const WINDOW: usize = 1 << (STATE_BITS + GROUP - 1);

/// A query made ready: estimates of its inner product with coded vectors.
///
/// Holds, for every half byte of a code, its contribution by the eleven bits that determine it. Making one
/// costs some 4,000 additions per code byte (tens of microseconds), a score two look-ups per code byte.
#[derive(Debug, Clone)]
pub struct Scorer {
    table: Vec<f32>,
    /// What is common to all scores: that of the frame's centre.
    centre: f32,
    /// What a gain of one adds.
    lean: f32,
}

impl Scorer {
    /// `steps`: for every step of the trellis the contribution of every state.
    pub(super) fn new(steps: impl Iterator<Item = [f32; STATES]>, centre: f32, lean: f32) -> Self {
        let mut table = Vec::new();
        let mut steps = steps.peekable();
        let none = [0f32; STATES];
        while steps.peek().is_some() {
            let [a, b, c, d] = std::array::from_fn(|_| steps.next().unwrap_or(none));
            let (first, last) = (pair(&a, &b), pair(&c, &d));
            // A window's top nine bits say what the first two steps give, its low nine the last two.
            for quarter in first.chunks_exact(2 * STATES / 4) {
                for (four, &head) in last.chunks_exact(4).zip(quarter) {
                    table.extend(four.iter().map(|tail| head + tail));
                }
            }
        }
        Self {
            table,
            centre,
            lean,
        }
    }

    /// Estimated inner product with chunk `id`; minus infinity if there is no such chunk.
    pub fn score(&self, codes: &Codes, id: u32) -> f32 {
        let Some((base, code, gain)) = codes.get(id) else {
            return f32::NEG_INFINITY;
        };
        self.centre + self.base(base, codes.stride()) + gain * (self.sum(code) + self.lean)
    }

    /// Estimated inner products with all chunks, in order; `out` is overwritten.
    pub fn score_all(&self, codes: &Codes, out: &mut Vec<f32>) {
        out.clear();
        out.reserve(codes.len());
        for (base, run, gains) in codes.runs() {
            let base = self.centre + self.base(base, codes.stride());
            let scores = run.chunks_exact(codes.stride()).zip(gains);
            out.extend(scores.map(|(code, gain)| base + gain * (self.sum(code) + self.lean)));
        }
    }

    fn base(&self, base: &[u8], stride: usize) -> f32 {
        base.chunks_exact(stride + 1)
            .map(|stage| gain_of(stage[0]) * self.sum(&stage[1..]))
            .sum()
    }

    #[inline]
    fn sum(&self, code: &[u8]) -> f32 {
        let (mut even, mut odd, mut bits) = (0f32, 0f32, 0usize);
        for (rows, &byte) in self.table.chunks_exact(2 * WINDOW).zip(code) {
            bits = bits << 8 | usize::from(byte);
            even += rows[(bits >> GROUP) % WINDOW];
            odd += rows[WINDOW + bits % WINDOW];
        }
        even + odd
    }
}

/// Sums of two steps by the nine bits that determine them.
fn pair(a: &[f32; STATES], b: &[f32; STATES]) -> [f32; 2 * STATES] {
    std::array::from_fn(|w| a[w >> 1] + b[w % STATES])
}
