//! LEANN's own search: a walk on exact scores, every one recomputed (arXiv 2506.08276, section 4 and
//! algorithm 2, with the dynamic batching of section 4.2).
//!
//! Kept beside [`super::Search`] for comparison, and because without codes ([`Leann::without_codes`]) the
//! index is the smallest of all: the graph alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::{Error, Hit, Step};
use crate::graph::{Candidate, Graph};

/// How far a search goes, in the paper's letters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeannOptions {
    /// `k`: hits wanted.
    pub k: usize,
    /// `ef`: exact scores kept; the walk ends when the nearest node not expanded is worse than all of them.
    pub ef: usize,
    /// `a`, the re-ranking ratio: this share of all nodes seen, the best by code, is recomputed. The paper
    /// gives no value. Without codes it is 1.
    pub ratio: f32,
    /// Dynamic batching: nodes are expanded until this many embeddings are wanted. 1 is the paper's algorithm 2
    /// as it stands, and least work; the paper's figure for its GPU is 64, and fewest rounds.
    pub batch: usize,
}

impl Default for LeannOptions {
    fn default() -> Self {
        Self {
            k: 10,
            ef: 32,
            ratio: 0.1,
            batch: 1,
        }
    }
}

/// One search. Asks for embeddings and is fed exact scores like [`super::Search`].
///
/// `approximate` estimates the score of a node by its code.
pub struct Leann<'a, F> {
    graph: &'a Graph,
    approximate: F,
    options: LeannOptions,
    visited: HashSet<u32>,
    /// AQ, the approximate queue: every node seen, best estimate first, and whether it was asked for. Global and
    /// never forgetting, so that a node passed over early is taken up when it proves to be good.
    aq: Vec<(Candidate, bool)>,
    /// Of AQ, the first ones that were all asked for.
    asked: usize,
    /// EQ, the exact queue: recomputed and not expanded.
    eq: BinaryHeap<Candidate>,
    /// R: the best `ef` recomputed.
    r: BinaryHeap<Reverse<Candidate>>,
    pending: Vec<u32>,
    hits: Vec<Hit>,
    embedded: usize,
    rounds: usize,
    estimates: usize,
    done: bool,
}

impl<'a> Leann<'a, fn(u32) -> f32> {
    /// A search of an index that holds nothing but the graph: every neighbour is recomputed.
    ///
    /// # Errors
    /// None: nothing is estimated.
    pub fn without_codes(graph: &'a Graph, options: LeannOptions) -> Result<Self, Error> {
        let options = LeannOptions {
            ratio: 1.0,
            ..options
        };
        Self::new(graph, |_| 0.0, options)
    }
}

impl<'a, F: FnMut(u32) -> f32> Leann<'a, F> {
    /// A search from the graph's entry points (`p`).
    ///
    /// # Errors
    /// [`Error::NotFinite`] if an estimate is no number.
    pub fn new(graph: &'a Graph, approximate: F, options: LeannOptions) -> Result<Self, Error> {
        let mut search = Self {
            graph,
            approximate,
            options: LeannOptions {
                ef: options.ef.max(options.k).max(1),
                ratio: options.ratio.clamp(0.0, 1.0),
                batch: options.batch.max(1),
                ..options
            },
            visited: HashSet::new(),
            aq: Vec::new(),
            asked: 0,
            eq: BinaryHeap::new(),
            r: BinaryHeap::new(),
            pending: Vec::new(),
            hits: Vec::new(),
            embedded: 0,
            rounds: 0,
            estimates: 0,
            done: options.k == 0,
        };
        search.meet(graph.entries())?;
        search.ask(1);
        Ok(search)
    }

    /// Puts those of `nodes` that are new into AQ.
    fn meet(&mut self, nodes: &[u32]) -> Result<(), Error> {
        for &id in nodes {
            if !self.visited.insert(id) {
                continue;
            }
            let score = (self.approximate)(id);
            if !score.is_finite() {
                return Err(Error::NotFinite { id });
            }
            self.estimates += 1;
            let new = Candidate { score, id };
            let at = self.aq.partition_point(|(known, _)| *known > new);
            self.aq.insert(at, (new, false));
            self.asked = self.asked.min(at);
        }
        Ok(())
    }

