//! Crashes, failing calls and full disks at every step: no committed document is lost, none is there by half,
//! every store opens again.
//!
//! `GOSSAMER_CRASHES` sets the number of simulated crashes (1,000 by default).
#![allow(clippy::unwrap_used)]

mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;

use gossamer::index::{Error, Index, Mode, SearchOptions, Writer, WriterOptions};
use gossamer::store::{self, Fault, Plan, Store};
use pollster::block_on;
use words::{Lines, Words, config, document, random};

/// Text by id: what the index should hold.
type Model = BTreeMap<String, String>;

fn text(state: &mut u64) -> String {
    let lines = random(state) % 4;
    (0..lines)
        .map(|_| {
            format!(
                "w{} w{} w{}\n",
                random(state) % 50,
                random(state) % 50,
                random(state) % 9
            )
        })
        .collect()
}

/// Reads everything back, and checks that every block is whole.
async fn content(index: &Index<Fault>) -> Model {
    let snapshot = index.snapshot();
    let report = snapshot.verify().await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    let mut model = Model::new();
    for id in snapshot.ids().await.unwrap() {
        let found = snapshot.document(&id).await.unwrap().unwrap();
        assert_eq!(found, document(&id, &found.text));
        assert!(
            model.insert(id, found.text).is_none(),
            "a document is there twice"
        );
    }
    assert_eq!(snapshot.documents(), model.len());
    model
}

/// Options that make merges frequent, and commits only when asked for.
fn options(state: &mut u64) -> WriterOptions {
    WriterOptions {
        batch: 3,
        commit_chunks: usize::MAX,
        commit_bytes: usize::MAX,
        merge_factor: 2 + (random(state) % 3) as usize,
        graph_chunks: 12,
    }
}

/// What the world may look like after the power comes back.
struct World {
    /// Whether `create` returned.
    created: bool,
    /// As of the last commit that returned.
    committed: Model,
    /// As of a commit under way.
    attempted: Option<Model>,
}

/// Works until the power goes, or for `rounds` operations.
async fn work(
    disk: &Fault,
    world: &mut World,
    state: &mut u64,
    rounds: usize,
) -> Result<(), Error> {
    let words = Words::new();
    let index = if world.created {
        Index::open(disk.clone()).await?
    } else {
        match Index::create(disk.clone(), config()).await {
            Err(Error::Exists) => Index::open(disk.clone()).await?,
            made => made?,
        }
    };
    world.created = true;
    let mut writer = index.writer(options(state)).await?;
    let mut model = world.committed.clone();
    for _ in 0..rounds {
        let id = format!("d{}", random(state) % 12);
        match random(state) % 10 {
            0..5 => {
                let text = text(state);
                writer.add(&words, &Lines, document(&id, &text)).await?;
                model.insert(id, text);
            }
            5 => {
                assert_eq!(writer.remove(&id), model.remove(&id).is_some());
            }
            6..9 => {
                world.attempted = Some(model.clone());
                writer.commit(&words).await?;
                world.committed = model.clone();
                world.attempted = None;
            }
            _ => writer.compact().await?,
        }
    }
    Ok(())
}

fn wanted() -> usize {
    std::env::var("GOSSAMER_CRASHES").map_or(1000, |n| n.parse().unwrap())
}

#[test]
fn no_crash_loses_a_commit_or_leaves_a_store_that_does_not_open() {
    let (mut crashes, mut rolled_forward, mut seed) = (0, 0, 0u64);
    while crashes < wanted() {
        seed += 1;
        let mut state = seed;
        let mut world = World {
            created: false,
            committed: Model::new(),
            attempted: None,
        };
        let mut disk = Fault::default();
        // The same disk goes through several crashes.
        for _ in 0..4 {
            let plan = Plan {
                seed: random(&mut state),
                crash_at: Some(random(&mut state) % 150),
                ..Plan::default()
            };
            disk = disk.restart(plan);
            let worked = block_on(work(&disk, &mut world, &mut state, 40));
            if disk.crashed() {
                // It may go unnoticed: in the last collection of garbage.
                crashes += 1;
            } else {
                worked.unwrap();
            }
            disk = disk.restart(Plan {
                seed: random(&mut state),
                ..Plan::default()
            });
            block_on(async {
                let index = match Index::open(disk.clone()).await {
                    Err(Error::NoIndex) if !world.created => return,
                    opened => opened.unwrap_or_else(|e| panic!("seed {seed}: {e}")),
                };
                world.created = true;
                let found = content(&index).await;
                if let Some(attempted) = world.attempted.take()
                    && found == attempted
                {
                    rolled_forward += usize::from(attempted != world.committed);
                    world.committed = attempted;
                }
                assert_eq!(found, world.committed, "seed {seed}");
            });
        }
    }
    println!(
        "{crashes} crashes, {rolled_forward} of them after the manifest was in place; 0 commits lost"
    );
    assert!(
        rolled_forward > 0,
        "no crash fell between the swap and its return"
    );
}

