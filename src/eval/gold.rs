//! Whether searches find the passage that a question was asked about: by words, by meaning, and by both.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::files::{Data, lines};
use super::{Error, Layout, Options};
use crate::codec::Codec;
use crate::index::{Config, Document, Index, Mode, SearchOptions, WriterOptions};
use crate::model::{self, Embedder, Embeddings, ModelId, Role};
use crate::search::keyword::Keywords;
use crate::store::Memory;
use crate::text::Chunker;

/// Hits looked at.
const HITS: usize = 10;
/// What stands between the passages of a document.
const BORDER: &str = "\n\u{1}\n";

/// Recall of the gold passage by mode, of an index of the texts as a writer makes it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Gold {
    /// Questions that have a gold passage.
    pub questions: usize,
    /// By words alone.
    pub keyword: Found,
    /// By meaning alone.
    pub semantic: Found,
    /// By both.
    pub hybrid: Found,
}

/// How often the gold passage is among the first hits, and what that costs.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Found {
    /// Share of the questions whose first hit it is.
    pub recall_at_1: f64,
    /// Whose first three have it.
    pub recall_at_3: f64,
    /// Whose first ten have it.
    pub recall_at_10: f64,
    /// Embeddings recomputed per question, for ten hits and with nothing kept in memory.
    pub recomputed_mean: f64,
    /// Rounds of them.
    pub rounds_mean: f64,
}

struct Question {
    text: String,
    gold: Option<usize>,
}

/// Knows the vectors of the texts.
struct Known {
    id: ModelId,
    dim: usize,
    vectors: HashMap<String, Vec<f32>>,
}

impl Embedder for Known {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, model::Error> {
        let none = vec![0.0; self.dim];
        let rows = texts
            .iter()
            .flat_map(|t| self.vectors.get(*t).unwrap_or(&none));
        Ok(Embeddings {
            dim: self.dim,
            values: rows.copied().collect(),
        })
    }
}

/// Cuts a document into its passages.
struct Passages;

impl Chunker for Passages {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        let passages = text.split(BORDER).map(|passage| {
            let start = at;
            at += passage.len() + BORDER.len();
            start..start + passage.len()
        });
        passages.filter(|range| !range.is_empty()).collect()
    }
}

/// Makes an index of the texts in memory and asks it all questions in every mode. `None` if no questions are given.
pub(super) fn gold(options: &Options, data: &Data) -> Result<Option<Gold>, Error> {
    let Some(path) = &options.questions else {
        return Ok(None);
    };
    let documents = options.documents.as_ref().filter(|_| {
        let adaptive = matches!(options.layout, Layout::Graph | Layout::Flat);
        adaptive && options.codec.is_none()
    });
    let Some(documents) = documents else {
        return Err(Error::Option(
            "--questions needs --documents with texts, layout graph or flat, and the bundled codec"
                .into(),
        ));
    };
    let mut passages = passages(documents)?;
    passages.truncate(data.len());
    let questions = questions(path)?;
    if questions.len() * data.dim != data.queries.len() {
        return Err(Error::Mismatch(format!(
            "{} questions for {} vectors",
            questions.len(),
            data.queries.len() / data.dim
        )));
    }
    if questions
        .iter()
        .any(|q| q.gold.is_some_and(|g| g >= passages.len()))
    {
        return Err(Error::Mismatch("a gold passage is not there".into()));
    }
    ready(judge(options, data, &passages, &questions)).map(Some)
}

