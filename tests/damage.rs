//! Damaged bytes are always noticed, cost their own documents only, and never panic.
#![allow(clippy::unwrap_used)]

mod words;

use std::collections::BTreeSet;

use gossamer::index::{Added, Archive, Error, Index, Mode, SearchOptions, Snapshot, WriterOptions};
use gossamer::store::{Memory, Store};
use pollster::block_on;
use words::{Lines, Words, config, document, random};

fn text(i: usize) -> String {
    let mut state = i as u64;
    let line = |state: &mut u64| {
        format!(
            "word{i} w{} w{} w{}\n",
            random(state) % 90,
            random(state) % 90,
            random(state) % 90
        )
    };
    (0..1 + i % 5).map(|_| line(&mut state)).collect()
}

/// The first passage of a document: nothing is nearer to itself.
fn line(i: usize) -> String {
    text(i).lines().next().unwrap().to_owned()
}

/// Two segments, and a removed document.
async fn sample(store: Memory, documents: usize) -> Index<Memory> {
    let index = Index::create(store, config()).await.unwrap();
    let mut writer = index.writer(WriterOptions::default()).await.unwrap();
    let words = Words::new();
    for half in [0..documents / 2, documents / 2..documents] {
        for i in half {
            writer
                .add(&words, &Lines, document(&format!("d{i}"), &text(i)))
                .await
                .unwrap();
        }
        writer.commit(&words).await.unwrap();
    }
    writer.remove("d1");
    writer.commit(&words).await.unwrap();
    drop(writer);
    index
}

async fn export<S: Store>(snapshot: &Snapshot<S>) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    snapshot
        .export(|bytes| {
            file.extend_from_slice(bytes);
            Ok(())
        })
        .await?;
    Ok(file)
}

#[test]
fn every_flipped_byte_and_every_truncation_of_an_export_is_refused() {
    block_on(async {
        let index = sample(Memory::new(), 12).await;
        let file = export(&index.snapshot()).await.unwrap();
        let mut bad = file.clone();
        for at in 0..file.len() {
            for flip in [0x01, 0x80, 0xff] {
                bad[at] ^= flip;
                assert!(
                    Index::import(Memory::new(), &bad).await.is_err(),
                    "byte {at}"
                );
                bad[at] ^= flip;
            }
            assert!(
                Index::import(Memory::new(), &file[..at]).await.is_err(),
                "{at} bytes"
            );
        }
        println!(
            "{} flips and {} truncations, all refused",
            3 * file.len(),
            file.len()
        );
        assert!(
            Index::import(Memory::new(), &[&file[..], &[0]].concat())
                .await
                .is_err()
        );
        assert!(Index::import(Memory::new(), &file).await.is_ok());
    });
}

/// The same with the outer checksum made right, and without it: what stands behind it holds, too.
#[test]
fn every_flipped_byte_of_an_export_read_where_it_lies_is_found_and_costs_its_own_documents() {
    block_on(async {
        let words = Words::new();
        let index = sample(Memory::new(), 12).await;
        let file = export(&index.snapshot()).await.unwrap();
        let options = SearchOptions {
            k: 3,
            recall: 1.0,
            mode: Mode::Semantic,
            ..SearchOptions::default()
        };
        let right = index.search(&words, &line(3), &options).await.unwrap().hits;
        let (mut refused, mut reported) = (0, 0);
        for at in 0..file.len() - 4 {
            let mut bad = file.clone();
            bad[at] ^= 1 << (at % 8);
            let crc = crc32fast::hash(&bad[..file.len() - 4]);
            bad[file.len() - 4..].copy_from_slice(&crc.to_le_bytes());
            assert!(
                Index::import(Memory::new(), &bad).await.is_err(),
                "byte {at}"
            );
            let Ok(opened) =
                async { Index::open(Archive::open(bad.as_slice()).await?).await }.await
            else {
                refused += 1;
                continue;
            };
            let report = opened.snapshot().verify().await.unwrap();
            assert_eq!(report.damaged.len(), 1, "byte {at}: {report:?}");
            reported += 1;
            // Nothing wrong is answered: the hits are the right ones, less those that are damaged.
            let lost: BTreeSet<&String> = report.damaged[0].documents.iter().collect();
            let unnamed = report.damaged[0].unnamed;
            let hits = opened
                .search(&words, &line(3), &options)
                .await
                .unwrap()
                .hits;
            for hit in &hits {
                let i: usize = hit.document[1..].parse().unwrap();
                assert_eq!(&text(i)[hit.bytes.clone()], hit.text);
                assert!(!lost.contains(&hit.document));
            }
            for hit in &right {
                let gone = lost.contains(&hit.document) || (unnamed > 0 && !hits.contains(hit));
                assert!(gone || hits.contains(hit), "byte {at}: {report:?}");
            }
            assert!(matches!(
                export(&opened.snapshot()).await,
                Err(Error::Damaged { .. })
            ));
        }
        println!("{refused} refused at opening, {reported} reported by verify");
        assert!(refused > 100 && reported > 500);
    });
}

