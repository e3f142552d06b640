//! Trellis-coded quantisation with a bit-shift trellis.
//!
//! The state of the trellis is the last eight bits of the code; every step shifts one bit in, and a table
//! gives the values that the state stands for. So each value depends on eight bits of which seven are shared
//! with its neighbours, which comes close to the rate-distortion bound without any large codebook
//! (Marcellin and Fischer 1990; the bit-shift form as in Tseng et al. 2024, QTIP, arXiv 2406.11235).
//! The best path is found by the Viterbi algorithm; a value is read back from its eight bits alone.

use super::plan::{KINDS, Plan};

/// Bits of state.
pub(super) const STATE_BITS: usize = 8;
/// States.
pub(super) const STATES: usize = 1 << STATE_BITS;
/// Values of all tables: 256 for every axis of every kind of token.
pub(super) const TABLE_VALUES: usize = STATES * {
    let (mut sum, mut k) = (0, 0);
    while k < KINDS.len() {
        sum += KINDS[k].axes;
        k += 1;
    }
    sum
};

/// Values by kind, axis and state, for axes of unit variance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tables(pub(super) Vec<f32>);

impl Tables {
    /// The 256 values of one axis of a kind.
    pub(super) fn row(&self, kind: usize, axis: usize) -> &[f32] {
        let before: usize = KINDS[..kind].iter().map(|k| k.axes).sum();
        let at = (before + axis) * STATES;
        &self.0[at..at + STATES]
    }

    /// Tables of one kind, at the place of [`KINDS`]' first, which has one axis.
    pub(super) fn alone(table: &[f32]) -> Self {
        Self(table.to_vec())
    }
}

/// Room for the Viterbi algorithm.
#[derive(Debug, Clone)]
pub(super) struct Viterbi {
    cost: Vec<f32>,
    next: Vec<f32>,
    /// Per step and pair of states: whether the path came from the upper half.
    from: Vec<[u8; STATES / 2]>,
}

impl Viterbi {
    pub(super) fn new() -> Self {
        Self {
            cost: vec![0.0; STATES],
            next: vec![0.0; STATES],
            from: Vec::new(),
        }
    }

    /// Writes to `states` the path whose values lie nearest to `y`, one value per axis of the plan, in its
    /// order; `scale` is the standard deviation of each.
    pub(super) fn path(
        &mut self,
        plan: &Plan,
        tables: &Tables,
        scale: &[f32],
        y: &[f32],
        states: &mut [u8],
    ) {
        self.cost.fill(f32::INFINITY);
        self.cost[0] = 0.0;
        self.from.resize(plan.steps.len(), [0; STATES / 2]);
        for (step, from) in plan.steps.iter().zip(&mut self.from) {
            let (low, high) = self.cost.split_at(STATES / 2);
            for (((pair, &a), &b), came) in self
                .next
                .chunks_exact_mut(2)
                .zip(low)
                .zip(high)
                .zip(from.iter_mut())
            {
                *came = u8::from(b < a);
                let best = if b < a { b } else { a };
                pair[0] = best;
                pair[1] = best;
            }
            for axis in 0..step.axes {
                let (s, target) = (scale[step.at + axis], y[step.at + axis]);
                for (cost, value) in self.next.iter_mut().zip(tables.row(step.kind, axis)) {
                    let e = target - s * value;
                    *cost += e * e;
                }
            }
            std::mem::swap(&mut self.cost, &mut self.next);
        }
        let mut state = (0..STATES).fold(0, |best, s| {
            if self.cost[s] < self.cost[best] {
                s
            } else {
                best
            }
        });
        for (slot, from) in states.iter_mut().zip(&self.from).rev() {
            *slot = state as u8;
            let half = state >> 1;
            state = half | usize::from(from[half]) << (STATE_BITS - 1);
        }
    }
}

/// Packs a path into bytes, eight steps each, the first step in the top bit.
pub(super) fn pack(states: &[u8], code: &mut [u8]) {
    for (byte, steps) in code.iter_mut().zip(states.chunks(8)) {
        *byte = steps.iter().fold(0, |b, s| b << 1 | s & 1);
    }
}

/// Calls `visit` with every step that gives values and its state.
pub(super) fn unpack(plan: &Plan, code: &[u8], mut visit: impl FnMut(&super::plan::Step, usize)) {
    let mut state = 0usize;
    for (steps, &byte) in plan.steps.chunks(8).zip(code) {
        for (bit, step) in steps.iter().enumerate() {
            state = (state << 1 | usize::from(byte >> (7 - bit) & 1)) % STATES;
            if step.axes > 0 {
                visit(step, state);
            }
        }
    }
}
