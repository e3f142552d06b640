//! The SQuAD passages and questions, with their vectors standing for the model.
#![allow(dead_code, clippy::unwrap_used)] // whoever includes it uses its own part

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use gossamer::codec::Codec;
use gossamer::index::{Config, Document, Hit, Index, WriterOptions};
use gossamer::model::{Embedder, Embeddings, Error, ModelId, Role};
use gossamer::search::keyword::Keywords;
use gossamer::store::Memory;
use gossamer::text::Chunker;
use half::f16;

pub const DIM: usize = 384;

/// Passages of an article are separated by this, which none contains.
const BORDER: &str = "\n\u{1}\n";

pub struct Question {
    pub text: String,
    /// The passage it was asked about.
    pub gold: usize,
}

pub struct Squad {
    pub embedder: Known,
    /// Title and text.
    pub passages: Vec<(String, String)>,
    pub questions: Vec<Question>,
}

/// Knows the vectors of the passages and questions by their text.
pub struct Known {
    pub id: ModelId,
    pub vectors: HashMap<String, Vec<f32>>,
}

impl Embedder for Known {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        DIM
    }

    async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        let rows = texts.iter().flat_map(|t| self.vectors[*t].iter());
        Ok(Embeddings {
            dim: DIM,
            values: rows.copied().collect(),
        })
    }
}

/// Cuts an article into its passages.
pub struct Passages;

impl Chunker for Passages {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        let passage = |passage: &str| {
            let start = at;
            at += passage.len() + BORDER.len();
            start..start + passage.len()
        };
        text.split(BORDER).map(passage).collect()
    }
}

impl Squad {
    pub fn load(folder: &Path) -> Self {
        let lines = |text: String| -> Vec<serde_json::Value> {
            text.lines()
                .map(|l| serde_json::from_str(l).unwrap())
                .collect()
        };
        let field =
            |value: &serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
        let passages: Vec<_> = lines(gunzip(folder.join("passages.jsonl.gz")))
            .iter()
            .map(|p| (field(p, "title"), field(p, "text")))
            .collect();
        let questions: Vec<_> =
            lines(std::fs::read_to_string(folder.join("queries.jsonl")).unwrap())
                .iter()
                .map(|q| Question {
                    text: field(q, "text").trim().to_owned(),
                    gold: q["gold"].as_u64().unwrap() as usize,
                })
                .collect();
        let rows = vectors(folder.join("passages.f16.npy"));
        let asked = vectors(folder.join("queries.f16.npy"));
        let texts = passages.iter().map(|p| &p.1).zip(rows.chunks_exact(DIM));
        let texts = texts.chain(
            questions
                .iter()
                .map(|q| &q.text)
                .zip(asked.chunks_exact(DIM)),
        );
        let mut vectors: HashMap<String, Vec<f32>> = texts
            .map(|(text, row)| (text.clone(), row.to_vec()))
            .collect();
        // A hybrid search embeds a question without its quotes.
        for question in &questions {
            let plain = Keywords::parse(&question.text).plain().to_owned();
            let vector = vectors[&question.text].clone();
            vectors.entry(plain).or_insert(vector);
        }
        let id = ModelId {
            name: "known".into(),
            sha256: [0; 32],
        };
        Self {
            embedder: Known { id, vectors },
            passages,
            questions,
        }
    }

    /// The number of the article of every passage.
    pub fn article_of(&self) -> Vec<usize> {
        let titles = self.passages.iter().map(|p| &p.0);
        let changes = titles
            .clone()
            .zip(titles.skip(1))
            .map(|(a, b)| usize::from(a != b));
        let mut article = 0;
        let others = changes.map(|change| {
            article += change;
            article
        });
        std::iter::once(0).chain(others).collect()
    }

    /// One document per article.
    pub fn articles(&self) -> Vec<Document> {
        let mut documents: Vec<Document> = Vec::new();
        for (title, text) in &self.passages {
            match documents.last_mut() {
                Some(document) if document.title == *title => {
                    document.text.push_str(BORDER);
                    document.text.push_str(text);
                }
                _ => documents.push(Document {
                    id: documents.len().to_string(),
                    title: title.clone(),
                    text: text.clone(),
                    metadata: String::new(),
                }),
            }
        }
        documents
    }

    /// How many of the hits are among some passages.
    pub fn count(&self, passages: &[usize], hits: &[Hit]) -> usize {
        let is_one = |hit: &&Hit| passages.iter().any(|i| self.passages[*i].1 == hit.text);
        hits.iter().filter(is_one).count()
    }

    /// An index of some of its text, committed and not compacted.
    pub async fn import(&self, documents: Vec<Document>) -> Index<Memory> {
        let config = Config {
            model: self.embedder.id.clone(),
            codec: Codec::bundled().unwrap(),
            keep_text: true,
        };
        let index = Index::create(Memory::new(), config).await.unwrap();
        let mut writer = index.writer(WriterOptions::default()).await.unwrap();
        for document in documents {
            let added = writer.add(&self.embedder, &Passages, document).await;
            added.unwrap();
        }
        writer.commit(&self.embedder).await.unwrap();
        drop(writer);
        index
    }

    /// The same in one segment, with a graph from so many chunks on.
    pub async fn index(&self, documents: Vec<Document>, graph_chunks: usize) -> Index<Memory> {
        let index = self.import(documents).await;
        compact(&index, graph_chunks).await;
        index
    }
}

/// Merges all segments, with a graph from so many chunks on.
pub async fn compact(index: &Index<Memory>, graph_chunks: usize) {
    let options = WriterOptions {
        graph_chunks,
        ..WriterOptions::default()
    };
    let mut writer = index.writer(options).await.unwrap();
    writer.compact().await.unwrap();
}

/// Exact scores of all passages.
pub struct Truth {
    /// A row per question.
    scores: Vec<Vec<f32>>,
}

impl Truth {
    pub fn of(squad: &Squad) -> Self {
        let vectors = &squad.embedder.vectors;
        let passages: Vec<&[f32]> = squad.passages.iter().map(|p| &vectors[&p.1][..]).collect();
        let row = |question: &Question| {
            let query = &vectors[&question.text];
            passages.iter().map(|passage| dot(query, passage)).collect()
        };
        Self {
            scores: squad.questions.iter().map(row).collect(),
        }
    }

    /// The best `k` of some passages.
    pub fn best(&self, question: usize, among: &[usize], k: usize) -> Vec<usize> {
        let scores = &self.scores[question];
        let mut best = among.to_vec();
        let order = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        if best.len() > k {
            best.select_nth_unstable_by(k, order);
            best.truncate(k);
        }
        best
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Where the data is: `squad/` in the folder that `GOSSAMER_DATA` names (default `../shared/data`), if it is there.
pub fn folder() -> Option<PathBuf> {
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
