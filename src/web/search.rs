//! The engine's searches: options in and hits out as plain objects, stages through a callback.

use std::ops::Range;
use std::sync::Arc;

use js_sys::{Function, JSON};
use serde::Serialize;
use serde_json::{Map, Value};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::Engine;
use super::callback::call;
use super::error::{Misuse, thrown};
use super::headings;
use super::shapes::plain;
use super::storage::Storage;
use crate::index::{
    Error, Hit, LeftOut, Mode, SearchOptions, SearchResult, SearchStats, Snapshot, Stage,
};
use crate::search::Clock;
use crate::text::utf16_len;

#[wasm_bindgen]
impl Engine {
    /// Finds the passages that answer `question`. `options` may have `k`, `recall`, `mode` (`"hybrid"`,
    /// `"semantic"`, `"keyword"`), `filter`, `groupBy` (`"chunk"`, `"document"`), `minScore`, `offset`,
    /// `deadlineMs`, `limit` and `batch`. Keyword searches work before `load`.
    pub async fn search(&self, question: String, options: JsValue) -> Result<JsValue, JsValue> {
        let started = now();
        let options = read_options(&options)?;
        let (snapshot, texts) = (self.shown()?, self.texts());
        let result = if options.mode == Mode::Keyword {
            snapshot.search_words_with(texts, &question, &options).await
        } else {
            let model = self.model()?;
            snapshot
                .search_with(&*model, texts, &question, &options)
                .await
        };
        self.answer(&snapshot, result.map_err(thrown)?, started)
            .await
    }

    /// The same; `onStage({ stage, hits, ms })` is called as more becomes known: with `"keyword"` hits by words,
    /// `"codes"` hits by estimates, both before any passage is embedded, and with the `"exact"` ones.
    #[wasm_bindgen(js_name = searchStream)]
    pub async fn search_stream(
        &self,
        question: String,
        options: JsValue,
        #[wasm_bindgen(js_name = onStage)] on_stage: Function,
    ) -> Result<JsValue, JsValue> {
        let started = now();
        let options = read_options(&options)?;
        let (snapshot, model) = (self.shown()?, self.model()?);
        let report = |stage: Stage| {
            let out = StageOut {
                stage: stage.name.as_str(),
                hits: stage.hits.into_iter().map(HitOut::from).collect(),
                ms: now() - started,
            };
            if let Ok(out) = plain(&out) {
                // What a callback throws is its own affair.
                let _ = on_stage.call1(&JsValue::UNDEFINED, &out);
            }
        };
        let result = snapshot
            .search_stream_with(&*model, self.texts(), &question, &options, report)
            .await
            .map_err(thrown)?;
        self.answer(&snapshot, result, started).await
    }

    /// Finds what is near in meaning to a document, or to one chunk of it, in other documents.
    pub async fn similar(
        &self,
        document: String,
        chunk: Option<usize>,
        options: JsValue,
    ) -> Result<JsValue, JsValue> {
        let started = now();
        let options = read_options(&options)?;
        let (snapshot, model) = (self.shown()?, self.model()?);
        let result = snapshot
            .similar_with(&*model, self.texts(), &document, chunk, &options)
            .await
            .map_err(thrown)?;
        self.answer(&snapshot, result, started).await
    }

    /// Counts the words of the text before any is asked for. `pause` is called, and awaited, every few milliseconds of
    /// work; once it resolves with `false` or throws, no more is counted.
    #[wasm_bindgen(js_name = countWords)]
    pub async fn count_words(&self, pause: Function) -> Result<(), JsValue> {
        let go_on = async || {
            let answer = call(&pause, &[]).await;
            answer.is_ok_and(|answer| answer.as_bool() != Some(false))
        };
        let counted = self.index()?.snapshot().count_words(go_on).await;
        counted.map(drop).map_err(thrown)
    }
}

impl Engine {
    /// What is searched: the newest generation, which can tell the time.
    fn shown(&self) -> Result<Snapshot<Storage>, JsValue> {
        let index = self.index()?;
        index.set_clock(clock());
        Ok(index.snapshot())
    }

    async fn answer(
        &self,
        snapshot: &Snapshot<Storage>,
        result: SearchResult,
        started: f64,
    ) -> Result<JsValue, JsValue> {
        let passages = &self.embedded_passages;
        passages.set(passages.get() + result.stats.recomputed);
        let mut hits = Vec::with_capacity(result.hits.len());
        for hit in result.hits {
            hits.push(place(snapshot, hit).await.map_err(thrown)?);
        }
        plain(&Found {
            hits,
            eligible: result.eligible,
            shortfall: result.shortfall,
            left_out: result.left_out.into(),
            stats: result.stats.into(),
            ms: now() - started,
        })
    }
}

