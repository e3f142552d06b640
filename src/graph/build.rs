//! Building a graph by inserting nodes in batches.

use std::ops::ControlFlow;

use super::draft::Draft;
use super::error::Error;
use super::prune::select;
use super::rng::Rng;
use super::space::Space;
use super::threads;
use super::walk::{Ending, Scratch, best_first};

/// How a graph is built. The defaults are measured in `docs/graph.md`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Most edges a node chooses (LEANN's `m`).
    pub forward: usize,
    /// Most edges a node holds after receiving others' (LEANN's `M`); at most 128.
    pub reverse: usize,
    /// Candidates kept while looking for neighbours (HNSW's `efConstruction`).
    pub ef: usize,
    /// Least entry points; large graphs have a fifth of the root of their nodes, at most 255. A walk scores them
    /// all and starts from the best.
    pub entries: usize,
    /// LEANN's high-degree-preserving pruning, or none.
    pub hubs: Option<Hubs>,
    /// Seed of the insertion order and of the entry points.
    pub seed: u64,
}

/// LEANN's high-degree-preserving pruning (algorithm 3): the nodes of highest degree in a first, unpruned
/// graph may choose as many edges as they may hold. Costs a second build.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hubs {
    /// Share of the nodes that are hubs (LEANN: 0.02).
    pub share: f32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            forward: 6,
            reverse: 64,
            ef: 64,
            entries: 16,
            hubs: None,
            seed: 1,
        }
    }
}

/// Most edges a node may be given, whatever the parameters say.
const DEGREE_LIMIT: usize = 128;
/// A batch is this part of what is already there: its nodes do not see each other.
const BATCH_PART: usize = 16;
/// Largest batch, so that progress is told and cancellation heard often enough.
const BATCH_LIMIT: usize = 2048;

/// Builds a graph over all nodes of `space`.
///
/// The result depends on the space and the parameters alone, not on the number of threads. `progress` is told
/// nodes done and nodes in all, and may break off. Cost: about `ef * degree` scores and as many pair
/// similarities per node; memory: the [`Draft`], and a few bytes per node and thread.
pub fn build<S: Space>(
    space: &S,
    params: &Params,
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Draft, Error> {
    let nodes = checked(space.len())?;
    let mut draft = Draft::new(*params);
    let Some(hubs) = params.hubs else {
        draft.insert(space, progress)?;
        return Ok(draft);
    };
    let mut first = Draft::new(Params {
        forward: params.reverse,
        ..*params
    });
    first.insert(space, |done, all| progress(done, 2 * all))?;
    let mut by_degree: Vec<u32> = (0..nodes).collect();
    by_degree.sort_by_key(|&v| std::cmp::Reverse(first.lists[v as usize].len()));
    let mut is_hub = vec![false; nodes as usize];
    let count = (nodes as f32 * hubs.share.clamp(0.0, 1.0)) as usize;
    for &v in &by_degree[..count.min(by_degree.len())] {
        is_hub[v as usize] = true;
    }
    drop(first);
    let cap = |v: u32| {
        if is_hub[v as usize] {
            params.reverse
        } else {
            params.forward
        }
    };
    draft.grow(space, cap, |done, all| progress(all + done, 2 * all))?;
    Ok(draft)
}

fn checked(nodes: usize) -> Result<u32, Error> {
    u32::try_from(nodes)
        .ok()
        .filter(|&n| n <= u32::MAX / 2)
        .ok_or(Error::TooMany(nodes))
}

impl Draft {
    /// Inserts the nodes of `space` that the graph does not have yet, that is `self.len()..space.len()`.
    /// The same as building, but for the order: nodes already there keep their ids and most of their edges.
    pub fn insert<S: Space>(
        &mut self,
        space: &S,
        progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let forward = self.params.forward;
        self.grow(space, |_| forward, progress)
    }

    fn grow<S: Space>(
        &mut self,
        space: &S,
        cap: impl Fn(u32) -> usize + Sync + Send,
        mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (old, new) = (checked(self.lists.len())?, checked(space.len())?);
        if new < old {
            return Err(Error::Mismatch {
                graph: old as usize,
                space: new as usize,
            });
        }
        self.params.reverse = self.params.reverse.clamp(1, DEGREE_LIMIT);
        let mut order: Vec<u32> = (old..new).collect();
        Rng::new(self.params.seed).shuffle(&mut order);
        self.lists.resize_with(new as usize, Vec::new);
        self.present.resize(new as usize, false);
        let total = order.len();
        let mut there = self.present.iter().filter(|&&p| p).count();
        let mut received: Vec<(u32, u32)> = Vec::new();
        let mut probe = space.probe();
        let mut rest = order.as_slice();
        if there == 0
            && let Some((&first, others)) = rest.split_first()
        {
            self.present[first as usize] = true;
            self.entries = vec![first];
            (rest, there) = (others, 1);
        }
        while !rest.is_empty() {
            let size = (there / BATCH_PART).clamp(1, BATCH_LIMIT).min(rest.len());
            let (batch, others) = rest.split_at(size);
            let draft = &*self;
            let chosen = threads::map(
                batch,
                || (space.probe(), Scratch::default()),
                |(probe, scratch), &v| {
                    space.aim(probe, v);
                    let score = |id| space.score(probe, id);
                    let ending = Ending::ef(draft.params.ef);
                    best_first(draft, &draft.entries, score, |_| true, ending, scratch);
                    let cap = cap(v).clamp(1, draft.params.reverse);
                    let mut list = Vec::with_capacity(cap);
                    select(space, probe, scratch.found(), cap, &mut list);
                    list
                },
            );
            received.clear();
            for (&v, list) in batch.iter().zip(&chosen) {
                self.present[v as usize] = true;
                received.extend(list.iter().map(|&to| (to, v)));
            }
            received.sort_unstable();
            for &(to, from) in &received {
                self.link(space, &mut probe, to, from);
            }
            // While the graph is small every new node may become an entry point.
            let room = self.entry_count(there).saturating_sub(self.entries.len());
            self.entries.extend(batch.iter().take(room));
            (rest, there) = (others, there + size);
            if progress(total - rest.len(), total).is_break() {
                return Err(Error::Cancelled);
            }
        }
        self.choose_entries();
        self.connect(space);
        Ok(())
    }
}
