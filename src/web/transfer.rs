//! Moving an index as one file, part by part in both directions.

use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::Engine;
use super::callback::call;
use super::error::{Misuse, message, thrown};
use crate::index::Index;
use crate::store;

/// Bytes of a file in memory that are copied at once.
const PART: u32 = 256 * 1024;

#[wasm_bindgen]
impl Engine {
    /// Writes the index as one file: calls `write(bytes)` for each part, in order, and reads the next when the
    /// promise that it returns resolves.
    pub async fn export(&self, write: Function) -> Result<(), JsValue> {
        let mut parts = self.index()?.snapshot().parts().map_err(thrown)?;
        while let Some(part) = parts.part().await.map_err(thrown)? {
            call(&write, &[Uint8Array::from(part.as_slice()).into()]).await?;
        }
        Ok(())
    }

    /// Fills the storage, which must be empty, from an export, and opens it; `options` as for `open`. `source`
    /// is a `Uint8Array`, or a function that returns (a promise of) the next one and `undefined` at the end.
    pub async fn import(
        name: String,
        options: JsValue,
        source: JsValue,
    ) -> Result<Engine, JsValue> {
        let engine = Self::unopened(&name, &options)?;
        let mut source = Source::of(source).map_err(thrown)?;
        let store = engine.make_store().await.map_err(thrown)?;
        let index = Index::import_from(store, async || source.next().await);
        engine.show(index.await.map_err(thrown)?);
        Ok(engine)
    }
}

/// An export that JavaScript gives.
enum Source {
    /// All of it, and how much of it was taken.
    Whole(Uint8Array, u32),
    /// Part by part.
    Parts(Function),
}

impl Source {
    fn of(given: JsValue) -> Result<Self, Misuse> {
        let wrong = |_| Misuse::Argument("neither bytes nor a function".into());
        match given.dyn_into::<Uint8Array>() {
            Ok(bytes) => Ok(Self::Whole(bytes, 0)),
            Err(given) => given.dyn_into().map(Self::Parts).map_err(wrong),
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, store::Error> {
        match self {
            Self::Whole(bytes, taken) => {
                let from = *taken;
                *taken = bytes.length().min(from + PART);
                let part = bytes.subarray(from, *taken);
                Ok((*taken > from).then(|| part.to_vec()))
            }
            Self::Parts(function) => {
                let failed = |why: String| store::Error::Io {
                    doing: "reading an export".into(),
                    why,
                };
                let part = call(function, &[]).await;
                let part = part.map_err(|why| failed(message(&why)))?;
                if part.is_undefined() {
                    return Ok(None);
                }
                match part.dyn_into::<Uint8Array>() {
                    Ok(bytes) => Ok(Some(bytes.to_vec())),
                    Err(_) => Err(failed("it is no Uint8Array".into())),
                }
            }
        }
    }
}
