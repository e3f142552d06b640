//! What searches share, and the time they keep: deadlines, remembered embeddings, common batches.
#![allow(clippy::unwrap_used)]

mod corpus;
mod words;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use corpus::{documents, index_of, semantic};
use gossamer::index::{Error, Hit, SearchOptions, WriterOptions};
use gossamer::model::{Embedder, Embeddings, ModelId, Role};
use gossamer::search::Clock;
use pollster::block_on;
use words::{DIM, Lines, Words};

/// A clock that stands still until something takes time.
#[derive(Debug, Default)]
struct Watch(AtomicU64);

impl Clock for Watch {
    fn now_ms(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64 / 1000.0
    }
}

/// Takes time for every text, and some for every call.
struct Slow {
    words: Words,
    watch: Arc<Watch>,
    calls: RefCell<Vec<usize>>,
}

impl Embedder for Slow {
    fn id(&self) -> &ModelId {
        self.words.id()
    }

    fn dim(&self) -> usize {
        DIM
    }

    async fn embed(
        &self,
        role: Role,
        texts: &[&str],
    ) -> Result<Embeddings, gossamer::model::Error> {
        let bytes: usize = texts.iter().map(|t| t.len()).sum();
        // 20 ms per passage, give or take a fifth.
        let spent = 500 * bytes as u64 + 5_000 * texts.len() as u64;
        self.watch.0.fetch_add(spent, Ordering::Relaxed);
        if role == Role::Passage {
            self.calls.borrow_mut().push(texts.len());
        }
        self.words.embed(role, texts).await
    }
}

fn slow() -> Slow {
    Slow {
        words: Words::new(),
        watch: Arc::default(),
        calls: RefCell::default(),
    }
}

#[test]
fn a_deadline_is_kept_within_a_tenth_and_says_what_was_left_out() {
    let documents = documents(300);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let slow = slow();
        index.set_clock(Arc::<Watch>::clone(&slow.watch));
        index.set_memory(0);
        let mut late = 0f64;
        for (number, deadline) in [50.0, 500.0, 200.0, 1000.0, 120.0, 400.0]
            .into_iter()
            .cycle()
            .take(24)
            .enumerate()
        {
            let question = format!("w{number} w{} w{}", number + 40, number + 80);
            let options = SearchOptions {
                deadline_ms: Some(deadline),
                recall: 1.0,
                k: 3,
                ..SearchOptions::default()
            };
            let start = slow.watch.now_ms();
            let found = index.search(&slow, &question, &options).await.unwrap();
            let spent = slow.watch.now_ms() - start;
            assert_eq!(found.hits.len(), 3);
            assert!(found.left_out.passages > 0, "{:?}", found.left_out);
            assert!(found.stats.recomputed > 0 && found.stats.recomputed < 60);
            late = late.max(spent / deadline - 1.0);
            // The time is used, too.
            assert!(spent > 0.5 * deadline, "{spent} of {deadline} ms");
        }
        println!("at most {:.1} % late", 100.0 * late);
        assert!(late <= 0.1, "{late}");
        // In time for nothing: the words answer.
        let options = SearchOptions {
            deadline_ms: Some(0.0),
            ..SearchOptions::default()
        };
        let found = index.search(&slow, "w1 w2", &options).await.unwrap();
        assert!(found.left_out.question || found.left_out.text > 0);
        // Without one nothing is left out.
        let found = index
            .search(&slow, "w1 w2", &semantic(3, 0.9))
            .await
            .unwrap();
        assert!(!found.left_out.any());
    });
}

