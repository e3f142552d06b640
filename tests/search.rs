//! What a search may be asked for: modes, filters, pages, groups and stages.
#![allow(clippy::unwrap_used)]

mod corpus;
mod words;

use std::cell::RefCell;

use corpus::{documents, index_of, semantic};
use gossamer::index::{
    Document, Error, GroupBy, Hit, Index, Mode, SearchOptions, StageName, WriterOptions,
};
use gossamer::search::Filter;
use gossamer::store::Memory;
use pollster::block_on;
use proptest::prelude::*;
use words::{Lines, Words};

/// Document and chunk of the passages that pass, best first by exact inner product.
fn brute(
    documents: &[Document],
    question: &str,
    filter: Option<&Filter>,
) -> Vec<(String, usize, f32)> {
    let query = words::embed(question);
    let mut all = Vec::new();
    for document in documents {
        if filter.is_none_or(|f| f.passes(&document.metadata)) {
            for (chunk, line) in document.text.lines().enumerate() {
                let score = query
                    .iter()
                    .zip(words::embed(line))
                    .map(|(a, b)| a * b)
                    .sum();
                all.push((document.id.clone(), chunk, score));
            }
        }
    }
    all.sort_by(|a: &(String, usize, f32), b| b.2.total_cmp(&a.2));
    all
}

fn places(hits: &[Hit]) -> Vec<(String, usize)> {
    hits.iter().map(|h| (h.document.clone(), h.chunk)).collect()
}

