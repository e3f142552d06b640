//! Which of the candidates become neighbours.

use super::space::Space;
use super::walk::Candidate;

/// The relative-neighbourhood heuristic (HNSW, algorithm 4 without its extensions): a candidate is taken
/// unless one already in `out` is nearer to it than the node itself. `candidates` come best first; `out` grows
/// to `cap` at most. Cost: up to `candidates * cap` pair similarities.
pub(crate) fn select<S: Space>(
    space: &S,
    probe: &mut S::Probe,
    candidates: &[Candidate],
    cap: usize,
    out: &mut Vec<u32>,
) {
    for c in candidates {
        if out.len() >= cap {
            break;
        }
        if out.iter().all(|&o| space.pair(probe, c.id, o) <= c.score) {
            out.push(c.id);
        }
    }
}

/// The neighbours in `list` of `node` with their similarities, best first.
pub(crate) fn ranked<S: Space>(
    space: &S,
    probe: &mut S::Probe,
    node: u32,
    list: &[u32],
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = list
        .iter()
        .map(|&id| Candidate {
            score: space.pair(probe, node, id),
            id,
        })
        .collect();
    candidates.sort_unstable_by(|a, b| b.cmp(a));
    candidates
}