async fn judge(
    options: &Options,
    data: &Data,
    passages: &[(String, String)],
    questions: &[Question],
) -> Result<Gold, Error> {
    let embedder = known(data, passages, questions);
    let config = Config {
        model: embedder.id.clone(),
        codec: Codec::bundled()?,
        keep_text: true,
    };
    let index = Index::create(Memory::new(), config).await?;
    index.set_memory(0);
    let mut writer = index.writer(WriterOptions::default()).await?;
    for (number, document) in passages.chunk_by(|a, b| a.0 == b.0).enumerate() {
        let texts: Vec<&str> = document.iter().map(|(_, text)| text.as_str()).collect();
        let document = Document {
            id: number.to_string(),
            title: document[0].0.clone(),
            text: texts.join(BORDER),
            metadata: String::new(),
        };
        writer.add(&embedder, &Passages, document).await?;
    }
    writer.commit(&embedder).await?;
    writer.compact().await?;
    let asked: Vec<(&Question, &str)> = questions
        .iter()
        .filter_map(|q| Some((q, passages[q.gold?].1.as_str())))
        .collect();
    let mode = async |mode: Mode| -> Result<Found, Error> {
        let options = SearchOptions {
            k: HITS,
            mode,
            recall: options.target_recall,
            ..SearchOptions::default()
        };
        let (mut within, mut recomputed, mut rounds) = ([0usize; 3], 0, 0);
        for (question, gold) in &asked {
            let found = index.search(&embedder, &question.text, &options).await?;
            let rank = found.hits.iter().position(|hit| hit.text == *gold);
            for (count, first) in within.iter_mut().zip([1, 3, HITS]) {
                *count += usize::from(rank.is_some_and(|rank| rank < first));
            }
            recomputed += found.stats.recomputed;
            rounds += found.stats.rounds;
        }
        let mean = |sum: usize| sum as f64 / asked.len().max(1) as f64;
        Ok(Found {
            recall_at_1: mean(within[0]),
            recall_at_3: mean(within[1]),
            recall_at_10: mean(within[2]),
            recomputed_mean: mean(recomputed),
            rounds_mean: mean(rounds),
        })
    };
    Ok(Gold {
        questions: asked.len(),
        keyword: mode(Mode::Keyword).await?,
        semantic: mode(Mode::Semantic).await?,
        hybrid: mode(Mode::Hybrid).await?,
    })
}

fn known(data: &Data, passages: &[(String, String)], questions: &[Question]) -> Known {
    let mut vectors = HashMap::new();
    let rows = data.vectors.chunks_exact(data.dim);
    for ((_, text), row) in passages.iter().zip(rows) {
        vectors.insert(text.clone(), row.to_vec());
    }
    for (question, row) in questions.iter().zip(data.queries.chunks_exact(data.dim)) {
        // A hybrid search embeds a question without its quotes.
        let plain = Keywords::parse(&question.text).plain().to_owned();
        vectors.entry(plain).or_insert_with(|| row.to_vec());
        vectors.insert(question.text.clone(), row.to_vec());
    }
    Known {
        id: ModelId {
            name: "vectors of files".into(),
            sha256: [0; 32],
        },
        dim: data.dim,
        vectors,
    }
}

/// Title and text of every passage.
fn passages(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let text = |value: &serde_json::Value, field: &str| value[field].as_str().map(str::to_owned);
    objects(path, |object| {
        let name = text(object, "title").or_else(|| text(object, "id"));
        Some((name.unwrap_or_default(), text(object, "text")?))
    })
}

fn questions(path: &Path) -> Result<Vec<Question>, Error> {
    objects(path, |object| {
        let gold = object["gold"].as_u64();
        Some(Question {
            text: object["text"].as_str()?.trim().to_owned(),
            gold: gold.and_then(|gold| usize::try_from(gold).ok()),
        })
    })
}

fn objects<T>(
    path: &Path,
    read: impl Fn(&serde_json::Value) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let one = |line: &str| serde_json::from_str(line).ok().and_then(|o| read(&o));
    let all: Option<Vec<T>> = lines(path)?.lines().map(one).collect();
    all.ok_or_else(|| Error::File {
        path: path.display().to_string(),
        why: "a JSON object with `text` is needed on every line".into(),
    })
}

/// What a future comes to. Nothing here waits for anything: the index is in memory, the vectors are known.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
    }
}
