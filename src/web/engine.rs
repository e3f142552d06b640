//! The engine: one index in IndexedDB and one encoder.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Float32Array, Function, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::error::{Misuse, thrown};
use super::headings;
use super::reporting::{Counting, Progress, Reporting};
use super::shapes::{
    AddedOut, BytesOut, DocumentIn, DocumentOut, Found, HitOut, InfoOut, StatsOut, plain, read,
};
use crate::codec::Codec;
use crate::index::{
    Added, Config, Document, Error, Hit, Index, SearchOptions, Snapshot, Stats, WriterOptions,
};
use crate::model::device::Choice;
use crate::model::tokenizer::Overflow;
use crate::model::{Embedder, Encoder, ModelFiles};
use crate::store::IndexedDb;
use crate::text::{TokenChunker, utf16_len};

/// Passages per slice on the CPU: a slice should not keep a search waiting for more than about a second.
const CPU_SLICE: usize = 8;
/// Passages per slice on a GPU, which wants many at once.
const GPU_SLICE: usize = 64;

/// An index in the browser and the model that fills and searches it.
#[wasm_bindgen]
pub struct Engine {
    name: String,
    index: RefCell<Option<Index<IndexedDb>>>,
    encoder: RefCell<Option<Rc<Encoder>>>,
    embedded_passages: Cell<usize>,
    embedded_to_add: Cell<usize>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens what is stored under `name`. Nothing is made before `load`.
    pub async fn open(name: String) -> Result<Engine, JsValue> {
        let index = match IndexedDb::find(&name).await.map_err(thrown)? {
            Some(store) => match Index::open(store).await {
                Ok(index) => Some(index),
                Err(Error::NoIndex) => None,
                Err(error) => return Err(thrown(error)),
            },
            None => None,
        };
        Ok(Engine {
            name,
            index: RefCell::new(index),
            encoder: RefCell::new(None),
            embedded_passages: Cell::new(0),
            embedded_to_add: Cell::new(0),
        })
    }

    /// Deletes what is stored under `name`; absent is fine.
    pub async fn destroy(name: String) -> Result<(), JsValue> {
        IndexedDb::destroy(&name).await.map_err(thrown)
    }

    /// Whether there is an index, be it empty.
    #[wasm_bindgen(getter)]
    pub fn exists(&self) -> bool {
        self.index.borrow().is_some()
    }

    /// Loads the model, tests its device, and makes the index if there is none. `model` has `name` and, as
    /// `Uint8Array`s, `config`, `tokenizer`, `weights`, optionally `sentence` and `codec`; `backend` is
    /// `"auto"`, `"cpu"` or `"gpu"`. Resolves with the same as `info()`.
    pub async fn load(&self, model: JsValue, backend: String) -> Result<JsValue, JsValue> {
        let choice = match backend.as_str() {
            "auto" => Choice::Auto,
            "cpu" => Choice::Cpu,
            "gpu" => Choice::Gpu,
            other => return Err(thrown(Misuse::Argument(format!("backend {other:?}")))),
        };
        let name = field(&model, "name")?.as_string().unwrap_or_default();
        let (config, tokenizer) = (bytes(&model, "config")?, bytes(&model, "tokenizer")?);
        let (sentence, codec) = (optional(&model, "sentence")?, optional(&model, "codec")?);
        let weights = bytes(&model, "weights")?;
        let files = ModelFiles {
            name: &name,
            config: &config,
            tokenizer: &tokenizer,
            sentence: sentence.as_deref(),
            weights: &weights,
        };
        let encoder = Encoder::open(files, choice).await.map_err(thrown)?;
        drop(weights);
        self.attach(&encoder, codec.as_deref())
            .await
            .map_err(thrown)?;
        self.encoder.replace(Some(Rc::new(encoder)));
        self.info()
    }