#[test]
fn after_a_failed_call_the_same_writer_goes_on_and_loses_nothing() {
    let mut failures = 0;
    for seed in 1..=wanted() as u64 {
        let mut state = seed ^ 0xabcd_0000;
        let disk = Fault::default();
        block_on(async {
            let words = Words::new();
            let index = Index::create(disk.clone(), config()).await.unwrap();
            let mut writer = index.writer(options(&mut state)).await.unwrap();
            let mut model = Model::new();
            disk.replan(Plan {
                seed,
                error_at: Some(random(&mut state) % 60),
                ..Plan::default()
            });
            for i in 0..24 {
                let id = format!("d{}", random(&mut state) % 8);
                if random(&mut state).is_multiple_of(4) {
                    assert_eq!(writer.remove(&id), model.remove(&id).is_some());
                } else {
                    let text = text(&mut state);
                    writer
                        .add(&words, &Lines, document(&id, &text))
                        .await
                        .unwrap();
                    model.insert(id, text);
                }
                if i % 3 == 2 && writer.commit(&words).await.is_err() {
                    failures += 1;
                    writer.commit(&words).await.unwrap();
                }
                if i % 7 == 6 && writer.compact().await.is_err() {
                    failures += 1;
                    writer.compact().await.unwrap();
                }
            }
            writer.commit(&words).await.unwrap();
            assert_eq!(content(&index).await, model, "seed {seed}");
            drop(writer);
            let again = Index::open(disk.restart(Plan::default())).await.unwrap();
            assert_eq!(content(&again).await, model, "seed {seed}");
        });
    }
    println!("{failures} failed calls, nothing lost");
    assert!(failures > wanted() / 10);
}

/// A store in which something happens at the last moment before a manifest is swapped.
struct Meanwhile<F> {
    disk: Fault,
    happens: RefCell<Option<F>>,
}

impl<F: AsyncFnOnce()> Store for Meanwhile<F> {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, store::Error> {
        self.disk.get(name).await
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), store::Error> {
        self.disk.put(name, bytes).await
    }

    async fn delete(&self, name: &str) -> Result<(), store::Error> {
        self.disk.delete(name).await
    }

    async fn list(&self) -> Result<Vec<String>, store::Error> {
        self.disk.list().await
    }

    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), store::Error> {
        let happens = self.happens.borrow_mut().take();
        if let Some(happens) = happens {
            happens().await;
        }
        self.disk.swap(generation, manifest).await
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, store::Error> {
        self.disk.manifests().await
    }
}

#[test]
fn a_writer_that_only_seemed_dead_cannot_commit_blocks_that_its_heir_has_removed() {
    block_on(async {
        let disk = Fault::default();
        let words = Words::new();
        let index = Index::create(disk.clone(), config()).await.unwrap();
        let mut first = index.writer(WriterOptions::default()).await.unwrap();
        add(&mut first, &words, 0..3).await.unwrap();
        first.commit(&words).await.unwrap();
        drop(first);
        let heir = async || {
            // Takes over while the blocks lie there uncommitted, and commits nothing.
            let other = Index::open(disk.clone()).await.unwrap();
            drop(other.writer(WriterOptions::default()).await.unwrap());
        };
        let slow = Meanwhile {
            disk: disk.clone(),
            happens: RefCell::new(None),
        };
        let index = Index::open(slow).await.unwrap();
        let mut sleeper = index.writer(WriterOptions::default()).await.unwrap();
        for i in 3..6 {
            let document = document(&format!("d{i}"), &format!("w{i} w1 w2"));
            sleeper.add(&words, &Lines, document).await.unwrap();
        }
        index.store().happens.replace(Some(heir));
        let late = sleeper.commit(&words).await;
        assert!(
            matches!(late, Err(Error::Store(store::Error::Locked { .. }))),
            "{late:?}"
        );
        let left = content(&Index::open(disk.clone()).await.unwrap()).await;
        assert_eq!(left.into_keys().collect::<Vec<_>>(), ["d0", "d1", "d2"]);
    });
}

