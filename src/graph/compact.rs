//! The compressed graph that is walked.

use std::fmt;

use super::build::Params;
use super::draft::Draft;
use super::lists::Lists;
use super::walk::{Candidate, Ending, Scratch, best_first};

/// A graph at rest, for walking: every list sorted, its gaps in one to five bytes each, found by an offset per
/// node. Memory: 4 bytes per node and about 1.5 per edge and node; decoding a list allocates nothing.
///
/// Stored it is half as large ([`Graph::to_bytes`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// `offsets[v]..offsets[v + 1]` are the bytes of node `v`; one more than nodes.
    offsets: Vec<u32>,
    gaps: Vec<u8>,
    entries: Vec<u32>,
}

impl Default for Graph {
    fn default() -> Self {
        Self::from_lists(Vec::new(), Vec::new())
    }
}

impl Graph {
    /// Lists must be symmetric and in range, which [`Draft`] and the decoder see to.
    pub(super) fn from_lists(lists: Vec<Vec<u32>>, entries: Vec<u32>) -> Self {
        let mut graph = Self {
            offsets: Vec::with_capacity(lists.len() + 1),
            gaps: Vec::new(),
            entries,
        };
        graph.offsets.push(0);
        for (node, mut list) in lists.into_iter().enumerate() {
            list.sort_unstable();
            graph.push(node as u32, &list);
        }
        graph
    }

    /// Appends the sorted list of the next node.
    fn push(&mut self, node: u32, list: &[u32]) {
        let mut last = None;
        for &id in list {
            let gap = match last {
                None => zigzag(i64::from(id) - i64::from(node)),
                Some(last) => u64::from(id - last),
            };
            last = Some(id);
            let mut rest = gap;
            while rest >= 0x80 {
                self.gaps.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            self.gaps.push(rest as u8);
        }
        self.offsets.push(self.gaps.len() as u32);
    }

    /// Nodes, removed ones included.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are no nodes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where walks start.
    pub fn entries(&self) -> &[u32] {
        &self.entries
    }

    /// The neighbours of a node, ascending; none for an unknown or removed one.
    pub fn neighbours(&self, node: u32) -> Vec<u32> {
        let mut list = Vec::new();
        self.each(node, |id| list.push(id));
        list
    }

    /// Calls `f` with each of them, and allocates nothing.
    pub fn for_each_neighbour(&self, node: u32, f: impl FnMut(u32)) {
        self.each(node, f);
    }

    /// Edges, each counted once.
    pub fn edges(&self) -> usize {
        // A gap ends with the only byte below 0x80.
        self.gaps.iter().filter(|&&byte| byte < 0x80).count() / 2
    }

    /// Bytes held in memory.
    pub fn memory(&self) -> usize {
        self.gaps.len() + 4 * (self.offsets.len() + self.entries.len())
    }

    /// Walks from the entry points towards the best scores: best-first search (HNSW, algorithm 2).
    ///
    /// `score` is asked once for every node that is read, larger being nearer, and must not give NaN. Nodes that
    /// `keep` refuses are walked through but not returned; where it refuses most of them, a scan of those it
    /// keeps is cheaper. Returns the best `ending.ef`, best first; [`Scratch::codes_read`] tells the cost.
    pub fn walk<'s>(
        &self,
        score: impl FnMut(u32) -> f32,
        keep: impl FnMut(u32) -> bool,
        ending: Ending,
        scratch: &'s mut Scratch,
    ) -> &'s [Candidate] {
        best_first(self, &self.entries, score, keep, ending, scratch);
        scratch.found()
    }

    /// The graph as one that can change.
    pub fn thaw(&self, params: Params) -> Draft {
        let lists: Vec<Vec<u32>> = (0..self.len() as u32).map(|v| self.neighbours(v)).collect();
        let mut present: Vec<bool> = lists.iter().map(|list| !list.is_empty()).collect();
        for &entry in &self.entries {
            present[entry as usize] = true;
        }
        Draft {
            params,
            lists,
            present,
            entries: self.entries.clone(),
        }
    }
}

impl Lists for Graph {
    fn nodes(&self) -> usize {
        self.len()
    }

    fn each(&self, node: u32, mut f: impl FnMut(u32)) {
        let at = node as usize;
        let (Some(&from), Some(&to)) = (self.offsets.get(at), self.offsets.get(at + 1)) else {
            return;
        };
        let mut bytes = self.gaps[from as usize..to as usize].iter();
        let mut last: Option<u32> = None;
        while let Some(&first) = bytes.next() {
            let mut gap = u64::from(first & 0x7F);
            let (mut byte, mut shift) = (first, 7);
            while byte >= 0x80 {
                let Some(&next) = bytes.next() else { return };
                byte = next;
                gap |= u64::from(byte & 0x7F) << shift;
                shift += 7;
            }
            let id = match last {
                None => (i64::from(node) + unzigzag(gap)) as u32,
                Some(last) => last + gap as u32,
            };
            last = Some(id);
            f(id);
        }
    }
}

/// One line per node: `node: neighbours`, entry points marked with a star. For tests and small graphs.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in 0..self.len() as u32 {
            let mark = if self.entries.contains(&node) {
                "*"
            } else {
                ""
            };
            write!(f, "{node}{mark}:")?;
            for id in self.neighbours(node) {
                write!(f, " {id}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
