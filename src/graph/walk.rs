//! Best-first search over any adjacency.

use std::cmp::Ordering;
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

/// When a walk ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ending {
    /// How many of the best are kept; the walk ends when the nearest node not yet expanded is worse than all
    /// of them (HNSW's `ef`).
    pub ef: usize,
}

impl Ending {
    /// Ends by `ef` alone.
    pub fn ef(ef: usize) -> Self {
        Self { ef }
    }
}

/// Memory of a walk, kept by the caller from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Node was seen in the walk whose number stands here.
    seen: Vec<u32>,
    walk: u32,
    frontier: BinaryHeap<Candidate>,
    best: BinaryHeap<std::cmp::Reverse<Candidate>>,
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

    fn start(&mut self, nodes: usize) {
        if self.seen.len() < nodes {
            self.seen.resize(nodes, 0);
        }
        self.walk = self.walk.wrapping_add(1);
        if self.walk == 0 {
            self.seen.fill(0);
            self.walk = 1;
        }
        self.frontier.clear();
        self.best.clear();
        self.found.clear();
        self.reads = 0;
        self.hops = 0;
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
    let nodes = lists.nodes();
    scratch.start(nodes);
    let ef = ending.ef.max(1);
    let Scratch {
        seen,
        walk,
        frontier,
        best,
        found,
        reads,
        hops,
    } = scratch;
    let mut visit = |id: u32,
                     frontier: &mut BinaryHeap<Candidate>,
                     best: &mut BinaryHeap<std::cmp::Reverse<Candidate>>| {
        let Some(mark) = seen.get_mut(id as usize) else {
            return;
        };
        if *mark == *walk {
            return;
        }
        *mark = *walk;
        *reads += 1;
        let candidate = Candidate {
            score: score(id),
            id,
        };
        if best.len() >= ef && best.peek().is_some_and(|worst| candidate < worst.0) {
            return;
        }
        frontier.push(candidate);
        if keep(id) {
            best.push(std::cmp::Reverse(candidate));
            if best.len() > ef {
                best.pop();
            }
        }
    };
    for &entry in entries {
        visit(entry, frontier, best);
    }
    while let Some(candidate) = frontier.pop() {
        if best.len() >= ef && best.peek().is_some_and(|worst| candidate < worst.0) {
            break;
        }
        *hops += 1;
        lists.each(candidate.id, |id| visit(id, frontier, best));
    }
    found.extend(best.drain().map(|c| c.0));
    found.sort_unstable_by(|a, b| b.cmp(a));
}
