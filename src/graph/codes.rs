//! Codes as a space: what a segment's graph is built from.

use super::space::{Space, dot};
use crate::codec::{Coder, Codes, Scorer};

/// The chunks of one segment by their codes alone.
///
/// Similarity is minus half the squared distance between the decoded vectors. For unit vectors that is their
/// inner product less a constant; codes are about a centre and not of unit length, so the inner product of
/// what is decoded would favour the long ones.
///
/// Memory: 4 bytes per chunk, and about `128 * rank` bytes per thread. Making one decodes every code once.
#[derive(Clone, Debug)]
pub struct CodeSpace<'a> {
    coder: &'a Coder,
    codes: &'a Codes,
    /// Half the squared norm of every decoded vector.
    halves: Vec<f32>,
}

/// Decoded vectors kept while neighbours are chosen; a power of two.
const KEPT: usize = 32;

/// A table to score against one chunk, and a few decoded vectors.
#[derive(Debug)]
pub struct CodeProbe {
    scorer: Option<Scorer>,
    half: f32,
    ids: [u32; KEPT],
    kept: Vec<f32>,
}

impl<'a> CodeSpace<'a> {
    /// The chunks in `codes`, which `coder` made.
    pub fn new(coder: &'a Coder, codes: &'a Codes) -> Self {
        let mut row = vec![0.0; coder.rank()];
        let halves = (0..codes.len() as u32)
            .map(|id| {
                coder.unpack(codes, id, &mut row);
                0.5 * dot(&row, &row)
            })
            .collect();
        Self {
            coder,
            codes,
            halves,
        }
    }

    /// Where the decoded vector of `id` begins in `probe.kept`.
    fn decoded(&self, probe: &mut CodeProbe, id: u32) -> usize {
        let rank = self.coder.rank();
        // Fibonacci hashing: neighbouring chunks must not push each other out.
        let slot = (id.wrapping_mul(0x9E37_79B9) >> 27) as usize % KEPT;
        let at = slot * rank;
        if probe.ids[slot] != id {
            probe.ids[slot] = id;
            let row = &mut probe.kept[at..at + rank];
            self.coder.unpack(self.codes, id, row);
        }
        at
    }
}

impl Space for CodeSpace<'_> {
    type Probe = CodeProbe;

    fn len(&self) -> usize {
        self.halves.len()
    }

    fn probe(&self) -> CodeProbe {
        CodeProbe {
            scorer: None,
            half: 0.0,
            ids: [u32::MAX; KEPT],
            kept: vec![0.0; KEPT * self.coder.rank()],
        }
    }

    fn aim(&self, probe: &mut CodeProbe, node: u32) {
        probe.scorer = Some(self.coder.scorer_of(self.codes, node));
        probe.half = self.halves[node as usize];
    }

    fn score(&self, probe: &CodeProbe, node: u32) -> f32 {
        let product = probe
            .scorer
            .as_ref()
            .map_or(0.0, |scorer| scorer.score(self.codes, node));
        product - probe.half - self.halves[node as usize]
    }

    fn pair(&self, probe: &mut CodeProbe, a: u32, b: u32) -> f32 {
        let rank = self.coder.rank();
        let (x, mut y) = (self.decoded(probe, a), self.decoded(probe, b));
        let product = if x == y && a != b {
            // Both fell into one slot, where `b` now is.
            let row = probe.kept[y..y + rank].to_vec();
            y = self.decoded(probe, a);
            dot(&row, &probe.kept[y..y + rank])
        } else {
            dot(&probe.kept[x..x + rank], &probe.kept[y..y + rank])
        };
        product - self.halves[a as usize] - self.halves[b as usize]
    }
}
