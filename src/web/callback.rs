//! Calling the application's functions, and waiting for what they promise.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// What `function` returns, or what the promise that it returns resolves with.
pub(super) async fn call(function: &Function, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let arguments: Array = arguments.iter().collect();
    match function
        .apply(&JsValue::UNDEFINED, &arguments)?
        .dyn_into::<Promise>()
    {
        Ok(promise) => JsFuture::from(promise).await,
        Err(answer) => Ok(answer),
    }
}
