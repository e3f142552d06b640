//! What searching finds and costs on the SQuAD passages: the tables of `docs/search.md`.
//!
//!     cargo run --release --no-default-features --example squad_search -- ../shared/data/squad [tables]
//!
//! Tables: `words`, `fusion`, `filters`, `sharing`; all of them unless some are named.
#![allow(clippy::unwrap_used)]

#[path = "../support/squad.rs"]
mod squad;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use gossamer::index::{Document, Index, Mode, SearchOptions, SearchResult};
use gossamer::model::{Embedder, Embeddings, Error, ModelId, Role};
use gossamer::search::Filter;
use gossamer::store::Memory;
use pollster::block_on;
use squad::{DIM, Known, Squad, Truth};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the folder of the data");
    let tables: Vec<String> = arguments.collect();
    let wanted = |name: &str| tables.is_empty() || tables.iter().any(|t| t == name);
    let squad = Squad::load(&PathBuf::from(folder));
    block_on(async {
        if wanted("words") || wanted("fusion") || wanted("sharing") {
            let index = squad.index(squad.articles(), usize::MAX).await;
            if wanted("words") {
                words(&squad, &index).await;
            }
            if wanted("fusion") {
                fusion(&squad, &index).await;
            }
            if wanted("sharing") {
                sharing(&squad, &index).await;
            }
        }
        if wanted("filters") {
            filters(&squad).await;
        }
    });
}

