//! What an index needs now and then: sizes, checks, compaction, export.

use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::error::{message, thrown};
use super::shapes::{BytesOut, FindingOut, ReportOut, StatsOut, plain};
use crate::index::{Report, Stats, WriterOptions};
use crate::store;

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
    pub async fn verify(&self) -> Result<JsValue, JsValue> {
        let Some(index) = self.found() else {
            return plain(&report_out(Report::default()));
        };
        let report = index.snapshot().verify().await.map_err(thrown)?;
        plain(&report_out(report))
    }

    /// The same, and drops the documents that damage concerns, so that they can be added again.
    pub async fn repair(&self) -> Result<JsValue, JsValue> {
        let index = self.index()?;
        let mut writer = index
            .writer(WriterOptions::default())
            .await
            .map_err(thrown)?;
        plain(&report_out(writer.repair().await.map_err(thrown)?))
    }

    /// Merges all segments into one, and gives back the bytes of what was removed.
    pub async fn compact(&self) -> Result<(), JsValue> {
        let index = self.index()?;
        let mut writer = index
            .writer(WriterOptions::default())
            .await
            .map_err(thrown)?;
        writer.compact().await.map_err(thrown)
    }

    /// Writes the index as one file: calls `write(bytes)` for each part, in order.
    pub async fn export(&self, write: Function) -> Result<(), JsValue> {
        let part = |bytes: &[u8]| {
            let bytes = Uint8Array::from(bytes);
            let written = write.call1(&JsValue::UNDEFINED, &bytes);
            written.map(drop).map_err(|why| store::Error::Io {
                doing: "writing an export".into(),
                why: message(&why),
            })
        };
        let snapshot = self.index()?.snapshot();
        snapshot.export(part).await.map_err(thrown)
    }
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
