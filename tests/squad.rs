//! Size and recall of an index of 20,958 real passages with their MiniLM vectors, one document per article.
//!
//! Needs `squad/` in the folder that `GOSSAMER_DATA` names (default `../shared/data`).
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use gossamer::codec::Codec;
use gossamer::index::{Config, Document, Index, Mode, SearchOptions, Snapshot, WriterOptions};
use gossamer::model::{Embedder, Embeddings, Error, ModelId, Role};
use gossamer::search::Filter;
use gossamer::store::Memory;
use gossamer::text::Chunker;
use half::f16;
use pollster::block_on;

const DIM: usize = 384;

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("GOSSAMER_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let squad = folder.join("squad");
    if squad.join("passages.jsonl.gz").exists() {
        return Some(squad);
    }
    let required = std::env::var_os("GOSSAMER_REQUIRE_DATA").is_some();
    assert!(!required, "{} is not there", squad.display());
    println!(
        "SKIPPED: {} is not there; set GOSSAMER_DATA",
        squad.display()
    );
    None
}

/// Rows of an `.npy` file of float16.
fn vectors(path: PathBuf) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..]
        .chunks_exact(2)
        .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
        .collect()
}

fn gunzip(path: PathBuf) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut start = 10;
    if bytes[3] & 8 != 0 {
        start += bytes[start..].iter().position(|&b| b == 0).unwrap() + 1;
    }
    let raw = miniz_oxide::inflate::decompress_to_vec(&bytes[start..bytes.len() - 8]).unwrap();
    String::from_utf8(raw).unwrap()
}

/// Knows the vectors of the passages and questions by their text.
struct Known {
    id: ModelId,
    vectors: HashMap<String, Vec<f32>>,
}

impl Embedder for Known {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        DIM
    }

    async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let values = texts
            .iter()
            .flat_map(|t| self.vectors[*t].clone())
            .collect();
        Ok(Embeddings { dim: DIM, values })
    }
}

/// Passages are separated by this, which none contains.
const BORDER: &str = "\n\u{1}\n";

struct Passages;

impl Chunker for Passages {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        text.split(BORDER)
            .map(|passage| {
                let start = at;
                at += passage.len() + BORDER.len();
                start..start + passage.len()
            })
            .collect()
    }
}

struct Squad {
    embedder: Known,
    documents: Vec<Document>,
    questions: Vec<String>,
    /// The three best passages of each question, by exact inner product.
    truth: Vec<[String; 3]>,
}

fn load(folder: PathBuf) -> Squad {
    let text = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        (field("title"), field("text"))
    };
    let passages: Vec<(String, String)> = gunzip(folder.join("passages.jsonl.gz"))
        .lines()
        .map(text)
        .collect();
    let questions = std::fs::read_to_string(folder.join("queries.jsonl")).unwrap();
    let questions: Vec<String> = questions.lines().map(|l| text(l).1).collect();
    let rows = vectors(folder.join("passages.f16.npy"));
    let asked = vectors(folder.join("queries.f16.npy"));
    let truth = asked
        .chunks_exact(DIM)
        .map(|q| {
            let mut scored: Vec<(f32, usize)> = rows
                .chunks_exact(DIM)
                .enumerate()
                .map(|(i, row)| (q.iter().zip(row).map(|(a, b)| a * b).sum(), i))
                .collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0));
            std::array::from_fn(|i| passages[scored[i].1].1.clone())
        })
        .collect();
    let mut documents: Vec<Document> = Vec::new();
    for (title, text) in &passages {
        match documents.last_mut() {
            Some(document) if document.title == *title => {
                document.text.push_str(BORDER);
                document.text.push_str(text);
            }
            _ => documents.push(Document {
                id: format!("{}", documents.len()),
                title: title.clone(),
                text: text.clone(),
                metadata: String::new(),
            }),
        }
    }
    let texts = passages
        .iter()
        .map(|p| p.1.clone())
        .zip(rows.chunks_exact(DIM));
    let texts = texts.chain(questions.iter().cloned().zip(asked.chunks_exact(DIM)));
    let vectors = texts.map(|(t, v)| (t, v.to_vec())).collect();
    let id = ModelId {
        name: "known".into(),
        sha256: [0; 32],
    };
    Squad {
        embedder: Known { id, vectors },
        documents,
        questions,
        truth,
    }
}

