//! Random histories of an index against an exact map.
//!
//! `GOSSAMER_HISTORIES` sets their number (500 by default).
#![allow(clippy::unwrap_used)]

mod words;

use std::collections::BTreeMap;

use gossamer::index::{Added, Index, Mode, SearchOptions, Snapshot, WriterOptions};
use gossamer::store::Memory;
use pollster::block_on;
use proptest::prelude::*;
use words::{Lines, Words, config, document};

type Model = BTreeMap<u8, String>;

#[derive(Clone, Debug)]
enum Step {
    Add(u8, String),
    Remove(u8),
    Commit,
    Compact,
    /// Drops writer and index; what was not committed is gone.
    Reopen,
    /// Moves the index through an export.
    Move,
    /// Keeps a snapshot, to be looked at after the next step.
    Hold,
    Search(String),
}

fn words_of(few: usize) -> impl Strategy<Value = String> {
    let word = prop_oneof![8 => (0..40u8).prop_map(|w| format!("w{w}")), 1 => "[a-z\u{e9}😀]{1,5}"];
    prop::collection::vec(word, 1..=few).prop_map(|words| words.join(" "))
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop::collection::vec(words_of(4), 0..4).prop_map(|lines| lines.join("\n"));
    prop_oneof![
        8 => (0..8u8, text).prop_map(|(id, text)| Step::Add(id, text)),
        2 => (0..8u8).prop_map(Step::Remove),
        4 => Just(Step::Commit),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        1 => Just(Step::Move),
        1 => Just(Step::Hold),
        3 => words_of(3).prop_map(Step::Search),
    ]
}

async fn check(snapshot: &Snapshot<Memory>, model: &Model) -> Result<(), TestCaseError> {
    let mut ids = snapshot.ids().await.unwrap();
    ids.sort();
    prop_assert_eq!(&ids, &model.keys().map(u8::to_string).collect::<Vec<_>>());
    prop_assert_eq!(snapshot.documents(), model.len());
    for (id, text) in model {
        let id = id.to_string();
        prop_assert_eq!(
            snapshot.document(&id).await.unwrap(),
            Some(document(&id, text))
        );
    }
    Ok(())
}

/// An exhaustive search must give the best scores there are, each with its own passage.
async fn check_search(
    snapshot: &Snapshot<Memory>,
    model: &Model,
    question: &str,
) -> Result<(), TestCaseError> {
    let options = SearchOptions {
        k: 3,
        recall: 1.0,
        mode: Mode::Semantic,
        ..SearchOptions::default()
    };
    let found = snapshot
        .search(&Words::new(), question, &options)
        .await
        .unwrap();
    let q = words::embed(question);
    let dot = |text: &str| {
        q.iter()
            .zip(words::embed(text))
            .map(|(a, b)| a * b)
            .sum::<f32>()
    };
    let lines = model
        .values()
        .flat_map(|text| text.lines())
        .filter(|line| !line.is_empty());
    let mut best: Vec<f32> = lines.map(dot).collect();
    best.sort_by(|a, b| b.total_cmp(a));
    best.truncate(3);
    prop_assert_eq!(found.hits.iter().map(|h| h.score).collect::<Vec<_>>(), best);
    for hit in found.hits {
        let text = &model[&hit.document.parse::<u8>().unwrap()];
        prop_assert_eq!(&text[hit.bytes.clone()], &hit.text);
        prop_assert_eq!(
            text.lines().filter(|l| !l.is_empty()).nth(hit.chunk),
            Some(hit.text.as_str())
        );
        prop_assert_eq!(
            text[..hit.bytes.start].encode_utf16().count(),
            hit.utf16.start
        );
        prop_assert_eq!(text[..hit.bytes.end].encode_utf16().count(), hit.utf16.end);
    }
    Ok(())
}

async fn run(steps: Vec<Step>, merge_factor: usize, batch: usize) -> Result<(), TestCaseError> {
    let words = Words::new();
    let options = WriterOptions {
        merge_factor,
        batch,
        // With and without graphs.
        graph_chunks: if batch.is_multiple_of(2) {
            4
        } else {
            usize::MAX
        },
        ..WriterOptions::default()
    };
    let mut store = Memory::new();
    let mut index = Index::create(store.other(), config()).await.unwrap();
    let mut writer = index.writer(options).await.unwrap();
    let (mut model, mut committed) = (Model::new(), Model::new());
    let mut held: Option<(Snapshot<Memory>, Model)> = None;
    for step in steps {
        let holding = held.take();
        match step {
            Step::Add(id, text) => {
                let added = writer
                    .add(&words, &Lines, document(&id.to_string(), &text))
                    .await
                    .unwrap();
                let before = model.insert(id, text.clone());
                let expected = match before {
                    None => Added::New,
                    Some(before) if before == text => Added::Unchanged,
                    Some(_) => Added::Replaced,
                };
                prop_assert_eq!(added, expected);
            }
            Step::Remove(id) => {
                prop_assert_eq!(writer.remove(&id.to_string()), model.remove(&id).is_some());
            }
            Step::Commit => {
                writer.commit(&words).await.unwrap();
                committed.clone_from(&model);
            }
            Step::Compact => writer.compact().await.unwrap(),
            Step::Reopen => {
                drop(writer);
                index = Index::open(store.other()).await.unwrap();
                writer = index.writer(options).await.unwrap();
                model.clone_from(&committed);
            }
            Step::Move => {
                drop(writer);
                let mut file = Vec::new();
                index
                    .snapshot()
                    .export(|bytes| {
                        file.extend_from_slice(bytes);
                        Ok(())
                    })
                    .await
                    .unwrap();
                store = Memory::new();
                index = Index::import(store.other(), &file).await.unwrap();
                writer = index.writer(options).await.unwrap();
                model.clone_from(&committed);
            }
            Step::Hold => held = Some((index.snapshot(), committed.clone())),
            Step::Search(question) => {
                check_search(&index.snapshot(), &committed, &question).await?
            }
        }
        prop_assert_eq!(writer.len(), model.len());
        check(&index.snapshot(), &committed).await?;
        if let Some((snapshot, then)) = holding {
            check(&snapshot, &then).await?;
        }
    }
    let report = index.snapshot().verify().await.unwrap();
    prop_assert!(report.is_clean(), "{:?}", report);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("GOSSAMER_HISTORIES").map_or(500, |n| n.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_history_of_any_steps_leaves_what_an_exact_map_holds(
        steps in prop::collection::vec(step(), 1..40), merge_factor in 2..5usize, batch in 1..8usize
    ) {
        block_on(run(steps, merge_factor, batch))?;
    }
}
