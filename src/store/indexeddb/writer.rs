//! The writer's role among tabs, by the Web Locks API: given back by the browser when a tab dies.

use std::cell::RefCell;

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::request::Failure;

/// The role of the only writer, held or not.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Resolves the promise that holds the lock.
    release: RefCell<Option<Function>>,
}

impl Writer {
    /// Takes the role, or fails with [`Failure::Blocked`] if another tab has it. Without Web Locks (an origin
    /// that is not secure) there is nobody to ask; the generations still keep two writers from mixing.
    pub(super) async fn take(&self, name: &str) -> Result<(), Failure> {
        if self.release.borrow().is_some() {
            return Ok(());
        }
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
        let locks = Reflect::get(&navigator, &"locks".into())?;
        let Ok(request) = Reflect::get(&locks, &"request".into()).and_then(JsCast::dyn_into) else {
            return Ok(());
        };
        let granted = JsFuture::from(ask(&locks, &request, name)?).await?;
        match granted.dyn_into::<Function>() {
            Ok(release) => {
                self.release.replace(Some(release));
                Ok(())
            }
            Err(_) => Err(Failure::Blocked),
        }
    }

    /// Gives the role back.
    pub(super) fn give_back(&self) {
        if let Some(release) = self.release.borrow_mut().take() {
            // Resolving a promise does not fail.
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Asks for the lock without waiting. The promise brings the function that gives it back, or null.
fn ask(locks: &JsValue, request: &Function, name: &str) -> Result<Promise, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE)?;
    let mut outcome = Ok(());
    let answer = Promise::new(&mut |resolve, reject| {
        let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            if lock.is_null() {
                let _ = resolve.call1(&JsValue::UNDEFINED, &JsValue::NULL);
                return JsValue::UNDEFINED;
            }
            Promise::new(&mut |release, _| {
                let _ = resolve.call1(&JsValue::UNDEFINED, &release);
            })
            .into()
        });
        let name = format!("gossamer:{name}").into();
        outcome = request
            .call3(locks, &name, &options, &granted)
            .and_then(|held| {
                let failed = Reflect::get(&held, &"catch".into())?.dyn_into::<Function>()?;
                failed.call1(&held, &reject)
            })
            .map(drop);
    });
    outcome.map(|()| answer)
}
