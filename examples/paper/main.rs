//! An index as an application makes it, of passages whose embeddings are known: sizes, times, answers, and what a churn of
//! 30 % does to it. One JSON object.
//!
//!     paper PASSAGES.jsonl PASSAGES.npy QUESTIONS.jsonl QUESTIONS.npy
//!
//! Passages are `{"title", "text"}`, consecutive ones of one title are a document; questions are `{"text"}`. The model is
//! left out: an embedder looks the embedding of every text up. So times are without it.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use gossamer::codec::Codec;
use gossamer::index::{Config, Document, Index, Mode, SearchOptions, WriterOptions};
use gossamer::model::{self, Embedder, Embeddings, ModelId, Role};
use gossamer::store::Files;
use gossamer::text::Chunker;
use serde_json::{Value, json};

#[path = "../support/npy.rs"]
mod npy;
use npy::read_npy;

/// Hits per question whose recall is judged, and hits returned.
const K: usize = 3;
const RETURNED: usize = 10;
/// Documents of these last digits are held back and come later, while as many others leave: 30 %.
const CHURN: std::ops::RangeInclusive<usize> = 0..=2;

/// Embeddings by text.
struct Known {
    id: ModelId,
    dim: usize,
    rows: Vec<f32>,
    by_text: HashMap<String, usize>,
    /// Row of the question that is being asked: what is embedded of it may lack words that are to be left out.
    asked: Cell<usize>,
}

impl Embedder for Known {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    async fn embed(&self, role: Role, texts: &[&str]) -> Result<Embeddings, model::Error> {
        let mut values = Vec::with_capacity(texts.len() * self.dim);
        for text in texts {
            let row = match role {
                Role::Query => Some(self.asked.get()),
                Role::Passage => self.by_text.get(*text).copied(),
            };
            let row = row.ok_or_else(|| model::Error::Missing((*text).to_owned()))?;
            values.extend_from_slice(&self.rows[row * self.dim..][..self.dim]);
        }
        Ok(Embeddings {
            dim: self.dim,
            values,
        })
    }
}

/// Passages stand a blank line apart.
struct Paragraphs;

impl Chunker for Paragraphs {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        text.split("\n\n")
            .map(|part| {
                let start = at + part.len() - part.trim_start().len();
                at += part.len() + 2;
                start..start + part.trim().len()
            })
            .collect()
    }
}

struct Data {
    known: Known,
    /// Title and passages of each document.
    documents: Vec<(String, Range<usize>)>,
    texts: Vec<String>,
    questions: Vec<String>,
}

impl Data {
    fn read(args: &[String]) -> Result<Self, Box<dyn Error>> {
        let [passages, vectors, questions, query_vectors] = args else {
            return Err("usage: see the source".into());
        };
        let lines = |path: &str| -> Result<Vec<Value>, Box<dyn Error>> {
            let text = std::fs::read_to_string(path)?;
            Ok(text
                .lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()?)
        };
        let field =
            |value: &Value, name: &str| value[name].as_str().unwrap_or_default().trim().to_owned();
        let passages = lines(passages)?;
        let texts: Vec<String> = passages.iter().map(|p| field(p, "text")).collect();
        let mut documents: Vec<(String, Range<usize>)> = Vec::new();
        for (at, passage) in passages.iter().enumerate() {
            let title = field(passage, "title");
            match documents.last_mut() {
                Some((last, range)) if *last == title => range.end = at + 1,
                _ => documents.push((title, at..at + 1)),
            }
        }
        let questions: Vec<String> = lines(questions)?.iter().map(|q| field(q, "text")).collect();
        let (dim, mut rows) = read_npy(&std::fs::read(vectors)?)?;
        rows.extend(read_npy(&std::fs::read(query_vectors)?)?.1);
        let by_text = texts
            .iter()
            .enumerate()
            .map(|(row, text)| (text.clone(), row))
            .collect();
        let id = ModelId {
            name: "known embeddings".into(),
            sha256: [0; 32],
        };
        let known = Known {
            id,
            dim,
            rows,
            by_text,
            asked: Cell::new(0),
        };
        Ok(Self {
            known,
            documents,
            texts,
            questions,
        })
    }

