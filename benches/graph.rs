//! Scoring 10,000 synthetic codes; building, storing, opening and walking the graph over them.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use gossamer::codec::{Codec, Coder, Codes};
use gossamer::graph::{CodeSpace, Ending, Graph, Params, Scratch, build};

const COUNT: usize = 10_000;
const DIM: usize = 384;

fn main() {
    divan::main();
}

/// Numbers between -1 and 1.
fn noise(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// A unit vector of a document of 40.
fn vector(id: usize) -> Vec<f32> {
    let (mut document, mut own) = (noise(id as u64 / 40), noise(1 << 32 | id as u64));
    let row: Vec<f32> = (0..DIM).map(|_| document() + own()).collect();
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter().map(|x| x / norm).collect()
}

static CODED: LazyLock<(Coder, Codes)> = LazyLock::new(|| {
    let vectors: Vec<f32> = (0..COUNT).flat_map(vector).collect();
    let codec = Codec::bundled().unwrap();
    let frame = codec
        .fit(&vectors[..1000 * DIM], Codec::CODE_BYTES)
        .unwrap();
    let coder = codec.coder(&frame).unwrap();
    let mut codes = coder.codes();
    for document in vectors.chunks(40 * DIM) {
        coder.encode(document, &mut codes).unwrap();
    }
    (coder, codes)
});

fn built() -> Graph {
    let go = |_, _| ControlFlow::Continue(());
    let space = CodeSpace::new(&CODED.0, &CODED.1);
    build(&space, &Params::default(), go).unwrap().freeze()
}

static GRAPH: LazyLock<Graph> = LazyLock::new(built);

/// The tables of a question.
#[divan::bench]
fn scorer(bencher: Bencher) {
    let (coder, query) = (&CODED.0, vector(7));
    bencher.bench_local(|| black_box(coder.scorer(&query).unwrap()));
}

/// All codes by those tables.
#[divan::bench]
fn scan(bencher: Bencher) {
    let (coder, codes) = &*CODED;
    let scorer = coder.scorer(&vector(7)).unwrap();
    let mut scores = Vec::new();
    bencher
        .counter(ItemsCount::new(COUNT))
        .bench_local(|| scorer.score_all(codes, black_box(&mut scores)));
}

#[divan::bench(sample_count = 3)]
fn build_from_codes(bencher: Bencher) {
    LazyLock::force(&CODED);
    bencher.counter(ItemsCount::new(COUNT)).bench(built);
}

#[divan::bench]
fn write(bencher: Bencher) {
    let graph = &*GRAPH;
    bencher
        .counter(ItemsCount::new(graph.edges()))
        .bench(|| graph.to_bytes());
}

#[divan::bench]
fn read(bencher: Bencher) {
    let bytes = GRAPH.to_bytes();
    bencher
        .counter(ItemsCount::new(GRAPH.edges()))
        .bench(|| Graph::from_bytes(&bytes, COUNT).unwrap());
}

#[divan::bench]
fn decode_adjacency(bencher: Bencher) {
    let graph = &*GRAPH;
    bencher
        .counter(ItemsCount::new(2 * graph.edges()))
        .bench(|| {
            let mut sum = 0u32;
            for node in 0..COUNT as u32 {
                graph.for_each_neighbour(node, |id| sum = sum.wrapping_add(id));
            }
            sum
        });
}

#[divan::bench]
fn walk(bencher: Bencher) {
    let (graph, (coder, codes)) = (&*GRAPH, &*CODED);
    let ending = Ending::for_codes(10, 512, coder.prior().spread, 0.95);
    let scorers: Vec<_> = (0..50)
        .map(|i| coder.scorer(&vector(i * 200 + 7)).unwrap())
        .collect();
    let (mut scratch, mut turn) = (Scratch::default(), 0);
    bencher.bench_local(|| {
        turn = (turn + 1) % scorers.len();
        let score = |id| scorers[turn].score(codes, id);
        black_box(graph.walk(score, |_| true, ending, &mut scratch).len())
    });
}