async fn blocks_of(store: &Memory, part: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in store.list().await.unwrap() {
        store.corrupt(&name, |b| b[0] ^= 0xff);
        let index = Index::open_with(store.other(), words::codec())
            .await
            .unwrap();
        let report = index.snapshot().verify().await.unwrap();
        if report.damaged.iter().any(|f| f.part == part) {
            found.push(name.clone());
        }
        store.corrupt(&name, |b| b[0] ^= 0xff);
    }
    found
}

#[test]
fn a_lost_part_of_any_kind_leaves_the_other_segment_searchable_and_can_be_repaired() {
    for part in ["text", "codes", "chunk table", "documents"] {
        block_on(async {
            let words = Words::new();
            let store = Memory::new();
            drop(sample(store.other(), 20).await);
            let name = blocks_of(&store, part).await.remove(0);
            store.delete(&name).await.unwrap();
            let index = Index::open(store.other()).await.unwrap();
            let report = index.snapshot().verify().await.unwrap();
            assert_eq!(report.damaged.len(), 1, "{report:?}");
            let finding = &report.damaged[0];
            assert_eq!((finding.part, finding.why), (part, "it is missing"));
            assert_eq!(finding.documents.len() + finding.unnamed, 9);
            assert_eq!(finding.unnamed > 0, part == "documents");
            let found = index
                .search(&words, &line(15), &SearchOptions::default())
                .await
                .unwrap();
            assert_eq!(found.hits[0].document, "d15");
            // Repairing drops them, and they can be added again.
            let mut writer = index.writer(WriterOptions::default()).await.unwrap();
            assert_eq!(writer.repair().await.unwrap().damaged, report.damaged);
            assert!(index.snapshot().verify().await.unwrap().is_clean());
            assert_eq!(index.snapshot().documents(), 10);
            for i in (0..20).filter(|&i| i != 1) {
                let added = writer
                    .add(&words, &Lines, document(&format!("d{i}"), &text(i)))
                    .await
                    .unwrap();
                assert_eq!(added, if i < 10 { Added::New } else { Added::Unchanged });
            }
            writer.commit(&words).await.unwrap();
            assert!(index.snapshot().verify().await.unwrap().is_clean());
            let mut ids = index.snapshot().ids().await.unwrap();
            ids.sort();
            ids.dedup();
            assert_eq!((ids.len(), index.snapshot().documents()), (19, 19));
            let found = index
                .search(&words, &line(3), &SearchOptions::default())
                .await
                .unwrap();
            assert_eq!(found.hits[0].document, "d3");
        });
    }
}

#[test]
fn a_lost_document_that_is_added_again_without_repair_is_there_once_even_if_the_block_comes_back() {
    block_on(async {
        let words = Words::new();
        let store = Memory::new();
        drop(sample(store.other(), 20).await);
        let name = blocks_of(&store, "codes").await.remove(0);
        store.corrupt(&name, |b| b[0] ^= 0xff);
        let index = Index::open(store.other()).await.unwrap();
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        assert_eq!(
            writer
                .add(&words, &Lines, document("d3", &text(3)))
                .await
                .unwrap(),
            Added::New
        );
        writer.commit(&words).await.unwrap();
        drop(writer);
        store.corrupt(&name, |b| b[0] ^= 0xff);
        let index = Index::open(store.other()).await.unwrap();
        assert!(index.snapshot().verify().await.unwrap().is_clean());
        let ids = index.snapshot().ids().await.unwrap();
        assert_eq!(ids.iter().filter(|id| *id == "d3").count(), 1);
        assert_eq!(ids.len(), 19);
    });
}

/// A store whose newest manifest is damaged, by `change`.
async fn with_newest_manifest(store: &Memory, change: impl Fn(&mut Vec<u8>)) -> Memory {
    let damaged = Memory::new();
    for name in store.list().await.unwrap() {
        damaged
            .put(&name, &store.get(&name).await.unwrap().unwrap())
            .await
            .unwrap();
    }
    let mut manifests = store.manifests().await.unwrap();
    change(&mut manifests[0].1);
    for (generation, bytes) in manifests.iter().rev() {
        damaged.swap(*generation, bytes).await.unwrap();
    }
    damaged
}

