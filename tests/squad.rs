//! Size and recall of an index of 20,958 real passages with their MiniLM vectors, one document per article.
//!
//! Needs `squad/` in the folder that `GOSSAMER_DATA` names (default `../shared/data`).
#![allow(clippy::unwrap_used)]

#[path = "../examples/support/squad.rs"]
mod squad;

use gossamer::index::{Document, Mode, SearchOptions, Snapshot};
use gossamer::search::Filter;
use gossamer::store::Memory;
use pollster::block_on;
use squad::{Squad, Truth, compact, folder};

/// Recall of the top three and passages embedded per question.
async fn measure(
    squad: &Squad,
    truth: &Truth,
    snapshot: &Snapshot<Memory>,
    target_recall: f32,
) -> (f64, f64, f64, f64) {
    let options = SearchOptions {
        k: 3,
        recall: target_recall,
        mode: Mode::Semantic,
        ..SearchOptions::default()
    };
    let (mut found, mut embedded, mut rounds, mut read) = (0, 0, 0, 0);
    let all: Vec<usize> = (0..squad.passages.len()).collect();
    for (number, question) in squad.questions.iter().enumerate() {
        let result = snapshot
            .search(&squad.embedder, &question.text, &options)
            .await
            .unwrap();
        found += squad.count(&truth.best(number, &all, 3), &result.hits);
        embedded += result.stats.recomputed;
        rounds += result.stats.rounds;
        read += result.stats.codes_read;
    }
    let n = squad.questions.len() as f64;
    (
        found as f64 / (3.0 * n),
        embedded as f64 / n,
        rounds as f64 / n,
        read as f64 / n,
    )
}

#[test]
fn an_index_of_real_passages_is_small_and_finds_what_exact_search_finds() {
    let Some(folder) = folder() else { return };
    let squad = Squad::load(&folder);
    let truth = Truth::of(&squad);
    block_on(async {
        let index = squad.import(squad.articles()).await;
        for form in ["as imported", "compacted", "with a graph"] {
            if form != "as imported" {
                let start = std::time::Instant::now();
                let graph_chunks = if form == "compacted" { usize::MAX } else { 1 };
                compact(&index, graph_chunks).await;
                println!("merged in {:.1} s", start.elapsed().as_secs_f64());
            }
            let snapshot = index.snapshot();
            let stats = snapshot.stats();
            let per = |bytes: u64| bytes as f64 / stats.chunks as f64;
            println!(
                "{form}: {} documents, {} chunks, {} segments; bytes per chunk: codes {:.2}, graph {:.2}, chunks {:.2}, documents {:.2}, \
                 manifest {:.2}, index {:.2} = {:.2} % of the text; text kept in {:.1} % of its bytes",
                stats.documents,
                stats.chunks,
                stats.segments,
                per(stats.bytes.codes),
                per(stats.bytes.graph),
                per(stats.bytes.chunks),
                per(stats.bytes.documents),
                per(stats.bytes.manifest),
                per(stats.bytes.index()),
                100.0 * stats.share_of_text(),
                100.0 * stats.bytes.text as f64 / stats.text_bytes as f64,
            );
            assert_eq!(stats.chunks, 20_958);
            assert!(stats.share_of_text() < 0.05);
            assert!(per(stats.bytes.chunks) < 1.6 && per(stats.bytes.documents) < 0.6);
            assert!(stats.bytes.text * 100 < stats.text_bytes * 42);
            for target in [0.9, 0.95, 0.99] {
                let (recall, embedded, rounds, read) =
                    measure(&squad, &truth, &snapshot, target).await;
                println!(
                    "target {target}: recall@3 {recall:.3}, {embedded:.1} embedded, {rounds:.2} rounds, {read:.0} codes read"
                );
                assert!(recall > f64::from(target) - 0.03);
            }
        }
        // Pages of a walked index: the next goes on where the one before ended.
        for question in squad.questions.iter().map(|q| &q.text).step_by(50) {
            let mut seen = std::collections::BTreeSet::new();
            for page in 0..7 {
                let options = SearchOptions {
                    k: 4,
                    offset: page * 4,
                    mode: Mode::Semantic,
                    ..SearchOptions::default()
                };
                let result = index.search(&squad.embedder, question, &options).await;
                for hit in result.unwrap().hits {
                    assert!(seen.insert((hit.document, hit.chunk)), "{question}");
                }
            }
            assert_eq!(seen.len(), 28);
        }
        assert!(index.snapshot().verify().await.unwrap().is_clean());
    });
}

#[test]
fn filters_keep_the_recall_that_was_promised_where_no_passages_share_a_base() {
    let Some(folder) = folder() else { return };
    let squad = Squad::load(&folder);
    let truth = Truth::of(&squad);
    let count = squad.passages.len();
    let shuffled = |i: usize| (i * 7919) % count;
    // Passages of their own, one after the other about the same: where they stand cuts by subject.
    let passage = |i: usize| Document {
        id: i.to_string(),
        title: String::new(),
        text: squad.passages[i].1.clone(),
        metadata: format!(r#"{{"place":{i},"shuffled":{}}}"#, shuffled(i)),
    };
    block_on(async {
        let index = squad
            .index((0..count).map(passage).collect(), usize::MAX)
            .await;
        // The prior was fitted to questions of the first half and of even number.
        let questions = || (251..squad.questions.len()).step_by(2);
        for (field, most) in [
            ("place", count / 2),
            ("place", count / 10),
            ("shuffled", count / 10),
        ] {
            let filter = Filter::parse(&format!(r#"{{"{field}":{{"lt":{most}}}}}"#)).unwrap();
            let options = SearchOptions {
                k: 3,
                mode: Mode::Semantic,
                filter: Some(filter),
                ..SearchOptions::default()
            };
            let passes = |i: &usize| (if field == "place" { *i } else { shuffled(*i) }) < most;
            let among: Vec<usize> = (0..count).filter(passes).collect();
            let mut found = 0;
            for question in questions() {
                let text = &squad.questions[question].text;
                let result = index.search(&squad.embedder, text, &options).await;
                let best = truth.best(question, &among, 3);
                found += squad.count(&best, &result.unwrap().hits);
            }
            let recall = found as f64 / (3 * questions().count()) as f64;
            println!("{field} under {most}: recall@3 {recall:.3}");
            // The standard error is 0.011.
            assert!(recall > 0.93, "{field} under {most}: {recall}");
        }
    });
}