/// Recall of the top three and passages embedded per question.
async fn measure(
    squad: &Squad,
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
    for (question, truth) in squad.questions.iter().zip(&squad.truth) {
        let result = snapshot
            .search(&squad.embedder, question, &options)
            .await
            .unwrap();
        found += result
            .hits
            .iter()
            .filter(|hit| truth.contains(&hit.text))
            .count();
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
    let Some(folder) = data() else { return };
    let squad = load(folder);
    block_on(async {
        let config = Config {
            model: squad.embedder.id.clone(),
            codec: Codec::bundled().unwrap(),
            keep_text: true,
        };
        let index = Index::create(Memory::new(), config).await.unwrap();
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        for document in &squad.documents {
            writer
                .add(&squad.embedder, &Passages, document.clone())
                .await
                .unwrap();
        }
        writer.commit(&squad.embedder).await.unwrap();
        for form in ["as imported", "compacted", "with a graph"] {
            if form != "as imported" {
                let start = std::time::Instant::now();
                let graph_chunks = if form == "compacted" { usize::MAX } else { 1 };
                drop(writer);
                writer = index
                    .writer(WriterOptions {
                        graph_chunks,
                        ..Default::default()
                    })
                    .await
                    .unwrap();
                writer.compact().await.unwrap();
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
                let (recall, embedded, rounds, read) = measure(&squad, &snapshot, target).await;
                println!(
                    "target {target}: recall@3 {recall:.3}, {embedded:.1} embedded, {rounds:.2} rounds, {read:.0} codes read"
                );
                assert!(recall > f64::from(target) - 0.03);
            }
        }
        // Pages of a walked index: the next goes on where the one before ended.
        for question in squad.questions.iter().step_by(50) {
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
    let Some(folder) = data() else { return };
    let squad = load(folder);
    let passages: Vec<&str> = squad
        .documents
        .iter()
        .flat_map(|document| document.text.split(BORDER))
        .collect();
    let count = passages.len();
    let shuffled = |i: usize| (i * 7919) % count;
    block_on(async {
        let config = Config {
            model: squad.embedder.id.clone(),
            codec: Codec::bundled().unwrap(),
            keep_text: true,
        };
        let index = Index::create(Memory::new(), config).await.unwrap();
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        // Passages of their own, one after the other about the same: where they stand cuts by subject.
        for (i, passage) in passages.iter().enumerate() {
            let document = Document {
                id: i.to_string(),
                title: String::new(),
                text: (*passage).to_owned(),
                metadata: format!(r#"{{"place":{i},"shuffled":{}}}"#, shuffled(i)),
            };
            let added = writer.add(&squad.embedder, &Passages, document).await;
            added.unwrap();
        }
        writer.commit(&squad.embedder).await.unwrap();
        writer.compact().await.unwrap();
        let vectors: Vec<&[f32]> = passages
            .iter()
            .map(|passage| &squad.embedder.vectors[*passage][..])
            .collect();
        // The prior was fitted to questions of the first half and of even number.
        let questions: Vec<&String> = squad.questions[250..].iter().skip(1).step_by(2).collect();
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
            let passes = |i: usize| (if field == "place" { i } else { shuffled(i) }) < most;
            let (mut found, mut of) = (0, 0);
            for question in &questions {
                let query = &squad.embedder.vectors[*question];
                let mut exact: Vec<(f32, usize)> = (0..count)
                    .filter(|i| passes(*i))
                    .map(|i| (query.iter().zip(vectors[i]).map(|(a, b)| a * b).sum(), i))
                    .collect();
                exact.sort_by(|a, b| b.0.total_cmp(&a.0));
                let best: Vec<&str> = exact[..3].iter().map(|(_, i)| passages[*i]).collect();
                let result = index.search(&squad.embedder, question, &options).await;
                let hits = result.unwrap().hits;
                found += hits.iter().filter(|hit| best.contains(&&*hit.text)).count();
                of += 3;
            }
            let recall = found as f64 / f64::from(of);
            println!("{field} under {most}: recall@3 {recall:.3}");
            // The standard error is 0.011.
            assert!(recall > 0.93, "{field} under {most}: {recall}");
        }
    });
}