    /// What runs, and how far it can be trusted.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let encoder = self.encoder()?;
        plain(&InfoOut {
            version: env!("CARGO_PKG_VERSION"),
            backend: encoder.info(),
            self_test: encoder.self_test(),
            rejected: encoder.rejected(),
            model: &encoder.id().name,
            embedded_passages: self.embedded_passages.get(),
            embedded_to_add: self.embedded_to_add.get(),
        })
    }

    /// Adds documents (`{ id, title, text, metadata }`, the last a string) and commits them together; one of a
    /// known id is replaced. `progress(done, total)` counts passages; a promise it returns is awaited.
    pub async fn add(
        &self,
        documents: JsValue,
        progress: Option<Function>,
    ) -> Result<JsValue, JsValue> {
        let documents: Vec<DocumentIn> = read("documents", documents)?;
        let (index, encoder) = (self.index()?, self.encoder()?);
        let progress = Progress::new(progress.as_ref());
        let added = add(&index, &encoder, documents, &progress).await;
        let (passages, to_add) = (&self.embedded_passages, &self.embedded_to_add);
        passages.set(passages.get() + progress.done());
        to_add.set(to_add.get() + progress.done());
        plain(&added.map_err(thrown)?)
    }

    /// Removes documents and commits. Resolves with how many there were.
    pub async fn remove(&self, ids: JsValue) -> Result<usize, JsValue> {
        let ids: Vec<String> = read("ids", ids)?;
        let (index, encoder) = (self.index()?, self.encoder()?);
        remove(&index, &encoder, &ids).await.map_err(thrown)
    }

    /// Finds the `k` passages nearest in meaning to `question`.
    pub async fn search(&self, question: String, k: usize) -> Result<JsValue, JsValue> {
        let started = js_sys::Date::now();
        let (index, encoder) = (self.index()?, self.encoder()?);
        let options = SearchOptions {
            k,
            ..SearchOptions::default()
        };
        let result = index
            .search(&*encoder, &question, &options)
            .await
            .map_err(thrown)?;
        let passages = &self.embedded_passages;
        passages.set(passages.get() + result.stats.recomputed);
        let snapshot = index.snapshot();
        let mut hits = Vec::with_capacity(result.hits.len());
        for hit in result.hits {
            hits.push(place(&snapshot, hit).await.map_err(thrown)?);
        }
        plain(&Found {
            hits,
            recomputed: result.stats.recomputed,
            rounds: result.stats.rounds,
            codes_read: result.stats.codes_read,
            damaged: result.stats.damaged,
            ms: js_sys::Date::now() - started,
        })
    }

    /// Sizes of the index. All zero where there is none.
    pub fn stats(&self) -> Result<JsValue, JsValue> {
        let Some(index) = self.index.borrow().clone() else {
            return plain(&stats_out(&Stats::default(), None));
        };
        let snapshot = index.snapshot();
        plain(&stats_out(&snapshot.stats(), snapshot.recovered()))
    }

    /// The documents: `{ id, title, metadata, chunks, textBytes }`.
    pub async fn documents(&self) -> Result<JsValue, JsValue> {
        let Some(index) = self.index.borrow().clone() else {
            return plain(&Vec::<DocumentOut>::new());
        };
        let listed = index.snapshot().list().await.map_err(thrown)?;
        let documents = listed.into_iter().map(|d| DocumentOut {
            id: d.id,
            title: d.title,
            metadata: d.metadata,
            chunks: d.chunks,
            text_bytes: d.text_bytes,
        });
        plain(&documents.collect::<Vec<_>>())
    }

    /// The text of a document, or `undefined` if it is not there.
    pub async fn text(&self, id: String) -> Result<Option<String>, JsValue> {
        let index = self.index()?;
        let found = index.snapshot().document(&id).await.map_err(thrown)?;
        Ok(found.map(|document| document.text))
    }

    /// Embeds texts as the reference implementation does, what exceeds the model's limit cut off. For tests and
    /// comparisons: one row after the other.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Float32Array, JsValue> {
        let encoder = self.encoder()?;
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let tokens = encoder
            .tokenizer()
            .encode(&texts, Overflow::Truncate)
            .map_err(thrown)?;
        let embeddings = encoder.embed_tokens(&tokens).await.map_err(thrown)?;
        Ok(Float32Array::from(&embeddings.values[..]))
    }

    /// Lets go of the index and the model.
    pub fn close(&self) {
        self.index.replace(None);
        self.encoder.replace(None);
    }
}

impl Engine {
    fn index(&self) -> Result<Index<IndexedDb>, JsValue> {
        let index = self.index.borrow().clone();
        index.ok_or_else(|| thrown(Misuse::NotLoaded))
    }

    fn encoder(&self) -> Result<Rc<Encoder>, JsValue> {
        let encoder = self.encoder.borrow().clone();
        encoder.ok_or_else(|| thrown(Misuse::NotLoaded))
    }

