//! Reading the fields of objects that hold more than plain data.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// A field; `undefined` where there is none.
pub(super) fn field(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    if !object.is_object() {
        return Ok(JsValue::UNDEFINED);
    }
    Reflect::get(object, &name.into())
}