fn milliseconds(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Counting words: the first question and the later ones.
async fn words(squad: &Squad, index: &Index<Memory>) {
    let options = SearchOptions {
        mode: Mode::Keyword,
        ..SearchOptions::default()
    };
    let mut first = Vec::new();
    for _ in 0..3 {
        // A handle of its own begins without memory.
        let fresh = Index::open(index.store().other()).await.unwrap();
        let start = Instant::now();
        let found = fresh
            .snapshot()
            .search_words(&squad.questions[0].text, &options)
            .await
            .unwrap();
        first.push(start.elapsed().as_secs_f64() * 1e3);
        println!(
            "first question: {:.0} ms for {:.1} MB",
            first.last().unwrap(),
            found.stats.text_read as f64 / 1e6
        );
    }
    let mut later = Vec::new();
    for question in &squad.questions {
        let start = Instant::now();
        index
            .snapshot()
            .search_words(&question.text, &options)
            .await
            .unwrap();
        later.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let read = index.snapshot().stats().text_bytes as f64 / 1e6;
    let cold = milliseconds(&mut first);
    println!(
        "words of {read:.1} MB: first question {cold:.0} ms ({:.0} MB/s), later ones p50 {:.2} ms",
        read / cold * 1e3,
        milliseconds(&mut later)
    );
}

/// Rank of the gold passage among the first hundred, by question.
type Ranks = Vec<Option<usize>>;

fn report(name: &str, ranks: &Ranks) {
    let share = |from: usize, step: usize, k: usize| {
        let of: Vec<_> = ranks.iter().skip(from).step_by(step).collect();
        of.iter().filter(|r| r.is_some_and(|r| r < k)).count() as f64 / of.len() as f64
    };
    let row = |from, step| {
        [1, 3, 10]
            .map(|k| format!("{:.3}", share(from, step, k)))
            .join(" ")
    };
    println!("| {name} | {} | {} | {} |", row(0, 1), row(0, 2), row(1, 2));
}

/// Recall of the gold passage by reciprocal rank fusion; that of the modes themselves is in `gossamer eval`.
async fn fusion(squad: &Squad, index: &Index<Memory>) {
    println!("| | recall@1, 3, 10: all | even | odd |\n| --- | --- | --- | --- |");
    let mut orders: HashMap<&str, Vec<Vec<String>>> = HashMap::new();
    for (name, mode) in [("keyword", Mode::Keyword), ("semantic", Mode::Semantic)] {
        let options = SearchOptions {
            k: 100,
            mode,
            recall: 0.9,
            ..SearchOptions::default()
        };
        let list = orders.entry(name).or_default();
        for question in &squad.questions {
            let found = index
                .search(&squad.embedder, &question.text, &options)
                .await
                .unwrap();
            list.push(found.hits.into_iter().map(|hit| hit.text).collect());
        }
    }
    for k in [1.0, 10.0, 60.0] {
        let ranks = squad.questions.iter().enumerate().map(|(i, question)| {
            let mut scores: HashMap<&str, f64> = HashMap::new();
            for list in orders.values() {
                for (rank, text) in list[i].iter().enumerate() {
                    *scores.entry(text).or_default() += 1.0 / (k + rank as f64 + 1.0);
                }
            }
            let mut order: Vec<(&str, f64)> = scores.into_iter().collect();
            order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let gold = &squad.passages[question.gold].1;
            order.iter().position(|(text, _)| text == gold)
        });
        report(
            &format!("reciprocal rank fusion, constant {k}"),
            &ranks.collect(),
        );
    }
}

/// Recall against exact search among the passages that pass, by how many pass.
async fn filters(squad: &Squad) {
    let count = squad.passages.len();
    let truth = Truth::of(squad);
    let of_article = squad.article_of();
    let articles = of_article.last().map_or(0, |last| last + 1);
    // Permutations: numbers that have nothing to do with the order of the text.
    let shuffled = |i: usize| (i * 7919) % count;
    let drawn = |article: usize| (article * 211) % articles;
    let passages = || {
        let document = |i: usize| Document {
            id: i.to_string(),
            title: squad.passages[i].0.clone(),
            text: squad.passages[i].1.clone(),
            metadata: format!(r#"{{"place":{i},"shuffled":{}}}"#, shuffled(i)),
        };
        (0..count).map(document).collect()
    };
    let documents = || {
        let all = squad.articles().into_iter().enumerate();
        let all = all.map(|(i, document)| Document {
            metadata: format!(r#"{{"drawn":{}}}"#, drawn(i)),
            ..document
        });
        all.collect()
    };
    println!(
        "| documents | codes | field | passing | recall@3 all, even, odd | codes read | embedded | p50 ms |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    type Form<'a> = (&'a str, &'a str, &'a [&'a str], Vec<Document>, usize);
    let forms: [Form<'_>; 4] = [
        ("articles", "scanned", &["drawn"], documents(), usize::MAX),
        ("articles", "walked", &["drawn"], documents(), 1),
        (
            "passages",
            "scanned",
            &["shuffled", "place"],
            passages(),
            usize::MAX,
        ),
        ("passages", "walked", &["shuffled", "place"], passages(), 1),
    ];
    for (form, codes, fields, documents, graph_chunks) in forms {
        let index = squad.index(documents, graph_chunks).await;
        for (field, share) in fields
            .iter()
            .flat_map(|field| [1.0, 0.5, 0.1, 0.01, 0.0001].map(|share| (*field, share)))
        {
            let of = if field == "drawn" { articles } else { count };
            let most = ((of as f64 * share).round() as usize).max(1);
            let allowed: Vec<usize> = (0..count)
                .filter(|&i| match field {
                    "drawn" => drawn(of_article[i]) < most,
                    "place" => i < most,
                    _ => shuffled(i) < most,
                })
                .collect();
            let options = SearchOptions {
                k: 3,
                mode: Mode::Semantic,
                filter: Some(Filter::parse(&format!(r#"{{"{field}":{{"lt":{most}}}}}"#)).unwrap()),
                ..SearchOptions::default()
            };
            index.set_memory(0);
            let (mut found, mut of, mut read, mut embedded) = ([0; 2], [0; 2], 0, 0);
            let mut times = Vec::new();
            for (number, question) in squad.questions.iter().enumerate() {
                let best = truth.best(number, &allowed, 3);
                let start = Instant::now();
                let result = index
                    .search(&squad.embedder, &question.text, &options)
                    .await
                    .unwrap();
                times.push(start.elapsed().as_secs_f64() * 1e3);
                assert_eq!(result.hits.len(), best.len());
                let half = number % 2;
                of[half] += best.len();
                found[half] += squad.count(&best, &result.hits);
                read += result.stats.codes_read;
                embedded += result.stats.recomputed;
            }
            let mean = |sum: usize| sum as f64 / times.len() as f64;
            let recall = |found: usize, of: usize| found as f64 / of as f64;
            println!(
                "| {form} | {codes} | {field} | {share} ({}) | {:.3}, {:.3}, {:.3} | {:.0} | {:.1} | {:.2} |",
                allowed.len(),
                recall(found[0] + found[1], of[0] + of[1]),
                recall(found[0], of[0]),
                recall(found[1], of[1]),
                mean(read),
                mean(embedded),
                milliseconds(&mut times.clone()),
            );
        }
    }
}

/// Counts calls, and lets others run in between as a GPU does.
struct Counted<'a> {
    inner: &'a Known,
    calls: Cell<usize>,
    texts: Cell<usize>,
}

impl Embedder for Counted<'_> {
    fn id(&self) -> &ModelId {
        self.inner.id()
    }

    fn dim(&self) -> usize {
        DIM
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        if role == Role::Passage {
            self.calls.set(self.calls.get() + 1);
            self.texts.set(self.texts.get() + texts.len());
        }
        let mut waited = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut waited, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        self.inner.embed(role, texts).await
    }
}

type Pending<'a> = Pin<Box<dyn Future<Output = SearchResult> + 'a>>;

/// What memory and common batches save.
async fn sharing(squad: &Squad, index: &Index<Memory>) {
    let options = SearchOptions {
        k: 3,
        mode: Mode::Semantic,
        ..SearchOptions::default()
    };
    for (name, bytes) in [("no memory", 0), ("1 MiB", 1 << 20), ("8 MiB", 8 << 20)] {
        index.set_memory(bytes);
        for pass in ["first", "second"] {
            let (mut recomputed, mut remembered) = (0, 0);
            // Questions about one article after each other.
            let mut order: Vec<_> = squad.questions.iter().collect();
            order.sort_by_key(|q| q.gold);
            for question in order {
                let found = index
                    .search(&squad.embedder, &question.text, &options)
                    .await
                    .unwrap();
                recomputed += found.stats.recomputed;
                remembered += found.stats.remembered;
            }
            let per = squad.questions.len() as f64;
            println!(
                "{name}, {pass} time: {:.2} embedded, {:.2} remembered per question",
                recomputed as f64 / per,
                remembered as f64 / per
            );
        }
    }
    for at_once in [1, 2, 8] {
        index.set_memory(0);
        let embedder = Counted {
            inner: &squad.embedder,
            calls: Cell::new(0),
            texts: Cell::new(0),
        };
        let wanted = RefCell::new(0);
        for group in squad.questions.chunks(at_once) {
            let searches = group.iter().map(|question| -> Pending {
                let search = index.search(&embedder, &question.text, &options);
                Box::pin(async {
                    let found = search.await.unwrap();
                    *wanted.borrow_mut() += found.stats.recomputed;
                    found
                })
            });
            join(searches.collect()).await;
        }
        println!(
            "{at_once} at once: {:.2} calls of the model per question, {:.1} passages per call, {} embedded for {} wanted",
            embedder.calls.get() as f64 / squad.questions.len() as f64,
            embedder.texts.get() as f64 / embedder.calls.get() as f64,
            embedder.texts.get(),
            wanted.borrow()
        );
    }
}

/// Runs searches side by side on this thread.
async fn join(mut searches: Vec<Pending<'_>>) {
    poll_fn(|context| {
        searches.retain_mut(|search| search.as_mut().poll(context).is_pending());
        if searches.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
