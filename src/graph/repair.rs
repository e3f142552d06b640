//! Removing nodes, and making sure that every present node can be reached.

use super::draft::Draft;
use super::prune::{ranked, select};
use super::space::Space;
use super::walk::{Ending, Scratch, best_first};

/// Removed nodes that a repair looks through when they are neighbours of each other.
const HOLE: usize = 64;

impl Draft {
    /// Removes nodes: each node that loses an edge may take up one with a neighbour of the removed ones, chosen
    /// by the same heuristic as at insertion (after FreshDiskANN, arXiv 2105.09613, algorithm 4). Removed
    /// nodes keep their ids and have no edges; unknown ids are ignored. `space` must still know the nodes.
    pub fn remove<S: Space>(&mut self, space: &S, nodes: &[u32]) {
        let mut touched = Vec::new();
        for &node in nodes {
            if let Some(present) = self.present.get_mut(node as usize) {
                *present = false;
            }
        }
        for &node in nodes {
            if let Some(list) = self.lists.get(node as usize) {
                touched.extend(list.iter().filter(|&&id| self.present[id as usize]));
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let mut probe = space.probe();
        let mended: Vec<(u32, Vec<u32>)> = touched
            .iter()
            .map(|&v| (v, self.mend(space, &mut probe, v)))
            .collect();
        for &v in &touched {
            let present = &self.present;
            self.lists[v as usize].retain(|&id| present[id as usize]);
        }
        for &node in nodes {
            if let Some(list) = self.lists.get_mut(node as usize) {
                *list = Vec::new();
            }
        }
        for (v, added) in mended {
            for id in added {
                self.link(space, &mut probe, v, id);
            }
        }
        self.entries.retain(|&id| self.present[id as usize]);
        if self.entries.len() < self.params.entries {
            self.choose_entries();
        }
        self.connect(space);
    }

    /// The edges that replace those `node` loses.
    fn mend<S: Space>(&self, space: &S, probe: &mut S::Probe, node: u32) -> Vec<u32> {
        let (mut kept, mut holes) = (Vec::new(), Vec::new());
        for &id in &self.lists[node as usize] {
            if self.present[id as usize] {
                kept.push(id);
            } else {
                holes.push(id);
            }
        }
        let (lost, live) = (holes.len(), kept.len());
        let mut beyond = Vec::new();
        let mut at = 0;
        while at < holes.len().min(HOLE) {
            for &id in &self.lists[holes[at] as usize] {
                if !self.present[id as usize] {
                    if !holes.contains(&id) {
                        holes.push(id);
                    }
                } else if id != node && !kept.contains(&id) && !beyond.contains(&id) {
                    beyond.push(id);
                }
            }
            at += 1;
        }
        let ranked = ranked(space, probe, node, &beyond);
        select(space, probe, &ranked, live + lost, &mut kept);
        kept.split_off(live)
    }

    /// Joins every present node that cannot be reached from the first entry point to the nearest node that can,
    /// one edge per separate part. Cost: one walk per part.
    pub(super) fn connect<S: Space>(&mut self, space: &S) {
        let Some(&start) = self.entries.first() else {
            return;
        };
        let mut reached = vec![false; self.lists.len()];
        self.reach(start, &mut reached);
        let mut scratch = Scratch::default();
        let mut probe = space.probe();
        for v in 0..self.lists.len() as u32 {
            if reached[v as usize] || !self.present[v as usize] {
                continue;
            }
            space.aim(&mut probe, v);
            best_first(
                &*self,
                &[start],
                |id| space.score(&probe, id),
                |_| true,
                Ending::ef(self.params.ef),
                &mut scratch,
            );
            let has_room = |id: u32| self.lists[id as usize].len() < self.params.reverse;
            let found = scratch.found();
            let near = found.iter().find(|c| has_room(c.id)).or(found.first());
            // The start itself is always found, so there is one.
            let near = near.map_or(start, |c| c.id);
            self.lists[v as usize].push(near);
            self.lists[near as usize].push(v);
            self.reach(v, &mut reached);
        }
    }

    fn reach(&self, start: u32, reached: &mut [bool]) {
        let mut open = vec![start];
        reached[start as usize] = true;
        while let Some(v) = open.pop() {
            for &id in &self.lists[v as usize] {
                if !std::mem::replace(&mut reached[id as usize], true) {
                    open.push(id);
                }
            }
        }
    }
}
