//! The native process killed by the operating system at any point of an import into files.
//!
//! `GOSSAMER_KILLS` sets how many times (20 by default).
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod words;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use gossamer::index::{Index, WriterOptions};
use gossamer::store::Files;
use pollster::block_on;
use words::{Lines, Words, config, document, random};

const FOLDER: &str = "GOSSAMER_TEST_FOLDER";

fn text(i: usize) -> String {
    format!("w{} w{} w{}\nw{i} again", i % 7, i % 31, i % 97)
}

/// The process that is killed: imports for ever, and says what it has committed.
#[test]
fn importer() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    block_on(async {
        let words = Words::new();
        let options = WriterOptions {
            merge_factor: 3,
            graph_chunks: 100,
            ..WriterOptions::default()
        };
        let index = Index::open(Files::open(PathBuf::from(folder)).unwrap())
            .await
            .unwrap();
        let mut writer = index.writer(options).await.unwrap();
        for i in index.snapshot().documents().. {
            writer
                .add(&words, &Lines, document(&i.to_string(), &text(i)))
                .await
                .unwrap();
            if i % 3 == 0 {
                writer.commit(&words).await.unwrap();
                println!("\ncommitted {}", i + 1);
            }
        }
    });
}

#[test]
fn a_killed_import_keeps_every_committed_document_and_resumes() {
    let kills: usize = std::env::var("GOSSAMER_KILLS").map_or(20, |n| n.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("gossamer-kill-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    drop(block_on(Index::create(Files::create(&folder).unwrap(), config())).unwrap());
    let mut state = 1;
    let mut committed = 0usize;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "importer", "--nocapture"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = |line: String| {
            let count = line.strip_prefix("committed ").map(|n| n.parse().unwrap());
            committed = count.unwrap_or(committed);
            count.is_some()
        };
        // Killed a moment after its first commit, whatever it does then.
        while !said(lines.next().expect("the importer ended by itself").unwrap()) {}
        std::thread::sleep(Duration::from_micros(random(&mut state) % 30_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            said(line);
        }
        block_on(async {
            let index = Index::open(Files::open(&folder).unwrap()).await.unwrap();
            let snapshot = index.snapshot();
            let there = snapshot.documents();
            assert!(
                there >= committed,
                "kill {kill}: {committed} committed, {there} there"
            );
            assert!(
                there % 3 == 1 && there <= committed + 3,
                "kill {kill}: a commit is there by half"
            );
            let report = snapshot.verify().await.unwrap();
            assert!(report.is_clean(), "kill {kill}: {report:?}");
            let last = there - 1;
            let found = snapshot.document(&last.to_string()).await.unwrap().unwrap();
            assert_eq!(found.text, text(last));
        });
    }
    println!("{kills} kills, {committed} documents committed, none lost");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn readers_of_other_threads_see_whole_generations_while_one_writes() {
    let folder = std::env::temp_dir().join(format!("gossamer-readers-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let index = block_on(Index::create(Files::create(&folder).unwrap(), config())).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // One handle of its own, as another process has, and the shared one.
                let own = block_on(Index::open(Files::open(&folder).unwrap())).unwrap();
                let (mut last, mut looked) = (0, 0);
                while !done.load(std::sync::atomic::Ordering::Relaxed) || looked < 5 {
                    block_on(own.refresh()).unwrap();
                    for index in [&own, &index] {
                        let snapshot = index.snapshot();
                        // Documents come and go in pairs.
                        assert_eq!(snapshot.documents() % 2, 0);
                        if let Ok(ids) = block_on(snapshot.ids()) {
                            assert_eq!(ids.len(), snapshot.documents());
                        } else {
                            assert!(
                                std::ptr::eq(index, &own),
                                "a snapshot of the writer's process lost pages"
                            );
                        }
                    }
                    let generation = own.snapshot().generation();
                    assert!(generation >= last);
                    last = generation;
                    looked += 1;
                }
            });
        }
        // Set even if the writer fails, so that the readers end and its failure is seen.
        struct Done<'a>(&'a std::sync::atomic::AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let _done = Done(&done);
        block_on(async {
            let words = Words::new();
            let options = WriterOptions {
                merge_factor: 2,
                ..WriterOptions::default()
            };
            let mut writer = index.writer(options).await.unwrap();
            for i in 0..60 {
                for half in ["a", "b"] {
                    writer
                        .add(&words, &Lines, document(&format!("{half}{i}"), &text(i)))
                        .await
                        .unwrap();
                    if i % 4 == 3 {
                        writer.remove(&format!("{half}{}", i - 2));
                    }
                }
                writer.commit(&words).await.unwrap();
            }
        });
    });
    assert_eq!(index.snapshot().documents(), 90);
    std::fs::remove_dir_all(folder).unwrap();
}