    fn document(&self, number: usize) -> Document {
        let (title, range) = &self.documents[number];
        Document {
            id: number.to_string(),
            title: title.clone(),
            text: self.texts[range.clone()].join("\n\n"),
            ..Document::default()
        }
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.known.rows[at * self.known.dim..][..self.known.dim]
    }

    /// The true best among some passages.
    fn truth(&self, question: usize, live: &[usize]) -> Vec<usize> {
        let q = self.row(self.texts.len() + question);
        let score = |at: usize| -> f32 { q.iter().zip(self.row(at)).map(|(a, b)| a * b).sum() };
        let mut scored: Vec<(f32, usize)> = live.iter().map(|&at| (score(at), at)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.iter().take(K).map(|s| s.1).collect()
    }
}

/// Processor seconds of this process so far, where Linux tells: times that a busy machine does not blur.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or_default()
    };
    // Time in the program and in the kernel, in hundredths of a second.
    (ticks(11) + ticks(12)) / 100.0
}

async fn fill(
    data: &Data,
    folder: &Path,
    documents: &[usize],
) -> Result<Index<Files>, Box<dyn Error>> {
    let _ = std::fs::remove_dir_all(folder);
    let config = Config {
        model: data.known.id.clone(),
        codec: Codec::bundled()?,
        keep_text: true,
    };
    let index = Index::create(Files::create(folder)?, config).await?;
    let mut writer = index.writer(WriterOptions::default()).await?;
    for &number in documents {
        writer
            .add(&data.known, &Paragraphs, data.document(number))
            .await?;
    }
    writer.commit(&data.known).await?;
    Ok(index)
}

/// Recall against the passages that are there, what it cost, and the hits.
async fn ask(
    data: &Data,
    index: &Index<Files>,
    live: &[usize],
    k: usize,
    mode: Mode,
) -> Result<Value, Box<dyn Error>> {
    let snapshot = index.snapshot();
    let options = SearchOptions {
        k,
        mode,
        ..SearchOptions::default()
    };
    let (mut found, mut recomputed, mut rounds, mut times, mut hits) =
        (0, 0, 0, Vec::new(), Vec::new());
    let live: Vec<usize> = live
        .iter()
        .flat_map(|&d| data.documents[d].1.clone())
        .collect();
    let truths: Vec<Vec<usize>> = if k == K {
        (0..data.questions.len())
            .map(|q| data.truth(q, &live))
            .collect()
    } else {
        Vec::new()
    };
    let cpu = cpu_seconds();
    for (number, question) in data.questions.iter().enumerate() {
        data.known.asked.set(data.texts.len() + number);
        let start = Instant::now();
        let result = snapshot.search(&data.known, question, &options).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        recomputed += result.stats.recomputed;
        rounds += result.stats.rounds;
        let ids: Vec<usize> = result
            .hits
            .iter()
            .filter_map(|hit| {
                let document: usize = hit.document.parse().ok()?;
                Some(data.documents[document].1.start + hit.chunk)
            })
            .collect();
        if let Some(truth) = truths.get(number) {
            found += truth.iter().filter(|t| ids.contains(t)).count();
        }
        hits.push(ids);
    }
    let cpu = cpu_seconds() - cpu;
    times.sort_by(f64::total_cmp);
    let m = data.questions.len() as f64;
    Ok(json!({
        "k": k,
        "recall": (k == K).then_some(found as f64 / (m * K as f64)),
        "recomputed": recomputed as f64 / m,
        "rounds": rounds as f64 / m,
        "query_ms": times[times.len() / 2],
        "query_cpu_ms": cpu * 1e3 / m,
        "hits": hits,
    }))
}

