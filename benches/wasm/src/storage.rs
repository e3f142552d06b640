//! Opening an exported index, and the text codec: `storage.mjs` times these calls.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use gossamer::index::{Archive, Index};
use gossamer::text::blocks::{PageBuilder, PageReader};
use wasm_bindgen::prelude::*;

use crate::failed;

/// A future that waits for nothing: a store in memory never does.
fn now<T>(future: impl Future<Output = T>) -> Result<T, JsError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(JsError::new("it waits")),
    }
}

/// An exported index in memory.
#[wasm_bindgen]
pub struct Export(Vec<u8>);

#[wasm_bindgen]
impl Export {
    /// Takes the bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Opens it as if it were stored: manifest, chunk table, codes. Returns its chunks.
    pub fn open(&self) -> Result<usize, JsError> {
        let opened = now(async { Index::open(Archive::open(self.0.as_slice()).await?).await })?;
        Ok(opened.map_err(failed)?.snapshot().chunks())
    }
}

/// A text in one page.
#[wasm_bindgen]
pub struct Pages(Vec<u8>);

#[wasm_bindgen]
impl Pages {
    /// Compresses it.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Self {
        let mut builder = PageBuilder::default();
        builder.push(text);
        Self(builder.finish().map_or(Vec::new(), |page| page.bytes))
    }

    /// Bytes stored.
    pub fn stored(&self) -> usize {
        self.0.len()
    }

    /// Inflates all of it; bytes of text.
    pub fn inflate(&self) -> Result<usize, JsError> {
        let page = PageReader::open(&self.0).map_err(failed)?;
        page.check().map_err(failed)?;
        Ok(page.text_bytes())
    }

    /// Inflates one piece; its bytes.
    pub fn piece(&self, number: usize) -> Result<usize, JsError> {
        let page = PageReader::open(&self.0).map_err(failed)?;
        Ok(page.inflate(number).map_err(failed)?.len())
    }
}
