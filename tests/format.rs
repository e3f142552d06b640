//! Indexes of every released format open, are whole, and answer.
//!
//! Before the first release format 1 may still change; its fixture is then written anew with
//! `cargo test --release --no-default-features --test format -- --ignored`. After that, never.
#![allow(clippy::unwrap_used)]

mod words;

use std::path::PathBuf;

use gossamer::index::{Archive, FORMAT, Index, SearchOptions, WriterOptions};
use gossamer::store::Memory;
use pollster::block_on;
use words::{Lines, Words, config, document};

const TEXTS: [(&str, &str); 4] = [
    (
        "harbour",
        "ships wait for the tide\nthe crane lifts grain\n\nle caf\u{e9} 😀 du port",
    ),
    (
        "mountain",
        "snow closes the pass in winter\nshepherds climb in june",
    ),
    ("removed", "this is gone"),
    ("empty", ""),
];

fn path(format: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/fixtures/index-format-{format}.gossamer"))
}

#[test]
#[ignore = "writes the fixture of the current format"]
fn write_the_fixture() {
    block_on(async {
        let words = Words::new();
        let index = Index::create(Memory::new(), config()).await.unwrap();
        let options = WriterOptions {
            graph_chunks: 2,
            ..WriterOptions::default()
        };
        let mut writer = index.writer(options).await.unwrap();
        for (id, text) in TEXTS {
            writer
                .add(&words, &Lines, document(id, text))
                .await
                .unwrap();
        }
        writer.commit(&words).await.unwrap();
        // A graph, a second segment, a removed document: every kind of page.
        writer
            .add(&words, &Lines, document("again", "rain on the roof"))
            .await
            .unwrap();
        writer.commit(&words).await.unwrap();
        writer.compact().await.unwrap();
        writer
            .add(&words, &Lines, document("last", "a lamp in the window"))
            .await
            .unwrap();
        writer.remove("removed");
        writer.commit(&words).await.unwrap();
        let mut file = Vec::new();
        index
            .snapshot()
            .export(|bytes| {
                file.extend_from_slice(bytes);
                Ok(())
            })
            .await
            .unwrap();
        std::fs::write(path(FORMAT), file).unwrap();
    });
}

#[test]
fn an_index_of_every_format_opens_and_answers() {
    for format in 1..=FORMAT {
        let file = std::fs::read(path(format)).unwrap();
        block_on(async {
            let there = Index::open(Archive::open(file.as_slice()).await.unwrap())
                .await
                .unwrap();
            assert!(there.snapshot().verify().await.unwrap().is_clean());
            let index = Index::import(Memory::new(), &file).await.unwrap();
            let stats = index.snapshot().stats();
            assert_eq!(
                (
                    stats.documents,
                    stats.segments,
                    stats.chunks,
                    stats.removed_chunks
                ),
                (5, 2, 7, 1)
            );
            assert!(stats.bytes.graph > 0);
            for (id, text) in TEXTS.iter().filter(|(id, _)| *id != "removed") {
                let found = index.snapshot().document(id).await.unwrap();
                assert_eq!(found, Some(document(id, text)));
            }
            assert_eq!(index.snapshot().document("removed").await.unwrap(), None);
            let options = SearchOptions::default();
            let hits = index
                .search(&Words::new(), "du port le caf\u{e9}", &options)
                .await
                .unwrap()
                .hits;
            assert_eq!(
                (hits[0].document.as_str(), hits[0].text.as_str()),
                ("harbour", "le caf\u{e9} 😀 du port")
            );
            assert_eq!(
                (hits[0].bytes.clone(), hits[0].utf16.clone()),
                (47..68, 47..65)
            );
        });
    }
}