#[test]
fn a_damaged_manifest_goes_back_one_generation_and_says_so() {
    block_on(async {
        let words = Words::new();
        let store = Memory::new();
        drop(sample(store.other(), 12).await);
        let len = store.manifests().await.unwrap()[0].1.len();
        for at in 0..len {
            let damaged = with_newest_manifest(&store, |m| m[at] ^= 0x10).await;
            let index = Index::open(damaged.other()).await.unwrap();
            let snapshot = index.snapshot();
            assert!(snapshot.recovered().unwrap().contains("manifest"));
            let report = snapshot.verify().await.unwrap();
            assert!(!report.is_clean() && report.damaged.is_empty());
            assert_eq!(snapshot.documents(), 12);
        }
        // Writing goes on from there.
        let damaged = with_newest_manifest(&store, |m| m.truncate(20)).await;
        let index = Index::open(damaged.other()).await.unwrap();
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        writer.remove("d1");
        writer.commit(&words).await.unwrap();
        let index = Index::open(damaged).await.unwrap();
        assert!(index.snapshot().verify().await.unwrap().is_clean());
        assert_eq!(index.snapshot().documents(), 11);
    });
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_rolled_back() {
    block_on(async {
        let store = Memory::new();
        drop(sample(store.other(), 4).await);
        let newer = with_newest_manifest(&store, |m| {
            m[8] = 99;
            let body = m.len() - 4;
            let crc = crc32fast::hash(&m[..body]);
            m[body..].copy_from_slice(&crc.to_le_bytes());
        })
        .await;
        let refused = Index::open(newer).await;
        assert!(matches!(
            refused,
            Err(Error::Newer {
                found: 99,
                supported: 1
            })
        ));
        assert!(refused.unwrap_err().to_string().contains("update Gossamer"));
    });
}

#[test]
fn two_damaged_manifests_are_an_error_and_not_an_empty_index() {
    block_on(async {
        let store = Memory::new();
        store.swap(1, b"rubbish").await.unwrap();
        store.swap(2, b"more of it").await.unwrap();
        assert!(matches!(
            Index::open(store.other()).await,
            Err(Error::Damaged { .. })
        ));
        assert!(matches!(
            Index::create(store, config()).await,
            Err(Error::Exists)
        ));
    });
}

#[test]
fn a_damaged_codec_is_named_and_replaced_by_the_applications_own() {
    block_on(async {
        let store = Memory::new();
        drop(sample(store.other(), 12).await);
        let name = blocks_of(&store, "codec").await.remove(0);
        store.corrupt(&name, |b| b.truncate(100));
        assert!(
            matches!(Index::open(store.other()).await, Err(Error::Damaged { what, .. }) if what == "the codec")
        );
        let index = Index::open_with(store.other(), words::codec())
            .await
            .unwrap();
        let found = index
            .search(&Words::new(), &line(3), &SearchOptions::default())
            .await
            .unwrap();
        assert_eq!(found.hits[0].document, "d3");
        let other = gossamer::codec::Codec::bundled().unwrap();
        assert!(matches!(
            Index::open_with(store.other(), other).await,
            Err(Error::OtherCodec { .. })
        ));
    });
}

#[test]
fn a_lost_graph_costs_nobody_and_is_built_again_by_repair() {
    block_on(async {
        let words = Words::new();
        let store = Memory::new();
        let index = sample(store.other(), 20).await;
        let options = WriterOptions {
            graph_chunks: 10,
            ..WriterOptions::default()
        };
        let mut writer = index.writer(options).await.unwrap();
        writer.compact().await.unwrap();
        assert!(index.snapshot().stats().bytes.graph > 0);
        drop((writer, index));
        let name = blocks_of(&store, "graph").await.remove(0);
        store.corrupt(&name, |b| b.truncate(10));
        let index = Index::open(store.other()).await.unwrap();
        let report = index.snapshot().verify().await.unwrap();
        assert_eq!((report.damaged.len(), report.damaged[0].part), (1, "graph"));
        assert!(report.damaged[0].documents.is_empty() && report.damaged[0].unnamed == 0);
        assert_eq!(index.snapshot().documents(), 19);
        for repaired in [false, true] {
            for i in (0..20).filter(|&i| i != 1) {
                let found = index
                    .search(&words, &line(i), &SearchOptions::default())
                    .await
                    .unwrap();
                assert_eq!(
                    found.hits[0].document,
                    format!("d{i}"),
                    "repaired: {repaired}"
                );
            }
            if !repaired {
                index.writer(options).await.unwrap().repair().await.unwrap();
            }
        }
        assert!(index.snapshot().verify().await.unwrap().is_clean());
        assert!(index.snapshot().stats().bytes.graph > 0);
    });
}