/// The options from a plain object; `undefined` and `null` mean the usual ones.
fn read_options(options: &JsValue) -> Result<SearchOptions, JsValue> {
    if options.is_undefined() || options.is_null() {
        return Ok(SearchOptions::default());
    }
    let misuse = |why: &str| thrown(Misuse::Argument(format!("options: {why}")));
    if !options.is_object() || options.is_instance_of::<Function>() {
        return Err(misuse("an object is needed"));
    }
    let json = JSON::stringify(options).map_err(|_| misuse("they cannot be written as JSON"))?;
    let value: Value =
        serde_json::from_str(&String::from(json)).map_err(|e| misuse(&e.to_string()))?;
    SearchOptions::from_json(&value).map_err(thrown)
}

/// A hit with the headings it is under. Reads the document.
async fn place(snapshot: &Snapshot<Storage>, hit: Hit) -> Result<HitOut, Error> {
    let document = snapshot.document(&hit.document).await?;
    let text = document.map(|d| d.text).unwrap_or_default();
    Ok(HitOut {
        heading: headings::path(&text, hit.bytes.start).join(" › "),
        document_length: Some(utf16_len(&text)),
        ..HitOut::from(hit)
    })
}

/// A passage that answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HitOut {
    /// Id of its document.
    document: String,
    title: String,
    /// A JSON object; empty if the document has no other.
    metadata: Map<String, Value>,
    chunk: usize,
    /// Headings above the passage, outermost first, joined by ` › `; empty without any.
    heading: String,
    /// First and one past the last, in the document's text: in bytes of UTF-8 and in UTF-16 units.
    bytes: [usize; 2],
    utf16: [usize; 2],
    /// Length of the document's text in UTF-16 units; not in stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    document_length: Option<usize>,
    text: String,
    score: f32,
    why: WhyOut,
    /// What to show of `text`, in UTF-16 units.
    marks: Vec<[usize; 2]>,
}

#[derive(Debug, Serialize)]
struct WhyOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    semantic: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword: Option<f32>,
    estimated: bool,
}

impl From<Hit> for HitOut {
    fn from(hit: Hit) -> Self {
        let pair = |range: &Range<usize>| [range.start, range.end];
        Self {
            metadata: serde_json::from_str(&hit.metadata).unwrap_or_default(),
            document: hit.document,
            title: hit.title,
            chunk: hit.chunk,
            heading: String::new(),
            bytes: pair(&hit.bytes),
            utf16: pair(&hit.utf16),
            document_length: None,
            text: hit.text,
            score: hit.score,
            why: WhyOut {
                semantic: hit.why.semantic,
                keyword: hit.why.keyword,
                estimated: hit.why.estimated,
            },
            marks: hit.marks.iter().map(pair).collect(),
        }
    }
}

/// An intermediate answer.
#[derive(Debug, Serialize)]
struct StageOut {
    /// `keyword`, `codes` or `exact`.
    stage: &'static str,
    hits: Vec<HitOut>,
    ms: f64,
}

/// The answers to a question and what they cost.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    hits: Vec<HitOut>,
    /// Chunks that could be found at all.
    eligible: usize,
    /// Hits fewer than asked for.
    shortfall: usize,
    left_out: LeftOutOut,
    #[serde(flatten)]
    stats: StatsOut,
    ms: f64,
}

#[derive(Debug, Serialize)]
struct LeftOutOut {
    passages: usize,
    text: u64,
    question: bool,
}

impl From<LeftOut> for LeftOutOut {
    fn from(left_out: LeftOut) -> Self {
        Self {
            passages: left_out.passages,
            text: left_out.text,
            question: left_out.question,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatsOut {
    recomputed: usize,
    rounds: usize,
    remembered: usize,
    codes_read: usize,
    text_read: u64,
    damaged: usize,
}

impl From<SearchStats> for StatsOut {
    fn from(stats: SearchStats) -> Self {
        Self {
            recomputed: stats.recomputed,
            rounds: stats.rounds,
            remembered: stats.remembered,
            codes_read: stats.codes_read,
            text_read: stats.text_read,
            damaged: stats.damaged,
        }
    }
}

/// The browser's clock, for deadlines.
fn clock() -> Arc<dyn Clock> {
    #[derive(Debug)]
    struct Browser;
    impl Clock for Browser {
        fn now_ms(&self) -> f64 {
            now()
        }
    }
    Arc::new(Browser)
}

/// Milliseconds since the worker began where there is such a clock, otherwise since 1970.
pub(super) fn now() -> f64 {
    js_sys::global()
        .dyn_into::<web_sys::WorkerGlobalScope>()
        .ok()
        .and_then(|scope| scope.performance())
        .map_or_else(js_sys::Date::now, |performance| performance.now())
}
