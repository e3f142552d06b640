//! Codes, graph and walk in WebAssembly: `bench.mjs` times these calls.
#![forbid(unsafe_code)]

mod storage;
mod words;

use std::ops::ControlFlow;

use gossamer::codec::{Codec, Coder, Codes};
use gossamer::graph::{CodeSpace, Ending, Graph, Params, Scratch, build};
use wasm_bindgen::prelude::*;

const DIM: usize = 384;

pub(crate) fn failed(error: impl std::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let halves = bytes.chunks_exact(2);
    halves
        .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
        .collect()
}

/// The module's memory.
#[wasm_bindgen]
pub fn heap() -> JsValue {
    wasm_bindgen::memory()
}

/// Chunks as codes, with a graph once it is built.
#[wasm_bindgen]
pub struct Bench {
    coder: Coder,
    codes: Codes,
    graph: Option<Graph>,
    scratch: Scratch,
    scores: Vec<f32>,
}

#[wasm_bindgen]
impl Bench {
    /// Fits a frame to vectors in f16.
    #[wasm_bindgen(constructor)]
    pub fn new(sample: &[u8]) -> Result<Bench, JsError> {
        let codec = Codec::bundled().map_err(failed)?;
        let frame = codec
            .fit(&floats(sample), Codec::CODE_BYTES)
            .map_err(failed)?;
        let coder = codec.coder(&frame).map_err(failed)?;
        let codes = coder.codes();
        Ok(Self {
            coder,
            codes,
            graph: None,
            scratch: Scratch::default(),
            scores: Vec::new(),
        })
    }

    /// Codes one document's vectors.
    pub fn encode(&mut self, vectors: &[u8]) -> Result<(), JsError> {
        self.coder
            .encode(&floats(vectors), &mut self.codes)
            .map(|_| ())
            .map_err(failed)
    }

    /// Builds the graph; bytes of it when stored.
    pub fn build(&mut self) -> Result<usize, JsError> {
        let space = CodeSpace::new(&self.coder, &self.codes);
        let draft =
            build(&space, &Params::default(), |_, _| ControlFlow::Continue(())).map_err(failed)?;
        let graph = draft.freeze();
        let bytes = graph.to_bytes().len();
        self.graph = Some(graph);
        Ok(bytes)
    }

    /// Scores every code; the best one.
    pub fn scan(&mut self, query: &[u8]) -> Result<f32, JsError> {
        let scorer = self.coder.scorer(&floats(query)[..DIM]).map_err(failed)?;
        scorer.score_all(&self.codes, &mut self.scores);
        Ok(self.scores.iter().copied().fold(f32::MIN, f32::max))
    }

    /// Walks the graph; codes read.
    pub fn walk(&mut self, query: &[u8]) -> Result<usize, JsError> {
        let graph = self.graph.as_ref().ok_or_else(|| failed("build first"))?;
        let scorer = self.coder.scorer(&floats(query)[..DIM]).map_err(failed)?;
        let ending = Ending::for_codes(3, 512, self.coder.prior().spread, 0.95);
        let score = |id| scorer.score(&self.codes, id);
        graph.walk(score, |_| true, ending, &mut self.scratch);
        Ok(self.scratch.codes_read())
    }
}