    /// Asks for the best share `a` of AQ, at least `least` nodes of it, as far as not yet asked for.
    fn ask(&mut self, least: usize) {
        let share = (self.options.ratio * self.aq.len() as f32).ceil() as usize;
        let share = share.max(least).min(self.aq.len());
        for (candidate, asked) in self.aq.iter_mut().take(share).skip(self.asked) {
            if !std::mem::replace(asked, true) {
                self.pending.push(candidate.id);
            }
        }
        self.asked = self.asked.max(share);
    }

    /// What to do next. Asked again before [`Leann::feed`], it answers the same.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if an estimate is no number; the search is over then.
    pub fn step(&mut self) -> Result<Step<'_>, Error> {
        // `pending` is only empty here at first use or after a feed: dynamic batching fills it once.
        let mut fill = self.pending.is_empty();
        while fill && !self.done && self.pending.len() < self.options.batch {
            let ef = self.options.ef;
            let worst = self.r.peek().filter(|_| self.r.len() >= ef).map(|c| c.0);
            match self.eq.pop() {
                Some(v) if worst.is_none_or(|worst| v >= worst) => {
                    let neighbours = self.graph.neighbours(v.id);
                    if let Err(error) = self.meet(&neighbours) {
                        self.done = true;
                        return Err(error);
                    }
                    self.ask(0);
                }
                // Algorithm 2 ends when EQ is empty, which a small share `a` of few nodes leads to at once: until R
                // is full, the best of AQ goes on.
                None if self.pending.is_empty()
                    && self.r.len() < ef
                    && self.asked < self.aq.len() =>
                {
                    self.ask(self.asked + 1);
                }
                // Nothing is left to expand before what is pending has been recomputed.
                _ => {
                    self.eq.clear();
                    fill = false;
                }
            }
        }
        self.done |= self.pending.is_empty();
        Ok(if self.done {
            Step::Done
        } else {
            Step::Embed(&self.pending)
        })
    }

    /// Exact scores of the chunks of the last [`Step::Embed`], in its order.
    ///
    /// # Errors
    /// [`Error::Unasked`] or [`Error::NotFinite`]; then nothing was taken.
    pub fn feed(&mut self, scores: &[f32]) -> Result<(), Error> {
        Error::check(self.pending.iter().copied(), scores)?;
        for (id, &score) in self.pending.drain(..).zip(scores) {
            let exact = Candidate { score, id };
            self.eq.push(exact);
            self.r.push(Reverse(exact));
            if self.r.len() > self.options.ef {
                self.r.pop();
            }
        }
        self.embedded += scores.len();
        self.rounds += usize::from(!scores.is_empty());
        let mut best: Vec<Candidate> = self.r.iter().map(|c| c.0).collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        self.hits.clear();
        self.hits
            .extend(best.iter().take(self.options.k).map(|c| Hit {
                id: c.id,
                score: c.score,
            }));
        Ok(())
    }

    /// The best so far, at most `k`, best first; final once [`Step::Done`] was answered.
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Embeddings asked for and fed.
    pub fn embedded(&self) -> usize {
        self.embedded
    }

    /// Dependent rounds of them.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// Estimates made from codes.
    pub fn estimates(&self) -> usize {
        self.estimates
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::graph::{Params, Vectors, build};

    const N: u32 = 800;

    /// Points on a spiral on the sphere: near in number is near in space.
    fn points() -> Vec<f32> {
        (0..N)
            .flat_map(|i| {
                let z = 1.0 - 2.0 * (i as f32 + 0.5) / N as f32;
                let (turn, side) = (i as f32 * 0.3, (1.0 - z * z).sqrt());
                [side * turn.cos(), side * turn.sin(), z]
            })
            .collect()
    }

    fn graph(values: &[f32]) -> Graph {
        let space = Vectors::new(values, 3);
        let go = |_, _| ControlFlow::Continue(());
        build(&space, &Params::default(), go).unwrap().freeze()
    }

    fn score(values: &[f32], query: &[f32; 3], id: u32) -> f32 {
        let row = &values[id as usize * 3..][..3];
        row.iter().zip(query).map(|(a, b)| a * b).sum()
    }

    fn run<F: FnMut(u32) -> f32>(mut search: Leann<F>, exact: impl Fn(u32) -> f32) -> Leann<F> {
        loop {
            let scores: Vec<f32> = match search.step().unwrap() {
                Step::Done => return search,
                Step::Embed(ids) => ids.iter().map(|&id| exact(id)).collect(),
            };
            search.feed(&scores).unwrap();
        }
    }

    fn nearest(exact: impl Fn(u32) -> f32, k: usize) -> Vec<u32> {
        let mut ids: Vec<u32> = (0..N).collect();
        ids.sort_by(|&a, &b| exact(b).total_cmp(&exact(a)).then(a.cmp(&b)));
        ids.truncate(k);
        ids
    }

    const QUERY: [f32; 3] = [0.6, -0.64, 0.48];

    #[test]
    fn both_find_the_nearest_and_codes_save_embeddings() {
        let values = points();
        let graph = graph(&values);
        let exact = |id| score(&values, &QUERY, id);
        let rough = |id: u32| exact(id) + 0.02 * ((id * 7919) % 13) as f32 / 13.0;
        let options = LeannOptions {
            k: 5,
            ef: 20,
            ..LeannOptions::default()
        };
        let ids = |hits: &[Hit]| hits.iter().map(|h| h.id).collect::<Vec<_>>();

        let plain = run(Leann::without_codes(&graph, options).unwrap(), exact);
        assert_eq!(ids(plain.hits()), nearest(exact, 5));
        assert_eq!(plain.embedded(), plain.estimates());

        let coded = run(Leann::new(&graph, rough, options).unwrap(), exact);
        assert_eq!(ids(coded.hits()), nearest(exact, 5));
        assert!(coded.embedded() * 2 < plain.embedded());
    }

    #[test]
    fn larger_batches_take_fewer_rounds() {
        let values = points();
        let graph = graph(&values);
        let exact = |id| score(&values, &QUERY, id);
        let rounds = |batch| {
            let options = LeannOptions {
                k: 5,
                ef: 40,
                batch,
                ..LeannOptions::default()
            };
            let search = run(Leann::without_codes(&graph, options).unwrap(), exact);
            assert_eq!(search.hits().len(), 5);
            search.rounds()
        };
        assert!(rounds(64) * 2 < rounds(1));
    }

    #[test]
    fn the_smallest_graphs_and_ratios_give_all_there_is() {
        let values = points();
        for n in [0, 1, 2, 9] {
            let graph = graph(&values[..n * 3]);
            for (k, ratio) in [(0, 0.5), (1, 0.0), (20, 0.0), (20, 1.0)] {
                let options = LeannOptions {
                    k,
                    ratio,
                    ..LeannOptions::default()
                };
                let search = Leann::new(&graph, |_| 0.0, options).unwrap();
                let search = run(search, |id| score(&values, &QUERY, id));
                assert_eq!(
                    search.hits().len(),
                    k.min(n),
                    "k {k}, ratio {ratio}, {n} nodes"
                );
            }
        }
    }

    #[test]
    fn scores_that_are_no_numbers_are_refused() {
        let values = points();
        let graph = graph(&values);
        let options = LeannOptions::default();
        assert!(matches!(
            Leann::new(&graph, |_| f32::NAN, options),
            Err(Error::NotFinite { .. })
        ));
        let mut search = Leann::without_codes(&graph, options).unwrap();
        let Step::Embed(ids) = search.step().unwrap() else {
            panic!("nothing asked")
        };
        let (asked, bad) = (ids.to_vec(), vec![f32::NAN; ids.len()]);
        assert_eq!(search.feed(&bad), Err(Error::NotFinite { id: asked[0] }));
        assert!(matches!(search.feed(&[]), Err(Error::Unasked { .. })));
        assert_eq!(search.step().unwrap(), Step::Embed(&asked));
    }
}