#[test]
fn what_was_embedded_for_one_question_is_not_embedded_again_for_the_next_even_after_a_commit() {
    let documents = documents(200);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let words = Words::new();
        let first = index
            .search(&words, "w1 w2 w3", &semantic(3, 0.95))
            .await
            .unwrap();
        assert!(first.stats.recomputed > 0 && first.stats.remembered == 0);
        let embedded = words.embedded.get();
        let again = index
            .search(&words, "w1 w2 w3", &semantic(3, 0.95))
            .await
            .unwrap();
        assert_eq!(
            (again.stats.recomputed, words.embedded.get()),
            (0, embedded)
        );
        assert_eq!(again.stats.remembered, first.stats.recomputed);
        assert_eq!(again.hits, first.hits);
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        let new = words::document("new", "something else");
        writer.add(&words, &Lines, new).await.unwrap();
        writer.commit(&words).await.unwrap();
        let later = index
            .search(&words, "w1 w2 w3", &semantic(3, 0.95))
            .await
            .unwrap();
        assert!(later.stats.recomputed <= 2, "{:?}", later.stats);
        // Without memory everything is embedded each time.
        index.set_memory(0);
        let without = index
            .search(&words, "w1 w2 w3", &semantic(3, 0.95))
            .await
            .unwrap();
        assert_eq!(without.stats.remembered, 0);
    });
}

/// Runs futures side by side on this thread.
async fn join<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Some).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if let Some(running) = future
                && let Poll::Ready(result) = running.as_mut().poll(context)
            {
                (*future, *done) = (None, Some(result));
            }
        }
        if futures.iter().all(Option::is_none) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[test]
fn queries_at_the_same_time_share_batches_and_each_gets_its_own_answer() {
    let documents = documents(300);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let questions: Vec<String> = (0..8).map(|i| format!("w{i} w{} w5", i + 9)).collect();
        let options = SearchOptions {
            batch: 128,
            ..semantic(3, 0.95)
        };
        let (alone, together) = (slow(), slow());
        let mut expected = Vec::new();
        for question in &questions {
            index.set_memory(0);
            expected.push(index.search(&alone, question, &options).await.unwrap().hits);
        }
        let searches = questions.iter().map(|question| {
            let (index, embedder, options) = (&index, &together, &options);
            let search = async move {
                index
                    .search(embedder, question, options)
                    .await
                    .unwrap()
                    .hits
            };
            Box::pin(search) as Pin<Box<dyn Future<Output = Vec<Hit>>>>
        });
        let found = join(searches.collect()).await;
        assert_eq!(found, expected);
        let (alone, together) = (alone.calls.into_inner(), together.calls.into_inner());
        println!("batches alone {alone:?}, together {together:?}");
        assert!(together.len() * 2 <= alone.len());
        // What two of them want is embedded once.
        assert!(together.iter().sum::<usize>() <= alone.iter().sum());
    });
}

#[test]
fn a_search_that_is_dropped_or_fails_holds_up_no_other() {
    struct Broken<'a>(&'a Words);
    impl Embedder for Broken<'_> {
        fn id(&self) -> &ModelId {
            self.0.id()
        }
        fn dim(&self) -> usize {
            DIM
        }
        async fn embed(
            &self,
            role: Role,
            texts: &[&str],
        ) -> Result<Embeddings, gossamer::model::Error> {
            if role == Role::Query {
                return self.0.embed(role, texts).await;
            }
            // One that never answers, then one that fails.
            if texts.len() > 1 {
                std::future::pending::<()>().await;
            }
            Err(gossamer::model::Error::Missing("device".into()))
        }
    }
    let documents = documents(100);
    block_on(async {
        let index = index_of(&documents, usize::MAX).await;
        let words = Words::new();
        let broken = Broken(&words);
        let options = semantic(3, 0.95);
        {
            let mut stuck = Box::pin(index.search(&broken, "w1 w2 w3", &options));
            // It drives a batch and is dropped in the middle of it.
            for _ in 0..4 {
                poll_fn(|context| {
                    assert!(stuck.as_mut().poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
            }
        }
        let one = SearchOptions {
            batch: 1,
            ..options.clone()
        };
        let failed = index.search(&broken, "w1 w2 w3", &one).await;
        assert!(matches!(failed, Err(Error::Model(_))));
        let found = index.search(&words, "w1 w2 w3", &options).await.unwrap();
        assert_eq!(found.hits.len(), 3);
    });
}
