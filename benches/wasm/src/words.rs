//! Keyword search over compressed text.

use std::ops::Range;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use gossamer::codec::Codec;
use gossamer::index::{Config, Document, Index, SearchOptions, WriterOptions};
use gossamer::model::{Embedder, Embeddings, Error, ModelId, Role};
use gossamer::search::keyword::{Builder, Keywords, Postings, rank};
use gossamer::store::Memory;
use gossamer::text::Chunker;
use gossamer::text::blocks::{PageBuilder, PageReader};
use wasm_bindgen::prelude::*;

use super::{DIM, failed};

/// Text in one compressed page, and its words once they are counted.
#[wasm_bindgen]
pub struct Words {
    page: Vec<u8>,
    text_bytes: usize,
    postings: Option<Postings>,
}

/// What stands between passages.
const BORDER: char = '\n';

#[wasm_bindgen]
impl Words {
    /// Compresses passages that are separated by line breaks.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Words, JsError> {
        let mut builder = PageBuilder::default();
        builder.push(text);
        let page = builder.finish().ok_or_else(|| failed("there is no text"))?;
        Ok(Self {
            page: page.bytes,
            text_bytes: text.len(),
            postings: None,
        })
    }

    /// Inflates all of it; bytes.
    pub fn inflate(&self) -> Result<usize, JsError> {
        self.text().map(|text| text.len())
    }

    fn text(&self) -> Result<String, JsError> {
        let reader = PageReader::open(&self.page).map_err(failed)?;
        let mut text = String::with_capacity(self.text_bytes);
        for (piece, _) in reader.locate(0..self.text_bytes) {
            text.push_str(&reader.inflate(piece).map_err(failed)?);
        }
        Ok(text)
    }

    fn count(&self, mut builder: Builder) -> Result<Postings, JsError> {
        let text = self.text()?;
        text.split(BORDER)
            .for_each(|passage| builder.push("", passage));
        Ok(builder.finish())
    }

    /// Answers by a scan that keeps nothing; the best score.
    pub fn scan(&self, question: &str) -> Result<f32, JsError> {
        let keywords = Keywords::parse(question);
        let postings = self.count(Builder::only(&keywords))?;
        Ok(best(&keywords, &postings))
    }

    /// Counts all words; bytes of memory that takes.
    pub fn remember(&mut self) -> Result<usize, JsError> {
        let postings = self.count(Builder::new())?;
        let bytes = postings.bytes();
        self.postings = Some(postings);
        Ok(bytes)
    }

    /// Answers from the words counted; the best score.
    pub fn ask(&self, question: &str) -> Result<f32, JsError> {
        let postings = self
            .postings
            .as_ref()
            .ok_or_else(|| failed("remember first"))?;
        Ok(best(&Keywords::parse(question), postings))
    }
}

/// An index of passages, each a chunk of one document, as an application has it.
#[wasm_bindgen]
pub struct Indexed {
    index: Index<Memory>,
}

#[wasm_bindgen]
impl Indexed {
    /// Takes in passages that are separated by line breaks.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Indexed, JsError> {
        ready(async {
            let config = Config {
                model: Alike.id().clone(),
                codec: Codec::bundled().map_err(failed)?,
                keep_text: true,
            };
            let index = Index::create(Memory::new(), config).await.map_err(failed)?;
            let options = WriterOptions {
                graph_chunks: usize::MAX,
                ..WriterOptions::default()
            };
            let mut writer = index.writer(options).await.map_err(failed)?;
            let passages: Vec<&str> = text.split(BORDER).collect();
            for (id, passages) in passages.chunks(50).enumerate() {
                let document = Document {
                    id: id.to_string(),
                    title: String::new(),
                    text: passages.join("\n"),
                    metadata: String::new(),
                };
                writer.add(&Alike, &Lines, document).await.map_err(failed)?;
            }
            writer.commit(&Alike).await.map_err(failed)?;
            writer.compact().await.map_err(failed)?;
            Ok(Self { index })
        })
    }

    /// Forgets the words counted.
    pub fn forget(&mut self) -> Result<(), JsError> {
        self.index = ready(Index::open(self.index.store().other())).map_err(failed)?;
        Ok(())
    }

    /// Counts the words of all text ahead; bytes read for it.
    pub fn prepare(&self) -> Result<f64, JsError> {
        let read = ready(self.index.snapshot().count_words(async || true));
        Ok(read.map_err(failed)? as f64)
    }

    /// Answers by words; bytes of text read for it.
    pub fn ask(&self, question: &str) -> Result<f64, JsError> {
        let options = SearchOptions::default();
        let found = ready(self.index.snapshot().search_words(question, &options));
        Ok(found.map_err(failed)?.stats.text_read as f64)
    }
}

/// Takes all texts for alike: searches by words have no use for vectors.
struct Alike;

impl Embedder for Alike {
    fn id(&self) -> &ModelId {
        static ID: LazyLock<ModelId> = LazyLock::new(|| ModelId {
            name: "alike".into(),
            sha256: [0; 32],
        });
        &ID
    }

    fn dim(&self) -> usize {
        DIM
    }

    async fn embed(&self, _: Role, texts: &[&str]) -> Result<Embeddings, Error> {
        Ok(Embeddings {
            dim: DIM,
            values: vec![(DIM as f32).sqrt().recip(); DIM * texts.len()],
        })
    }
}

/// A chunk per line.
struct Lines;

impl Chunker for Lines {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        let lines = text.split('\n').map(|line| {
            let start = at;
            at += line.len() + 1;
            start..start + line.len()
        });
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// What a future comes to that waits for nothing.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
    }
}

fn best(keywords: &Keywords, postings: &Postings) -> f32 {
    let ranking = rank(keywords, &[postings]);
    ranking.scores.into_iter().flatten().fold(0.0, f32::max)
}
