//! The evaluation: its JSON, and what it reports of a real corpus.
#![cfg(feature = "eval")]
#![allow(clippy::unwrap_used)]

#[path = "../examples/support/squad.rs"]
mod squad;

use std::path::{Path, PathBuf};

use gossamer::eval::{Error, Layout, Options, run};
use serde_json::json;

const DIM: usize = 384;

/// Writes a matrix of float32 as NumPy does (format version 1.0).
fn write_npy(path: &Path, values: &[f32]) {
    let shape = (values.len() / DIM, DIM);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// Unit vectors: documents of 20 around a direction of their own, of falling variance by axis.
fn corpus(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let mut values = Vec::new();
    for i in 0..count {
        let document = i / 20;
        let mut row: Vec<f32> = (0..DIM)
            .map(|d| {
                let falling = 1.0 / (1.0 + d as f32 / 24.0).sqrt();
                falling * (((document * 31 + d * d * 7) as f32).sin() + noise())
            })
            .collect();
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
        values.extend(row);
    }
    values
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("gossamer-eval-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn files(folder: &Folder) -> Options {
    let (vectors, queries) = (folder.0.join("p.npy"), folder.0.join("q.npy"));
    write_npy(&vectors, &corpus(600, 1));
    write_npy(&queries, &corpus(40, 2));
    Options {
        vectors,
        queries,
        text_bytes: Some(600 * 700),
        ..Options::default()
    }
}

#[test]
fn the_json_has_every_key_and_sane_values_for_every_layout() {
    let folder = Folder::new("json");
    let options = files(&folder);
    for layout in ["graph", "flat", "leann", "leann-nocodes"] {
        let options = Options {
            layout: layout.parse().unwrap(),
            ..options.clone()
        };
        let report = run(&options).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        for key in [
            "n",
            "k",
            "recall",
            "recomputed_mean",
            "recomputed_p95",
            "rounds_mean",
            "codes_read_mean",
            "bytes_per_passage",
            "share_of_text",
            "build_seconds",
            "query_ms_p50",
        ] {
            assert!(number(&json[key]) >= 0.0, "{layout}: {key}");
        }
        assert_eq!(json["layout"], layout);
        assert_eq!((number(&json["n"]), number(&json["k"])), (600.0, 3.0));
        let parts = ["codes", "graph", "chunks", "documents", "codebooks"];
        let sum: f64 = parts.iter().map(|part| number(&json["bytes"][part])).sum();
        let total = number(&json["bytes"]["total"]);
        assert_eq!(sum, total);
        assert_eq!(number(&json["bytes_per_passage"]), total / 600.0);
        assert_eq!(number(&json["share_of_text"]), total / (600.0 * 700.0));
        assert_eq!(number(&json["bytes"]["graph"]) > 0.0, layout != "flat");
        let coded = layout != "leann-nocodes";
        assert_eq!(number(&json["bytes"]["codes"]) > 0.0, coded);
        assert_eq!(number(&json["codes_read_mean"]) > 0.0, coded);
        let recall = number(&json["recall"]);
        println!("{layout}: {report}");
        assert!(recall > 0.9 && recall <= 1.0, "{layout}: {recall}");
        assert!(number(&json["recomputed_mean"]) < 600.0);
    }
}

#[test]
fn a_part_of_the_passages_is_judged_by_its_own_truth() {
    let folder = Folder::new("part");
    let options = Options {
        passages: Some(100),
        target_recall: 1.0,
        layout: Layout::Flat,
        ..files(&folder)
    };
    let report = run(&options).unwrap();
    assert_eq!((report.n, report.recall), (100, 1.0));
}

#[test]
fn more_hits_than_passages_are_all_of_them() {
    let folder = Folder::new("few");
    for passages in [0, 1, 2] {
        for layout in [
            Layout::Graph,
            Layout::Flat,
            Layout::Leann,
            Layout::LeannNocodes,
        ] {
            let options = Options {
                passages: Some(passages),
                k: 5,
                layout,
                ..files(&folder)
            };
            let report = run(&options).unwrap();
            assert_eq!((report.n, report.recall), (passages, 1.0), "{layout:?}");
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new("wrong");
    let good = files(&folder);
    let parse = |args: &[&str]| Options::parse(args.iter().map(|a| (*a).to_owned()));
    assert!(matches!(parse(&["--k", "many"]), Err(Error::Option(_))));
    assert!(matches!(
        parse(&["--layout", "tree"]),
        Err(Error::Option(_))
    ));
    assert!(matches!(parse(&["--vectors"]), Err(Error::Option(_))));
    let bad = Options {
        k: 0,
        ..good.clone()
    };
    assert!(matches!(run(&bad), Err(Error::Option(_))));
    let bad = Options {
        queries: folder.0.join("none.npy"),
        ..good.clone()
    };
    let message = run(&bad).err().unwrap().to_string();
    assert!(message.contains("none.npy"), "{message}");
    std::fs::write(folder.0.join("text.npy"), "no array").unwrap();
    let bad = Options {
        vectors: folder.0.join("text.npy"),
        ..good.clone()
    };
    assert!(matches!(run(&bad), Err(Error::File { .. })));
    let mut values = corpus(40, 3);
    values[5] = f32::NAN;
    write_npy(&folder.0.join("nan.npy"), &values);
    let bad = Options {
        queries: folder.0.join("nan.npy"),
        ..good
    };
    assert!(matches!(run(&bad), Err(Error::Mismatch(_))));
}

#[test]
fn with_texts_and_questions_the_report_says_how_often_the_gold_passage_is_found() {
    let folder = Folder::new("gold");
    let good = files(&folder);
    let line = |value: serde_json::Value| format!("{value}\n");
    let passages: String = (0..600)
        .map(|i| line(json!({"title": format!("t{}", i / 20), "text": format!("passage p{i} of some text")})))
        .collect();
    // The word names the passage; every second question has none.
    let questions: String = (0..40)
        .map(|i| match i % 2 {
            0 => line(json!({"text": format!("what is p{i}"), "gold": i})),
            _ => line(json!({"text": "what else"})),
        })
        .collect();
    let (documents, asked) = (folder.0.join("p.jsonl"), folder.0.join("q.jsonl"));
    std::fs::write(&documents, passages).unwrap();
    std::fs::write(&asked, questions).unwrap();
    let options = Options {
        documents: Some(documents),
        questions: Some(asked.clone()),
        ..good.clone()
    };
    let report = run(&options).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["gold"]["questions"], 20);
    for mode in ["keyword", "semantic", "hybrid"] {
        let found = |of: &str| json["gold"][mode][of].as_f64().unwrap();
        let recall = ["recall_at_1", "recall_at_3", "recall_at_10"].map(found);
        assert!(recall.is_sorted() && recall[2] <= 1.0, "{mode}: {recall:?}");
        assert_eq!(found("recomputed_mean") > 0.0, mode != "keyword");
    }
    assert_eq!(json["gold"]["keyword"]["recall_at_1"], 1.0);
    // Texts are needed for it, and a gold passage that is there.
    assert!(matches!(
        run(&Options {
            questions: Some(asked.clone()),
            ..good
        }),
        Err(Error::Option(_))
    ));
    std::fs::write(
        &asked,
        line(json!({"text": "what", "gold": 600})).repeat(40),
    )
    .unwrap();
    assert!(matches!(run(&options), Err(Error::Mismatch(_))));
}

#[test]
fn on_real_questions_a_hybrid_search_is_no_worse_than_the_better_of_words_and_meaning() {
    let Some(squad) = squad::folder() else { return };
    let report = run(&Options {
        vectors: squad.join("passages.f16.npy"),
        queries: squad.join("queries.f16.npy"),
        truth: Some(squad.join("queries.top10.npz")),
        documents: Some(squad.join("passages.jsonl.gz")),
        questions: Some(squad.join("queries.jsonl")),
        layout: Layout::Flat,
        ..Options::default()
    })
    .unwrap();
    println!("{report}");
    let gold = report.gold.unwrap();
    let (words, meaning, both) = (gold.keyword, gold.semantic, gold.hybrid);
    assert!(both.recall_at_1 >= words.recall_at_1.max(meaning.recall_at_1));
    assert!(both.recall_at_3 >= words.recall_at_3.max(meaning.recall_at_3));
    assert!(both.recall_at_10 >= words.recall_at_10.max(meaning.recall_at_10));
}

#[test]
fn on_real_passages_the_walk_loses_little_and_leann_recomputes_less_than_its_authors_program() {
    let Some(squad) = squad::folder() else { return };
    let options = |layout, target_recall| Options {
        vectors: squad.join("passages.f16.npy"),
        queries: squad.join("queries.f16.npy"),
        truth: Some(squad.join("queries.top10.npz")),
        text_bytes: Some(15_532_505),
        layout,
        target_recall,
        ..Options::default()
    };
    let reported = |layout, target| {
        let report = run(&options(layout, target)).unwrap();
        println!("{layout:?}: {report}");
        report
    };
    let flat = reported(Layout::Flat, 0.95);
    let graph = reported(Layout::Graph, 0.95);
    assert!(graph.recall > flat.recall - 0.015);
    assert!(graph.codes_read_mean < 1500.0);
    assert!(graph.bytes_per_passage < 37.0);
    assert!(graph.bytes.graph < 20_958 * 8);

    // LEANN 0.3.8 at complexity 8: recall@3 0.930, 392 recomputed, 160 bytes per passage.
    let leann = reported(Layout::Leann, 0.93);
    assert!(leann.recall > 0.92 && leann.recomputed_mean < 196.0);
    assert!(leann.bytes_per_passage < 37.0);
    let bare = reported(Layout::LeannNocodes, 0.93);
    assert!(bare.recall > 0.92 && bare.bytes_per_passage < 10.0);
}