#[test]
fn a_reader_does_not_take_a_segment_for_another_of_the_same_number() {
    block_on(async {
        let disk = Fault::default();
        let words = Words::new();
        let index = Index::create(disk.clone(), config()).await.unwrap();
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        let reader = Index::open(disk.clone()).await.unwrap();
        add(&mut writer, &words, 0..3).await.unwrap();
        // The commit reports failure after its manifest is in place: a reader sees it, the writer does it again.
        for error_at in 0..60 {
            disk.replan(Plan {
                seed: error_at,
                error_at: Some(error_at),
                ..Plan::default()
            });
            let failed = writer.commit(&words).await.is_err();
            disk.replan(Plan::default());
            reader.refresh().await.unwrap();
            let from = 3 + 2 * error_at as usize;
            add(&mut writer, &words, from..from + 2).await.unwrap();
            if failed {
                writer.commit(&words).await.unwrap();
            }
            reader.refresh().await.unwrap();
            let snapshot = reader.snapshot();
            let ids = snapshot.ids().await.unwrap();
            assert_eq!(snapshot.documents(), ids.len());
            for id in ids {
                let options = SearchOptions {
                    k: 1,
                    recall: 1.0,
                    mode: Mode::Semantic,
                    ..SearchOptions::default()
                };
                let question = format!("w{} w1 w2", &id[1..]);
                let found = snapshot.search(&words, &question, &options).await.unwrap();
                assert_eq!(found.stats.damaged, 0);
                assert_eq!(found.hits[0].document, id, "after call {error_at} failed");
            }
        }
    });
}

async fn add(
    writer: &mut Writer<Fault>,
    words: &Words,
    ids: std::ops::Range<usize>,
) -> Result<(), Error> {
    for i in ids {
        writer
            .add(
                words,
                &Lines,
                document(&format!("d{i}"), &format!("w{i} w1 w2")),
            )
            .await?;
    }
    Ok(())
}

#[test]
fn a_full_disk_stops_the_import_with_its_name_and_freeing_space_lets_it_go_on() {
    for full_from in 0..12 {
        let disk = Fault::default();
        block_on(async {
            let words = Words::new();
            let index = Index::create(disk.clone(), config()).await.unwrap();
            let mut writer = index.writer(WriterOptions::default()).await.unwrap();
            add(&mut writer, &words, 0..5).await.unwrap();
            writer.commit(&words).await.unwrap();
            let blocks = store::Store::list(&disk).await.unwrap();
            disk.replan(Plan {
                full_from: Some(full_from),
                ..Plan::default()
            });
            add(&mut writer, &words, 5..9).await.unwrap();
            let full = writer.commit(&words).await;
            if full_from < 6 {
                let Err(Error::Store(e @ store::Error::QuotaExceeded)) = full else {
                    panic!("{full:?}")
                };
                assert!(e.to_string().contains("full"));
                // What was committed is whole, searchable, and nothing half-written takes up room.
                assert_eq!(content(&index).await.len(), 5);
                let found = index
                    .search(&words, "w3 w1", &SearchOptions::default())
                    .await
                    .unwrap();
                assert_eq!(found.hits[0].document, "d3");
                assert_eq!(store::Store::list(&disk).await.unwrap(), blocks);
            }
            disk.replan(Plan::default());
            writer.commit(&words).await.unwrap();
            assert_eq!(content(&index).await.len(), 9);
        });
    }
}

#[test]
fn a_writer_that_slept_is_refused_after_another_took_its_place() {
    block_on(async {
        let disk = Fault::default();
        let words = Words::new();
        let index = Index::create(disk.clone(), config()).await.unwrap();
        // This store has no lock: the generation is the fence.
        let mut sleeper = index.writer(WriterOptions::default()).await.unwrap();
        add(&mut sleeper, &words, 0..1).await.unwrap();
        let other = Index::open(disk.clone()).await.unwrap();
        let mut heir = other.writer(WriterOptions::default()).await.unwrap();
        add(&mut heir, &words, 1..2).await.unwrap();
        heir.commit(&words).await.unwrap();
        let late = sleeper.commit(&words).await;
        assert!(
            matches!(late, Err(Error::Store(store::Error::Locked { .. }))),
            "{late:?}"
        );
        let again = sleeper.commit(&words).await;
        assert!(
            matches!(again, Err(Error::Store(store::Error::Locked { .. }))),
            "{again:?}"
        );
        assert_eq!(
            content(&Index::open(disk).await.unwrap())
                .await
                .into_keys()
                .collect::<Vec<_>>(),
            ["d1"]
        );
    });
}
