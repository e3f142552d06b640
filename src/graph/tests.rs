//! The graph against exact search, through every change, and its stored form against damage.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::rng::Rng;
use super::*;

const DIM: usize = 16;

fn reals(seed: u64) -> impl FnMut() -> f32 {
    let mut rng = Rng::new(seed);
    move || (rng.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// Unit vectors in loose clusters, the same clusters for every seed, a few vectors repeated.
fn clustered(count: usize, seed: u64) -> Vec<f32> {
    let mut real = reals(0);
    let centres: Vec<f32> = (0..8 * DIM).map(|_| real()).collect();
    let mut real = reals(seed);
    let mut values: Vec<f32> = Vec::with_capacity(count * DIM);
    for i in 0..count {
        if i % 17 == 16 {
            values.extend_from_within((i - 5) * DIM..(i - 4) * DIM);
            continue;
        }
        let centre = &centres[i % 8 * DIM..][..DIM];
        let mut row: Vec<f32> = centre.iter().map(|c| c + 0.7 * real()).collect();
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
        values.extend(row);
    }
    values
}

fn built(space: &impl Space, params: &Params) -> Draft {
    build(space, params, |_, _| ControlFlow::Continue(())).unwrap()
}

fn nearest(space: &Vectors, query: &[f32], k: usize, keep: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut all: Vec<Candidate> = (0..space.len() as u32)
        .filter(|&id| keep(id))
        .map(|id| Candidate {
            score: space::dot(query, space.row(id)),
            id,
        })
        .collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.truncate(k);
    all.iter().map(|c| c.id).collect()
}

/// Share of the 10 nearest that a walk with `ef` 40 finds, over 50 queries.
fn recall(graph: &Graph, space: &Vectors, keep: impl Fn(u32) -> bool) -> f32 {
    let queries = clustered(50, 99);
    let mut scratch = Scratch::default();
    let (mut hit, mut all) = (0, 0);
    for query in queries.chunks_exact(DIM) {
        let score = |id| space::dot(query, space.row(id));
        let found = graph.walk(score, &keep, Ending::ef(40), &mut scratch);
        assert!(found.is_sorted_by(|a, b| a > b));
        assert!(found.iter().all(|c| keep(c.id)));
        for id in nearest(space, query, 10, &keep) {
            all += 1;
            hit += usize::from(found.iter().any(|c| c.id == id));
        }
    }
    hit as f32 / all as f32
}

/// Symmetric, in range, no loops or doubles, and present nodes reachable from every entry point.
fn assert_sound(draft: &Draft) {
    for (node, list) in draft.lists.iter().enumerate() {
        let node = node as u32;
        assert!(draft.present[node as usize] || list.is_empty());
        for (i, &id) in list.iter().enumerate() {
            assert_ne!(id, node);
            assert!(!list[..i].contains(&id));
            assert!(draft.lists[id as usize].contains(&node));
        }
    }
    let present = draft.present.iter().filter(|&&p| p).count();
    assert_eq!(draft.entries.is_empty(), present == 0);
    for &entry in &draft.entries {
        let mut seen = vec![false; draft.len()];
        let mut open = vec![entry];
        seen[entry as usize] = true;
        while let Some(v) = open.pop() {
            for &id in &draft.lists[v as usize] {
                if !std::mem::replace(&mut seen[id as usize], true) {
                    open.push(id);
                }
            }
        }
        assert_eq!(seen.iter().filter(|&&s| s).count(), present);
    }
}

#[test]
fn a_walk_finds_nearly_what_exact_search_finds() {
    for seed in [1, 2, 3] {
        let values = clustered(3000, seed);
        let space = Vectors::new(&values, DIM);
        let draft = built(
            &space,
            &Params {
                seed,
                ..Params::default()
            },
        );
        assert_sound(&draft);
        let graph = draft.freeze();
        let all = recall(&graph, &space, |_| true);
        let some = recall(&graph, &space, |id| id % 3 == 0);
        println!("seed {seed}: recall@10 {all}, with a filter {some}");
        assert!(all > 0.95 && some > 0.95, "seed {seed}: {all} {some}");
    }
}

#[test]
fn hubs_keep_the_graph_sound() {
    let values = clustered(1000, 5);
    let space = Vectors::new(&values, DIM);
    let params = Params {
        hubs: Some(Hubs { share: 0.02 }),
        reverse: 40,
        ..Params::default()
    };
    let draft = built(&space, &params);
    assert_sound(&draft);
    assert!(draft.lists.iter().map(Vec::len).max() > Some(params.forward * 4));
    assert!(recall(&draft.freeze(), &space, |_| true) > 0.95);
}

#[test]
fn nodes_inserted_later_are_found_like_the_first() {
    let values = clustered(3000, 7);
    let part = Vectors::new(&values[..2000 * DIM], DIM);
    let whole = Vectors::new(&values, DIM);
    let params = Params::default();
    let mut draft = built(&part, &params).freeze().thaw(params);
    draft
        .insert(&whole, |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_sound(&draft);
    let graph = draft.freeze();
    assert!(recall(&graph, &whole, |id| id >= 2000) > 0.95);
    assert!(recall(&graph, &whole, |_| true) > 0.95);
}

#[test]
fn removal_leaves_the_rest_reachable_and_near() {
    let values = clustered(3000, 11);
    let space = Vectors::new(&values, DIM);
    let mut draft = built(&space, &Params::default());
    // Every entry point, a whole stretch, and every fourth of the others.
    let mut gone: Vec<u32> = (0..3000).filter(|id| id % 4 == 1 || *id < 400).collect();
    gone.extend(draft.entries.clone());
    gone.push(1 << 30);
    let kept = |id: u32| !gone.contains(&id);
    draft.remove(&space, &gone);
    assert_sound(&draft);
    let recall_after = recall(&draft.freeze(), &space, kept);
    assert!(recall_after > 0.95, "{recall_after}");

    let order: Vec<u32> = (0..3000).rev().filter(|&id| kept(id)).collect();
    draft.renumber(&order);
    assert_sound(&draft);
    let rows: Vec<f32> = order
        .iter()
        .flat_map(|&id| space.row(id))
        .copied()
        .collect();
    let moved = Vectors::new(&rows, DIM);
    assert_eq!(draft.len(), order.len());
    assert!((recall(&draft.freeze(), &moved, |_| true) - recall_after).abs() < 0.02);
}

#[test]
fn a_small_graph_reads_as_text() {
    // Nine points on a quarter of a circle, no two at the same distance: the heuristic leaves the chain.
    let angles = [0.0f32, 0.1, 0.21, 0.33, 0.46, 0.6, 0.75, 0.91, 1.08];
    let values: Vec<f32> = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
    let params = Params {
        entries: 2,
        reverse: 3,
        ..Params::default()
    };
    let graph = built(&Vectors::new(&values, 2), &params).freeze();
    assert_eq!(
        graph.to_string(),
        "0: 1\n1*: 0 2\n2*: 1 3\n3: 2 4\n4: 3 5\n5: 4 6\n6: 5 7\n7: 6 8\n8: 7\n"
    );
}

#[test]
fn the_edges_of_the_domain_are_graphs_too() {
    let params = Params::default();
    for (count, value) in [(0, 0.5f32), (1, 0.5), (2, 0.5), (300, 0.5), (300, 0.0)] {
        let values = vec![value; count * DIM];
        let space = Vectors::new(&values, DIM);
        let mut draft = built(&space, &params);
        assert_sound(&draft);
        let graph = draft.freeze();
        let bytes = graph.to_bytes();
        assert_eq!(Graph::from_bytes(&bytes, count).unwrap(), graph);
        let mut scratch = Scratch::default();
        let score = |id| space::dot(&values[..DIM], space.row(id));
        let found = graph.walk(score, |_| true, Ending::ef(1000), &mut scratch);
        assert_eq!(found.len(), count, "all of {count} equal nodes");
        draft.remove(&space, &(0..count as u32).collect::<Vec<_>>());
        assert_sound(&draft);
        draft
            .insert(&space, |_, _| ControlFlow::Continue(()))
            .unwrap();
        assert!(draft.freeze().entries().is_empty(), "removed stays removed");
    }
}

#[test]
fn building_can_be_cancelled_and_tells_its_progress() {
    let values = clustered(500, 3);
    let space = Vectors::new(&values, DIM);
    let mut told = Vec::new();
    let result = build(&space, &Params::default(), |done, all| {
        told.push((done, all));
        if done > 250 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(result.unwrap_err(), Error::Cancelled);
    assert!(told.is_sorted() && told.iter().all(|&(done, all)| done <= all && all == 500));
    assert!(told.len() > 10);
}

#[cfg(not(target_family = "wasm"))]
#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let values = clustered(2000, 13);
    let space = Vectors::new(&values, DIM);
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| built(&space, &Params::default()).freeze().to_bytes())
    };
    let one = bytes(1);
    assert_eq!(one, bytes(2));
    assert_eq!(one, bytes(5));
}

/// Any symmetric graph, not only those the builder makes.
fn any_graph() -> impl Strategy<Value = Graph> {
    (1u32..400).prop_flat_map(|nodes| {
        let edge = (0..nodes, 0..nodes);
        let edges = proptest::collection::vec(edge, 0..600);
        let entries = proptest::collection::vec(0..nodes, 1..5);
        (edges, entries).prop_map(move |(edges, entries)| {
            let mut lists = vec![Vec::new(); nodes as usize];
            for (a, b) in edges {
                if a != b && !lists[a as usize].contains(&b) {
                    lists[a as usize].push(b);
                    lists[b as usize].push(a);
                }
            }
            Graph::from_lists(lists, entries)
        })
    })
}

/// Walks everywhere; panics if any list leads out of range.
fn walk_all(graph: &Graph) {
    let nodes = graph.len() as u32;
    let mut scratch = Scratch::default();
    for node in 0..nodes {
        assert!(graph.neighbours(node).iter().all(|&id| id < nodes));
    }
    let score = |id: u32| {
        assert!(id < nodes);
        (id % 7) as f32
    };
    graph.walk(score, |_| true, Ending::ef(20), &mut scratch);
    assert!(scratch.codes_read() <= graph.len());
}

proptest! {
    #[test]
    fn any_graph_survives_being_stored(graph in any_graph()) {
        let bytes = graph.to_bytes();
        prop_assert_eq!(&Graph::from_bytes(&bytes, graph.len()).unwrap(), &graph);
        prop_assert_eq!(graph.thaw(Params::default()).freeze(), graph);
    }

    #[test]
    fn damage_is_an_error_and_forged_damage_never_leads_out_of_range(
        graph in any_graph(),
        hits in proptest::collection::vec((any::<usize>(), 1u8..), 1..8),
        cut in proptest::option::of(any::<usize>()),
    ) {
        let mut bytes = graph.to_bytes();
        for (at, flip) in hits {
            let at = at % bytes.len();
            bytes[at] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut % bytes.len());
        }
        if bytes != graph.to_bytes() {
            prop_assert!(Graph::from_bytes(&bytes, graph.len()).is_err());
        }
        // The same damage by somebody who knows the checksum.
        if let Some(body) = bytes.len().checked_sub(4) {
            let sum = crc32fast::hash(&bytes[..body]);
            bytes[body..].copy_from_slice(&sum.to_le_bytes());
            if let Ok(read) = Graph::from_bytes(&bytes, graph.len()) {
                walk_all(&read);
            }
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_a_graph(body in proptest::collection::vec(any::<u8>(), 0..300), nodes in 0usize..200) {
        let mut bytes = b"GGRF\x01".to_vec();
        bytes.extend((nodes as u32).to_le_bytes());
        bytes.extend(body);
        let sum = crc32fast::hash(&bytes);
        bytes.extend(sum.to_le_bytes());
        if let Ok(read) = Graph::from_bytes(&bytes, nodes) {
            walk_all(&read);
        }
    }

    #[test]
    fn insertions_and_removals_in_any_order_keep_the_graph_sound(
        steps in proptest::collection::vec((1usize..60, proptest::collection::vec(any::<u32>(), 0..40)), 1..5),
        seed in any::<u64>(),
    ) {
        let values = clustered(300, seed);
        let mut draft = Draft::new(Params { seed, reverse: 8, ..Params::default() });
        let mut count = 0;
        for (more, gone) in steps {
            count += more;
            let space = Vectors::new(&values[..count * DIM], DIM);
            draft.insert(&space, |_, _| ControlFlow::Continue(())).unwrap();
            assert_sound(&draft);
            let gone: Vec<u32> = gone.iter().map(|id| id % count as u32).collect();
            draft.remove(&space, &gone);
            assert_sound(&draft);
            draft = draft.freeze().thaw(Params { seed, reverse: 8, ..Params::default() });
            assert_sound(&draft);
        }
    }
}