    /// Makes sure there is an index for this model.
    async fn attach(&self, encoder: &Encoder, codec: Option<&[u8]>) -> Result<(), Error> {
        let known = self.index.borrow().as_ref().map(Index::model);
        match known {
            Some(model) if model == *encoder.id() => Ok(()),
            Some(model) => Err(Error::OtherModel {
                index: Box::new(model),
                given: Box::new(encoder.id().clone()),
            }),
            None => {
                let codec = match codec {
                    Some(bytes) => Codec::from_bytes(bytes)?,
                    None => Codec::bundled()?,
                };
                let config = Config {
                    model: encoder.id().clone(),
                    codec,
                    keep_text: true,
                };
                let store = IndexedDb::open(&self.name).await?;
                self.index
                    .replace(Some(Index::create(store, config).await?));
                Ok(())
            }
        }
    }
}

async fn add(
    index: &Index<IndexedDb>,
    encoder: &Encoder,
    documents: Vec<DocumentIn>,
    progress: &Progress<'_>,
) -> Result<Vec<AddedOut>, Error> {
    let mut writer = index.writer(WriterOptions::default()).await?;
    let slice = if encoder.info().kind == "gpu" {
        GPU_SLICE
    } else {
        CPU_SLICE
    };
    let embedder = Reporting {
        inner: encoder,
        slice,
        progress,
    };
    let tokenizer = encoder.tokenizer();
    let chunker = TokenChunker::new(tokenizer, tokenizer.max_text_tokens());
    let chunker = Counting {
        inner: &chunker,
        progress,
    };
    let mut added = Vec::with_capacity(documents.len());
    for document in documents {
        let before = progress.total();
        let id = document.id.clone();
        let document = Document {
            id: document.id,
            title: document.title,
            text: document.text,
            metadata: document.metadata,
        };
        let outcome = match writer.add(&embedder, &chunker, document).await? {
            Added::New => "new",
            Added::Replaced => "replaced",
            Added::Unchanged => "unchanged",
        };
        added.push(AddedOut {
            id,
            outcome,
            chunks: progress.total() - before,
        });
    }
    writer.commit(&embedder).await?;
    Ok(added)
}

async fn remove(
    index: &Index<IndexedDb>,
    encoder: &Encoder,
    ids: &[String],
) -> Result<usize, Error> {
    let mut writer = index.writer(WriterOptions::default()).await?;
    let removed = ids.iter().filter(|id| writer.remove(id)).count();
    writer.commit(encoder).await?;
    Ok(removed)
}

/// A hit with the headings it is under. Reads the document.
async fn place(snapshot: &Snapshot<IndexedDb>, hit: Hit) -> Result<HitOut, Error> {
    let document = snapshot.document(&hit.document).await?;
    let text = document.map(|d| d.text).unwrap_or_default();
    Ok(HitOut {
        heading: headings::path(&text, hit.bytes.start).join(" › "),
        document_length: utf16_len(&text),
        id: hit.document,
        title: hit.title,
        metadata: hit.metadata,
        start: hit.utf16.start,
        end: hit.utf16.end,
        text: hit.text,
        score: hit.score,
    })
}

fn stats_out(stats: &Stats, recovered: Option<&str>) -> StatsOut {
    let bytes = &stats.bytes;
    StatsOut {
        generation: stats.generation,
        documents: stats.documents,
        chunks: stats.chunks,
        segments: stats.segments,
        text_bytes: stats.text_bytes,
        bytes: BytesOut {
            codes: bytes.codes,
            graph: bytes.graph,
            chunks: bytes.chunks,
            documents: bytes.documents,
            manifest: bytes.manifest,
            codebooks: bytes.codebooks,
            total: bytes.index(),
            text: bytes.text,
        },
        recovered: recovered.map(str::to_owned),
    }
}

fn field(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(object, &name.into())
}

fn optional(object: &JsValue, name: &str) -> Result<Option<Vec<u8>>, JsValue> {
    Ok(field(object, name)?
        .dyn_into::<Uint8Array>()
        .ok()
        .map(|a| a.to_vec()))
}

fn bytes(object: &JsValue, name: &str) -> Result<Vec<u8>, JsValue> {
    optional(object, name)?.ok_or_else(|| {
        thrown(Misuse::Argument(format!(
            "model.{name} is not a Uint8Array"
        )))
    })
}
