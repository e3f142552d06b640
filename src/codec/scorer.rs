//! One query against many codes.

use super::Codes;
use super::quantizer::lookup;

/// A query made ready: estimates of its inner product with coded vectors.
///
/// Making one costs a rotation and 256 inner products per code byte (tens of microseconds); a score costs
/// one table look-up per code byte.
#[derive(Debug, Clone)]
pub struct Scorer {
    pub(super) table: Vec<f32>,
    pub(super) gains: [f32; 256],
    /// Score of the frame's centre, common to all.
    pub(super) centre: f32,
}

impl Scorer {
    /// Estimated inner product with chunk `id`; minus infinity if there is no such chunk.
    pub fn score(&self, codes: &Codes, id: u32) -> f32 {
        let Some(code) = codes.code(id) else {
            return f32::NEG_INFINITY;
        };
        let base = codes.base(id).map_or(0.0, |b| self.part(b));
        self.centre + base + self.part(code)
    }

    /// Estimated inner products with all chunks, in order; `out` is overwritten.
    pub fn score_all(&self, codes: &Codes, out: &mut Vec<f32>) {
        out.clear();
        out.reserve(codes.len());
        for (base, run) in codes.runs() {
            let base = self.centre + base.map_or(0.0, |b| self.part(b));
            out.extend(
                run.chunks_exact(codes.stride())
                    .map(|code| base + self.part(code)),
            );
        }
    }

    #[inline]
    fn part(&self, code: &[u8]) -> f32 {
        lookup(&self.table, &self.gains, code)
    }
}