fn sizes(index: &Index<Files>) -> Value {
    let stats = index.snapshot().stats();
    let b = &stats.bytes;
    json!({
        "chunks": stats.chunks, "documents_count": stats.documents, "segments": stats.segments,
        "removed_chunks": stats.removed_chunks, "text_bytes": stats.text_bytes,
        "codes": b.codes, "graph": b.graph, "chunk_table": b.chunks, "documents": b.documents,
        "manifest": b.manifest, "codebooks": b.codebooks, "index": b.index(), "text_store": b.text,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let data = Data::read(&args)?;
    let folder = std::env::temp_dir().join(format!("gossamer-paper-{}", std::process::id()));
    let report = pollster::block_on(measure(&data, &folder));
    let _ = std::fs::remove_dir_all(&folder);
    println!("{}", report?);
    Ok(())
}

async fn measure(data: &Data, folder: &Path) -> Result<Value, Box<dyn Error>> {
    let all: Vec<usize> = (0..data.documents.len()).collect();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let index = fill(data, folder, &all).await?;
    let (build, build_cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let three = ask(data, &index, &all, K, Mode::Semantic).await?;
    let ten = ask(data, &index, &all, RETURNED, Mode::Semantic).await?;
    let hybrid = ask(data, &index, &all, RETURNED, Mode::Hybrid).await?;
    let keyword = ask(data, &index, &all, RETURNED, Mode::Keyword).await?;
    let fresh = sizes(&index);
    drop(index);

    // Three documents of ten leave, three that were held back come, one commit each.
    let old: Vec<usize> = all
        .iter()
        .copied()
        .filter(|d| !CHURN.contains(&(d % 10)))
        .collect();
    let leaving: Vec<usize> = old
        .iter()
        .copied()
        .filter(|d| (3..=5).contains(&(d % 10)))
        .collect();
    let coming: Vec<usize> = all
        .iter()
        .copied()
        .filter(|d| CHURN.contains(&(d % 10)))
        .collect();
    let index = fill(data, folder, &old).await?;
    let mut live: HashSet<usize> = old.into_iter().collect();
    let mut writer = index.writer(WriterOptions::default()).await?;
    let (mut commits, mut commit_cpu) = (Vec::new(), 0.0);
    for step in 0..leaving.len().max(coming.len()) {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        if let Some(gone) = leaving.get(step) {
            writer.remove(&gone.to_string());
            live.remove(gone);
        }
        if let Some(&new) = coming.get(step) {
            writer
                .add(&data.known, &Paragraphs, data.document(new))
                .await?;
            live.insert(new);
        }
        writer.commit(&data.known).await?;
        commits.push(start.elapsed().as_secs_f64() * 1e3);
        commit_cpu += cpu_seconds() - cpu;
    }
    let mut live: Vec<usize> = live.into_iter().collect();
    live.sort_unstable();
    let churned = (
        sizes(&index),
        ask(data, &index, &live, K, Mode::Semantic).await?,
    );
    let start = Instant::now();
    writer.compact().await?;
    let compacting = start.elapsed().as_secs_f64();
    drop(writer);
    let compacted = (
        sizes(&index),
        ask(data, &index, &live, K, Mode::Semantic).await?,
    );
    drop(index);
    let index = fill(data, folder, &live).await?;
    let anew = (
        sizes(&index),
        ask(data, &index, &live, K, Mode::Semantic).await?,
    );
    commits.sort_by(f64::total_cmp);
    let pair = |(sizes, asked): (Value, Value)| {
        let mut asked = asked;
        asked.as_object_mut().map(|o| o.remove("hits"));
        json!({"sizes": sizes, "search": asked})
    };
    Ok(json!({
        "build_seconds": build, "build_cpu_seconds": build_cpu, "sizes": fresh,
        "top_3": three, "top_10": ten, "hybrid_10": hybrid, "keyword_10": keyword,
        "updates": {
            "commits": commits.len(),
            "commit_ms_p50": commits[commits.len() / 2],
            "commit_cpu_ms": commit_cpu * 1e3 / commits.len() as f64,
            "commit_ms_p95": commits[commits.len() * 95 / 100],
            "churned": pair(churned), "compact_seconds": compacting,
            "compacted": pair(compacted), "anew": pair(anew),
        },
    }))
}
