//! Weights on their way into the engine.

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::encoder::Borrowed;
use super::error::thrown;
use crate::model::received::Received;
use crate::model::weights::hex;

/// A weights file that is given in parts, each of which can be let go of at once: its tensors are put where they stay.
#[wasm_bindgen]
pub struct Weights(pub(super) Received);

#[wasm_bindgen]
impl Weights {
    /// A file of so many bytes, of which none has arrived.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: f64) -> Weights {
        Self(Received::new(bytes as u64))
    }

    /// Takes the bytes that follow those taken before.
    pub fn push(&mut self, part: Uint8Array) -> Result<(), JsValue> {
        self.0.push(&Borrowed(part)).map_err(thrown)
    }

    /// SHA-256 of the file in hexadecimal, when it is whole.
    pub fn sha256(&self) -> Result<String, JsValue> {
        Ok(hex(&self.0.sha256().map_err(thrown)?))
    }
}
