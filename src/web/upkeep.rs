//! What an index needs now and then: sizes, checks, compaction. What takes long awaits `pause()` between two pages,
//! if it is given, and ends when that throws.

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::callback::call;
use super::error::{message, thrown};
use super::shapes::{BytesOut, FindingOut, ReportOut, StatsOut, plain};
use crate::index::{Error, Report, Stats, WriterOptions};

#[wasm_bindgen]
impl Engine {
    /// Sizes of the index. All zero where there is none.
    pub fn stats(&self) -> Result<JsValue, JsValue> {
        let Some(index) = self.found() else {
            return plain(&stats_out(&Stats::default(), None));
        };
        let snapshot = index.snapshot();
        plain(&stats_out(&snapshot.stats(), snapshot.recovered()))
    }

    /// Reads and checks every block.
    pub async fn verify(&self, pause: Option<Function>) -> Result<JsValue, JsValue> {
        let Some(index) = self.found() else {
            return plain(&report_out(Report::default()));
        };
        let snapshot = index.snapshot();
        let report = snapshot.verify_with(async || rest(pause.as_ref()).await);
        plain(&report_out(report.await.map_err(thrown)?))
    }

    /// The same, and drops the documents that damage concerns, so that they can be added again.
    pub async fn repair(&self, pause: Option<Function>) -> Result<JsValue, JsValue> {
        let index = self.index()?;
        let mut writer = index
            .writer(WriterOptions::default())
            .await
            .map_err(thrown)?;
        let report = writer.repair_with(async || rest(pause.as_ref()).await);
        plain(&report_out(report.await.map_err(thrown)?))
    }

    /// Merges all segments into one, and gives back the bytes of what was removed.
    pub async fn compact(&self, pause: Option<Function>) -> Result<(), JsValue> {
        let index = self.index()?;
        let mut writer = index
            .writer(WriterOptions::default())
            .await
            .map_err(thrown)?;
        let compacted = writer.compact_with(async || rest(pause.as_ref()).await);
        compacted.await.map_err(thrown)
    }
}

/// Lets others run.
async fn rest(pause: Option<&Function>) -> Result<(), Error> {
    let Some(pause) = pause else {
        return Ok(());
    };
    let rested = call(pause, &[]).await;
    rested
        .map(drop)
        .map_err(|why| Error::Stopped(message(&why)))
}

fn stats_out(stats: &Stats, recovered: Option<&str>) -> StatsOut {
    let bytes = &stats.bytes;
    StatsOut {
        generation: stats.generation,
        documents: stats.documents,
        chunks: stats.chunks,
        segments: stats.segments,
        removed_chunks: stats.removed_chunks,
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

fn report_out(report: Report) -> ReportOut {
    let damaged = report.damaged.into_iter().map(|finding| FindingOut {
        block: finding.block,
        part: finding.part,
        why: finding.why,
        documents: finding.documents,
        unnamed: finding.unnamed,
    });
    ReportOut {
        blocks: report.blocks,
        bytes: report.bytes,
        damaged: damaged.collect(),
        recovered: report.recovered,
    }
}
