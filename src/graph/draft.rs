//! The graph that can change.

use super::build::Params;
use super::compact::Graph;
use super::lists::Lists;
use super::prune::{ranked, select};
use super::rng::Rng;
use super::space::Space;

/// A graph under construction: plain neighbour lists, undirected, without loops or double edges.
///
/// Memory: 24 bytes and about 8 per edge and node.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) params: Params,
    pub(super) lists: Vec<Vec<u32>>,
    pub(super) present: Vec<bool>,
    pub(super) entries: Vec<u32>,
}

impl Draft {
    /// A graph without nodes.
    pub fn new(params: Params) -> Self {
        Self {
            params,
            lists: Vec::new(),
            present: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Nodes, removed ones included.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there are no nodes at all.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Keeps the nodes in `order`, in that order: node `order[i]` becomes node `i`. Nodes not named are
    /// dropped with their edges, so remove them first ([`Draft::remove`]) if the rest is to stay connected.
    /// Ids that are out of range or named twice make nodes without edges.
    pub fn renumber(&mut self, order: &[u32]) {
        let mut new_id = vec![u32::MAX; self.lists.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(slot) = new_id.get_mut(old as usize)
                && *slot == u32::MAX
            {
                *slot = new as u32;
            }
        }
        let renamed = |id: &u32| Some(new_id[*id as usize]).filter(|&new| new != u32::MAX);
        let mut lists = vec![Vec::new(); order.len()];
        let mut present = vec![false; order.len()];
        for (old, list) in self.lists.iter().enumerate() {
            if let Some(new) = renamed(&(old as u32)) {
                lists[new as usize] = list.iter().filter_map(renamed).collect();
                present[new as usize] = self.present[old];
            }
        }
        self.entries = self.entries.iter().filter_map(renamed).collect();
        self.lists = lists;
        self.present = present;
    }

    /// Compresses the graph.
    pub fn freeze(&self) -> Graph {
        Graph::from_lists(self.lists.clone(), self.entries.clone())
    }

    /// Joins two nodes, and lets either drop its worst edges if it holds more than `params.reverse`.
    pub(super) fn link<S: Space>(&mut self, space: &S, probe: &mut S::Probe, a: u32, b: u32) {
        if a == b || self.lists[a as usize].contains(&b) {
            return;
        }
        self.lists[a as usize].push(b);
        self.lists[b as usize].push(a);
        for node in [a, b] {
            if self.lists[node as usize].len() > self.params.reverse {
                self.shrink(space, probe, node);
            }
        }
    }

    fn shrink<S: Space>(&mut self, space: &S, probe: &mut S::Probe, node: u32) {
        let old = std::mem::take(&mut self.lists[node as usize]);
        let ranked = ranked(space, probe, node, &old);
        let mut kept = Vec::with_capacity(self.params.reverse);
        select(space, probe, &ranked, self.params.reverse, &mut kept);
        for gone in old.iter().filter(|id| !kept.contains(id)) {
            self.lists[*gone as usize].retain(|&id| id != node);
        }
        self.lists[node as usize] = kept;
    }

    /// How many entry points a graph of so many nodes has.
    pub(super) fn entry_count(&self, nodes: usize) -> usize {
        let usual = nodes.isqrt() / 5;
        usual.max(self.params.entries).clamp(1, 255).min(nodes)
    }

    /// Chooses the entry points anew: a sample of the present nodes.
    pub(super) fn choose_entries(&mut self) {
        let mut present: Vec<u32> = (0..self.lists.len() as u32)
            .filter(|&id| self.present[id as usize])
            .collect();
        let count = self.entry_count(present.len());
        let mut rng = Rng::new(self.params.seed ^ 0x656e_7472_6965_7321);
        for i in 0..count {
            let other = i + rng.below(present.len() - i);
            present.swap(i, other);
        }
        present.truncate(count);
        present.sort_unstable();
        self.entries = present;
    }
}

impl Lists for Draft {
    fn nodes(&self) -> usize {
        self.lists.len()
    }

    fn each(&self, node: u32, mut f: impl FnMut(u32)) {
        if let Some(list) = self.lists.get(node as usize) {
            for &neighbour in list {
                f(neighbour);
            }
        }
    }
}
