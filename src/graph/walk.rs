//! Best-first search over any adjacency.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::lists::Lists;

/// A node and its similarity; ordered by similarity, ties by id, the smaller id being the better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Similarity, larger is nearer.
    pub score: f32,
    /// Node.
    pub id: u32,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// When a walk ends: as soon as the nearest node not yet expanded is worse than all `ef` best, or worse than
/// the `keep`-th best by more than `slack`.
///
/// The second is the better rule when scores come from codes: a node matters as long as the error of its code
/// may hide a member of the answer, so the slack is some multiple of the error's spread, and easy questions end
/// early. `docs/graph.md` has the measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ending {
    /// Most nodes returned.
    pub ef: usize,
    /// Rank that the slack counts from, at least 1.
    pub keep: usize,
    /// How much worse than that a node may be, on the scale of the scores.
    pub slack: f32,
}

impl Ending {
    /// Ends by `ef` alone, as in HNSW.
    pub fn ef(ef: usize) -> Self {
        Self {
            ef,
            keep: 1,
            slack: f32::INFINITY,
        }
    }

    /// For the best `k` by codes whose estimates have errors of this spread, for vectors of unit length and the
    /// inner product; `ef` is the most returned. The share `target` of the answer is to be found: the error
    /// that a walk allows for grows with what a miss costs.
    pub fn for_codes(k: usize, ef: usize, spread: f32, target: f32) -> Self {
        let misses = (1.0 - target).clamp(f32::MIN_POSITIVE, 1.0);
        Self {
            ef: ef.max(k),
            keep: (k + KEEP / 2).max(KEEP),
            slack: SLACK - SPREADS * spread * misses.ln(),
        }
    }
}

/// Even exact scores need some slack, or the walk is stuck where no neighbour is better.
const SLACK: f32 = 0.075;
/// Spreads of the error per factor of e that misses are to be fewer. Measured on the SQuAD passages (20 bytes per
/// code): 1.25 spreads lose under a point against a flat scan at target 0.95, 2 spreads a fifth of one at 0.99.
const SPREADS: f32 = 0.43;
/// The best few by code are not much better than the next ones: from the tenth on the slack counts from firm
/// ground.
const KEEP: usize = 10;

/// The best so many of what was pushed.
#[derive(Clone, Debug, Default)]
struct Best {
    heap: BinaryHeap<Reverse<Candidate>>,
    room: usize,
}

impl Best {
    fn clear(&mut self, room: usize) {
        self.heap.clear();
        self.room = room.max(1);
    }

    fn push(&mut self, candidate: Candidate) {
        if self.heap.len() < self.room {
            self.heap.push(Reverse(candidate));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && worst.0 < candidate
        {
            *worst = Reverse(candidate);
        }
    }

    /// The worst of them, once there are as many as there is room for.
    fn worst(&self) -> Option<Candidate> {
        let worst = self.heap.peek().map(|worst| worst.0);
        worst.filter(|_| self.heap.len() >= self.room)
    }
}

/// Memory of a walk, kept by the caller from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Node was seen in the walk whose number stands here.
    seen: Vec<u32>,
    walk: u32,
    frontier: BinaryHeap<Candidate>,
    /// The best `ef`.
    best: Best,
    /// The best `keep`.
    near: Best,
    slack: f32,
    found: Vec<Candidate>,
    reads: usize,
    hops: usize,
}

impl Scratch {
    /// Codes scored by the last walk.
    pub fn codes_read(&self) -> usize {
        self.reads
    }

    /// Nodes expanded by the last walk.
    pub fn hops(&self) -> usize {
        self.hops
    }

    /// The last walk's result, best first.
    pub fn found(&self) -> &[Candidate] {
        &self.found
    }

    fn start(&mut self, nodes: usize, ending: Ending) {
        if self.seen.len() < nodes {
            self.seen.resize(nodes, 0);
        }
        self.walk = self.walk.wrapping_add(1);
        if self.walk == 0 {
            self.seen.fill(0);
            self.walk = 1;
        }
        self.frontier.clear();
        self.best.clear(ending.ef);
        self.near.clear(ending.keep);
        self.slack = ending.slack;
        self.found.clear();
        self.reads = 0;
        self.hops = 0;
    }
}

impl Scratch {
    /// Whether this and everything worse can be left alone.
    fn hopeless(&self, candidate: Candidate) -> bool {
        let near = self.near.worst();
        near.is_some_and(|near| candidate.score < near.score - self.slack)
            || self.best.worst().is_some_and(|worst| candidate < worst)
    }

    fn visit(
        &mut self,
        id: u32,
        score: &mut impl FnMut(u32) -> f32,
        keep: &mut impl FnMut(u32) -> bool,
    ) {
        match self.seen.get_mut(id as usize) {
            Some(mark) if *mark != self.walk => *mark = self.walk,
            _ => return,
        }
        self.reads += 1;
        let candidate = Candidate {
            score: score(id),
            id,
        };
        if self.hopeless(candidate) {
            return;
        }
        self.frontier.push(candidate);
        if keep(id) {
            self.best.push(candidate);
            self.near.push(candidate);
        }
    }
}

/// Walks from `entries` towards the best scores and leaves the best `ef` nodes that pass `keep` in
/// `scratch.found`, best first. Nodes that do not pass are walked through.
pub(crate) fn best_first<L: Lists>(
    lists: &L,
    entries: &[u32],
    mut score: impl FnMut(u32) -> f32,
    mut keep: impl FnMut(u32) -> bool,
    ending: Ending,
    scratch: &mut Scratch,
) {
    scratch.start(lists.nodes(), ending);
    for &entry in entries {
        scratch.visit(entry, &mut score, &mut keep);
    }
    while let Some(candidate) = scratch.frontier.pop() {
        if scratch.hopeless(candidate) {
            break;
        }
        scratch.hops += 1;
        lists.each(candidate.id, |id| scratch.visit(id, &mut score, &mut keep));
    }
    let best = scratch.best.heap.drain().map(|c| c.0);
    scratch.found.extend(best);
    scratch.found.sort_unstable_by(|a, b| b.cmp(a));
}