fn filters() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (0..400u32).prop_map(|n| format!(r#"{{"number":{n}}}"#)),
        (0..400u32, 0..400u32).prop_map(|(a, b)| format!(r#"{{"number":{{"gte":{a},"lt":{b}}}}}"#)),
        prop::collection::vec(0..12u32, 0..4)
            .prop_map(|v| format!(r#"{{"tenth":{{"in":{v:?}}}}}"#)),
        (0..4u32).prop_map(|n| format!(r#"{{"path":{{"prefix":"folder{n}/"}}}}"#)),
        (0..120u32).prop_map(|n| format!(r#"{{"tags":{{"has":"t{n}"}}}}"#)),
        (0..60u32).prop_map(|y| format!(r#"{{"modified":{{"gte":"20{y:02}"}}}}"#)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|f| format!(r#"{{"not":{f}}}"#)),
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|v| format!(r#"{{"and":[{}]}}"#, v.join(","))),
            prop::collection::vec(inner, 0..3)
                .prop_map(|v| format!(r#"{{"or":[{}]}}"#, v.join(","))),
        ]
    })
}

#[test]
fn filtered_answers_are_those_of_brute_force_and_the_shortfall_is_exact() {
    let documents = documents(400);
    let (flat, walked) = block_on(async {
        (
            index_of(&documents, usize::MAX).await,
            index_of(&documents, 1).await,
        )
    });
    let config = ProptestConfig::with_cases(48);
    proptest!(config, |(filter in filters(), question in "w[0-9]{1,2} w[0-9]{1,2} w[0-9]{1,2}", k in 1usize..8)| {
        let filter = Filter::parse(&filter).unwrap();
        let expected = brute(&documents, &question, Some(&filter));
        for index in [&flat, &walked] {
            let options = SearchOptions { filter: Some(filter.clone()), ..semantic(k, 1.0) };
            let found = block_on(index.search(&Words::new(), &question, &options)).unwrap();
            prop_assert_eq!(found.eligible, expected.len());
            prop_assert_eq!(found.shortfall, k - found.hits.len());
            prop_assert_eq!(found.hits.len(), k.min(expected.len()));
            for (hit, expected) in found.hits.iter().zip(&expected) {
                prop_assert!(filter.passes(&hit.metadata));
                prop_assert!((hit.score - expected.2).abs() < 1e-5);
            }
            // And with the usual promise nobody is found who does not pass, and nobody is missing for no reason.
            let options = SearchOptions { recall: 0.9, ..options };
            let found = block_on(index.search(&Words::new(), &question, &options)).unwrap();
            prop_assert_eq!(found.hits.len(), k.min(expected.len()));
            prop_assert!(found.hits.iter().all(|hit| filter.passes(&hit.metadata)));
        }
    });
}

#[test]
fn one_document_in_ten_thousand_is_found_by_its_metadata() {
    let mut documents = documents(3400);
    documents[1234].metadata = r#"{"rare":true}"#.into();
    block_on(async {
        for graph_chunks in [usize::MAX, 1] {
            let index = index_of(&documents, graph_chunks).await;
            let options = SearchOptions {
                filter: Some(Filter::parse(r#"{"rare": true}"#).unwrap()),
                ..semantic(5, 0.95)
            };
            let found = index
                .search(&Words::new(), "w1 w2 w3", &options)
                .await
                .unwrap();
            assert_eq!(
                (found.hits.len(), found.eligible, found.shortfall),
                (3, 3, 2)
            );
            assert!(found.hits.iter().all(|hit| hit.document == "d1234"));
            assert!(found.stats.codes_read <= 3, "{:?}", found.stats);
        }
    });
}

#[test]
fn a_filter_that_makes_no_sense_is_an_error_that_names_the_place() {
    let options = serde_json::json!({"filter": {"year": {"above": 3}}});
    let error = SearchOptions::from_json(&options).unwrap_err();
    assert!(error.to_string().contains("$.year.above"), "{error}");
}

#[test]
fn pages_neither_overlap_nor_leave_anything_out() {
    let documents = documents(200);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let words = Words::new();
        for mode in [Mode::Semantic, Mode::Hybrid, Mode::Keyword] {
            for group_by in [GroupBy::Chunk, GroupBy::Document] {
                for (question, k) in [("w1 w2 w3 w4", 3), ("w50 w51 w52", 4)] {
                    let mut seen = Vec::new();
                    for page in 0..5 {
                        let options = SearchOptions {
                            offset: page * k,
                            mode,
                            group_by,
                            ..semantic(k, 0.9)
                        };
                        let found = index.search(&words, question, &options).await.unwrap();
                        let again = index.search(&words, question, &options).await.unwrap();
                        assert_eq!(again.hits, found.hits);
                        seen.extend(places(&found.hits));
                        if mode != Mode::Keyword {
                            assert_eq!(found.hits.len(), k);
                        }
                    }
                    let distinct: std::collections::BTreeSet<_> = match group_by {
                        GroupBy::Chunk => seen.iter().cloned().collect(),
                        GroupBy::Document => seen.iter().map(|(d, _)| (d.clone(), 0)).collect(),
                    };
                    assert_eq!(distinct.len(), seen.len(), "{mode:?} {group_by:?}");
                }
            }
        }
        // With every chunk embedded the pages are the order itself.
        let mut all = Vec::new();
        for page in 0..4 {
            let options = SearchOptions {
                offset: page * 3,
                ..semantic(3, 1.0)
            };
            all.extend(
                index
                    .search(&words, "w7 w8 w9", &options)
                    .await
                    .unwrap()
                    .hits,
            );
        }
        for (hit, expected) in all.iter().zip(brute(&documents, "w7 w8 w9", None)) {
            assert!((hit.score - expected.2).abs() < 1e-5);
        }
    });
}

#[test]
fn pages_of_a_walked_index_neither_overlap_nor_skip_what_was_found() {
    let documents = documents(400);
    block_on(async {
        let index = index_of(&documents, 1).await;
        let words = Words::new();
        let (mut found, mut of) = (0, 0);
        for number in 0..12 {
            let question = format!("w{number} w{} w{}", number * 7 + 30, number * 11 + 90);
            let mut pages = Vec::new();
            for page in 0..6 {
                let options = SearchOptions {
                    offset: page * 5,
                    ..semantic(5, 0.95)
                };
                let result = index.search(&words, &question, &options).await.unwrap();
                assert_eq!(result.hits.len(), 5);
                pages.extend(result.hits);
            }
            let distinct: std::collections::BTreeSet<_> = places(&pages).into_iter().collect();
            assert_eq!(distinct.len(), 30, "{question}");
            // Six pages have what one page six times as long has, as far as recall is promised.
            let floor = brute(&documents, &question, None)[29].2 - 1e-5;
            found += pages.iter().filter(|hit| hit.score >= floor).count();
            of += 30;
        }
        assert!(found * 100 >= of * 90, "{found} of {of}");
    });
}

#[test]
fn pages_of_a_snapshot_stay_as_they_are_while_others_commit() {
    let documents = documents(120);
    block_on(async {
        for graph_chunks in [usize::MAX, 1] {
            let index = index_of(&documents, graph_chunks).await;
            let words = Words::new();
            let page = |offset| SearchOptions {
                offset,
                ..semantic(4, 1.0)
            };
            let shown = index.snapshot();
            let first = shown.search(&words, "w1 w2 w3", &page(0)).await.unwrap();
            let second = shown.search(&words, "w1 w2 w3", &page(4)).await.unwrap();
            // A document that comes before all of them, between the first page and the second.
            let mut writer = index.writer(WriterOptions::default()).await.unwrap();
            let new = words::document("new", "w1 w2 w3");
            writer.add(&words, &Lines, new).await.unwrap();
            let shown_first = |id: &String| first.hits.iter().any(|hit| hit.document == *id);
            let mut ids = second.hits.iter().map(|hit| &hit.document);
            writer.remove(ids.find(|id| !shown_first(id)).unwrap());
            writer.commit(&words).await.unwrap();
            let again = shown.search(&words, "w1 w2 w3", &page(4)).await.unwrap();
            assert_eq!(again.hits, second.hits);
            // Whoever asks anew gets the pages of what is there now.
            let newest = index.snapshot();
            let now = newest.search(&words, "w1 w2 w3", &page(0)).await.unwrap();
            assert_eq!(now.hits[0].document, "new");
            assert_eq!(now.hits[1..], first.hits[..3]);
        }
    });
}

#[test]
fn a_document_stands_once_for_its_best_passage() {
    let documents = documents(60);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let options = SearchOptions {
            group_by: GroupBy::Document,
            ..semantic(50, 1.0)
        };
        let found = index
            .search(&Words::new(), "w1 w2 w3", &options)
            .await
            .unwrap();
        let mut best = brute(&documents, "w1 w2 w3", None);
        let mut seen = std::collections::HashSet::new();
        best.retain(|(document, _, _)| seen.insert(document.clone()));
        let expected: Vec<_> = best.iter().take(50).map(|b| (b.0.clone(), b.1)).collect();
        assert_eq!(places(&found.hits), expected);
    });
}

#[test]
fn hits_below_the_least_score_are_left_out_and_hardly_cost_anything() {
    let documents = documents(300);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        index.set_memory(0);
        let question = documents[7].text.lines().next().unwrap();
        let options = SearchOptions {
            min_score: Some(0.9),
            ..semantic(10, 0.99)
        };
        let found = index
            .search(&Words::new(), question, &options)
            .await
            .unwrap();
        let expected = brute(&documents, question, None);
        let expected = expected.iter().filter(|e| e.2 >= 0.9).count();
        assert_eq!(found.hits.len(), expected);
        assert_eq!(found.shortfall, 10 - expected);
        assert!(found.hits.iter().all(|hit| hit.score >= 0.9));
        let all = index
            .search(&Words::new(), question, &semantic(10, 0.99))
            .await
            .unwrap();
        assert!(found.stats.recomputed <= all.stats.recomputed);
    });
}

const MANUAL: [(&str, &str); 4] = [
    (
        "pump",
        "The pump reports error E-4711 when dry.\nIt is made of cast iron. Call Zürich for help.",
    ),
    (
        "valve",
        "The valve reports error E-4712.\nCast steel and iron parts.",
    ),
    (
        "law",
        "Habeas corpus protects people.\nThe corpus of habeas texts is long.",
    ),
    ("cjk", "彼は東京大学に行く。\n京都の大学は古い。"),
];

async fn manual() -> Index<Memory> {
    let documents: Vec<Document> = MANUAL
        .iter()
        .map(|(id, text)| Document {
            id: (*id).into(),
            title: format!("About the {id}"),
            text: (*text).into(),
            metadata: String::new(),
        })
        .collect();
    index_of(&documents, usize::MAX).await
}

fn keyword(k: usize) -> SearchOptions {
    SearchOptions {
        k,
        mode: Mode::Keyword,
        ..SearchOptions::default()
    }
}

#[test]
fn words_find_codes_names_phrases_and_scripts_without_spaces_and_need_no_model() {
    block_on(async {
        let index = manual().await;
        let ask = async |question: &str| {
            let found = index.snapshot().search_words(question, &keyword(9)).await;
            places(&found.unwrap().hits)
        };
        let at = |id: &str, chunk| (id.to_owned(), chunk);
        assert_eq!(ask("E-4711").await[0], at("pump", 0));
        assert_eq!(ask("e4712").await, [at("valve", 0)]);
        assert_eq!(ask("zurich").await, [at("pump", 1)]);
        assert_eq!(ask("\"habeas corpus\"").await, [at("law", 0)]);
        assert_eq!(ask("corpus -protects").await, [at("law", 1)]);
        assert_eq!(ask("iron -\"cast iron\"").await, [at("valve", 1)]);
        assert_eq!(ask("東京大学").await[0], at("cjk", 0));
        assert_eq!(ask("\"京都\"").await, [at("cjk", 1)]);
        assert!(ask("absent").await.is_empty());
        // The title counts as part of every passage.
        assert_eq!(ask("pump call").await[0], at("pump", 1));
    });
}

#[test]
fn hits_say_why_and_mark_what_matters_in_utf16_units() {
    block_on(async {
        let index = manual().await;
        let words = Words::new();
        let text = |hit: &Hit| {
            let units: Vec<u16> = hit.text.encode_utf16().collect();
            let mark = |m: &std::ops::Range<usize>| String::from_utf16(&units[m.clone()]).unwrap();
            hit.marks.iter().map(mark).collect::<Vec<_>>()
        };
        let found = index
            .search(&words, "call zurich", &keyword(1))
            .await
            .unwrap();
        assert_eq!(text(&found.hits[0]), ["Call", "Zürich"]);
        assert_eq!(found.hits[0].why.semantic, None);
        assert_eq!(found.hits[0].why.keyword, Some(found.hits[0].score));
        let options = SearchOptions::default();
        let found = index.search(&words, "call zurich", &options).await.unwrap();
        assert_eq!(text(&found.hits[0]), ["Call Zürich for help."]);
        let why = found.hits[0].why;
        assert!(
            why.keyword.unwrap() > 0.3
                && why.semantic == Some(found.hits[0].score)
                && !why.estimated
        );
        let found = index
            .search(&words, "call zurich", &semantic(1, 1.0))
            .await
            .unwrap();
        assert_eq!(found.hits[0].why.keyword, None);
    });
}

#[test]
fn a_hybrid_search_obeys_phrases_and_exclusions_and_says_how_many_are_left() {
    block_on(async {
        let index = manual().await;
        let words = Words::new();
        let options = SearchOptions::default();
        let found = index
            .search(&words, "\"cast iron\" pumps", &options)
            .await
            .unwrap();
        assert_eq!(places(&found.hits), [("pump".to_owned(), 1)]);
        assert_eq!((found.eligible, found.shortfall), (1, 4));
        let found = index.search(&words, "error -pump", &options).await.unwrap();
        assert!(found.hits.iter().all(|hit| hit.document != "pump"));
        assert_eq!(found.eligible, 6);
    });
}

#[test]
fn counted_words_follow_removals_and_commits() {
    block_on(async {
        let index = manual().await;
        let words = Words::new();
        let first = index.search(&words, "error", &keyword(9)).await.unwrap();
        assert_eq!(first.hits.len(), 2);
        // The first question reads the text for its own words, the second for all: then they are in memory.
        assert!(first.stats.text_read > 0);
        for read in [first.stats.text_read, 0] {
            let again = index.search(&words, "error", &keyword(9)).await.unwrap();
            assert_eq!((&again.hits, again.stats.text_read), (&first.hits, read));
        }
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        writer.remove("pump");
        let new = words::document("new", "another error of another kind");
        writer.add(&words, &Lines, new).await.unwrap();
        writer.commit(&words).await.unwrap();
        let found = index.search(&words, "error", &keyword(9)).await.unwrap();
        let mut ids: Vec<_> = found.hits.iter().map(|h| h.document.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["new", "valve"]);
    });
}

#[test]
fn words_counted_ahead_answer_without_reading_and_whoever_stops_it_loses_nothing() {
    let documents = documents(2000);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let text = index.snapshot().stats().text_bytes;
        let mut pauses = 0;
        let stopped = async || {
            pauses += 1;
            pauses < 3
        };
        let read = index.snapshot().count_words(stopped).await.unwrap();
        assert!(pauses == 3 && read < text, "{read} of {text}");
        let first = index.snapshot().search_words("w1 w2", &keyword(5)).await;
        let first = first.unwrap();
        // What was counted before it stopped is not read again.
        let left = first.stats.text_read;
        assert!(left > 0 && left <= text, "{left} of {text}");

        let fresh = Index::open(index.store().other()).await.unwrap();
        let read = fresh.snapshot().count_words(async || true).await.unwrap();
        assert_eq!(read, text);
        let ahead = fresh.snapshot().search_words("w1 w2", &keyword(5)).await;
        let ahead = ahead.unwrap();
        assert_eq!((ahead.stats.text_read, &ahead.hits), (0, &first.hits));
        // What is counted stays so.
        let read = fresh.snapshot().count_words(async || true).await.unwrap();
        assert_eq!(read, 0);
    });
}

#[test]
fn more_like_this_finds_neighbours_but_not_itself() {
    let documents = documents(150);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let (snapshot, words) = (index.snapshot(), Words::new());
        let found = snapshot
            .similar(&words, "d5", Some(1), &semantic(4, 1.0))
            .await
            .unwrap();
        let line = documents[5].text.lines().nth(1).unwrap();
        let mut expected = brute(&documents, line, None);
        expected.retain(|e| e.0 != "d5");
        let expected: Vec<_> = expected
            .iter()
            .take(4)
            .map(|e| (e.0.clone(), e.1))
            .collect();
        assert_eq!(places(&found.hits), expected);
        let whole = snapshot
            .similar(&words, "d5", None, &semantic(4, 0.95))
            .await
            .unwrap();
        assert_eq!(whole.hits.len(), 4);
        assert!(whole.hits.iter().all(|hit| hit.document != "d5"));
        for (document, chunk) in [("d999", None), ("d5", Some(3))] {
            let found = snapshot
                .similar(&words, document, chunk, &semantic(1, 1.0))
                .await;
            assert!(matches!(found, Err(Error::NoDocument(_))));
        }
    });
}

#[test]
fn a_stream_shows_words_then_codes_then_the_answer() {
    let documents = documents(200);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let words = Words::new();
        let stages = RefCell::new(Vec::new());
        let embedded = |name| (name, words.embedded.get());
        let options = SearchOptions::default();
        let found = index
            .search_stream(&words, "w1 w2 w3", &options, |stage| {
                stages.borrow_mut().push((embedded(stage.name), stage.hits));
            })
            .await
            .unwrap();
        let stages = stages.into_inner();
        let names: Vec<_> = stages.iter().map(|(name, _)| *name).collect();
        // One text was embedded before the codes were read: the question.
        assert_eq!(names[..2], [(StageName::Keyword, 0), (StageName::Codes, 1)]);
        assert_eq!(names[2], (StageName::Exact, 1 + found.stats.recomputed));
        assert_eq!(stages[2].1, found.hits);
        assert!(
            stages[0]
                .1
                .iter()
                .all(|hit| hit.why.keyword > Some(0.0) && hit.why.semantic.is_none())
        );
        assert!(stages[1].1.iter().all(|hit| hit.why.estimated));
        assert!(found.hits.iter().all(|hit| !hit.why.estimated));
    });
}
