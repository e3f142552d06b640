//! What tabs that have the same index open tell each other, by a `BroadcastChannel`.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// This generation has been committed.
    Committed(u64),
    /// Is the writer alive? Asked by a tab that waits for the role.
    Asking,
    /// Yes.
    Writing,
}

thread_local! {
    /// Tells this tab's own words, which its other ends hear, from those of other tabs.
    static ME: f64 = js_sys::Math::random();
}

/// One end of the channel. Whoever has none (an old browser) hears nothing; nothing depends on it for safety.
#[derive(Debug)]
pub(crate) struct Tabs {
    channel: JsValue,
    // Called by the browser for as long as the channel is open.
    _on_message: Closure<dyn FnMut(JsValue)>,
}

impl Tabs {
    /// Joins the channel of the database `name`. `on_word` is also given what answers.
    pub(crate) fn join(
        name: &str,
        mut on_word: impl FnMut(Word, &mut dyn FnMut(Word)) + 'static,
    ) -> Option<Self> {
        let constructor = Reflect::get(&js_sys::global(), &"BroadcastChannel".into()).ok()?;
        let constructor: Function = constructor.dyn_into().ok()?;
        let arguments = Array::of1(&format!("gossamer:{name}").into());
        let channel = Reflect::construct(&constructor, &arguments).ok()?;
        let answers = channel.clone();
        let on_message = Closure::new(move |event: JsValue| {
            let data = Reflect::get(&event, &"data".into()).unwrap_or_default();
            if let Some(word) = Word::read(&data) {
                on_word(word, &mut |answer| say(&answers, answer));
            }
        });
        Reflect::set(&channel, &"onmessage".into(), on_message.as_ref()).ok()?;
        Some(Self {
            channel,
            _on_message: on_message,
        })
    }

    /// Tells the other tabs.
    pub(crate) fn say(&self, word: Word) {
        say(&self.channel, word);
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        let _ = Reflect::set(&self.channel, &"onmessage".into(), &JsValue::NULL);
        call(&self.channel, "close", &Array::new());
    }
}

impl Word {
    fn write(self) -> JsValue {
        let (word, number) = match self {
            Self::Committed(generation) => ("committed", generation as f64),
            Self::Asking => ("asking", 0.0),
            Self::Writing => ("writing", 0.0),
        };
        Array::of3(&word.into(), &number.into(), &ME.with(|me| *me).into()).into()
    }

    /// What another tab said; whatever else is on the channel is no word.
    fn read(data: &JsValue) -> Option<Self> {
        let data: &Array = data.dyn_ref()?;
        let own = data.get(2).as_f64()? == ME.with(|me| *me);
        match data.get(0).as_string()?.as_str() {
            "committed" if !own => Some(Self::Committed(data.get(1).as_f64()? as u64)),
            "asking" => Some(Self::Asking),
            "writing" => Some(Self::Writing),
            _ => None,
        }
    }
}

fn say(channel: &JsValue, word: Word) {
    call(channel, "postMessage", &Array::of1(&word.write()));
}

/// A channel that is closed cannot be spoken on; nobody listens then, either.
fn call(channel: &JsValue, method: &str, arguments: &Array) {
    if let Ok(method) = Reflect::get(channel, &method.into())
        && let Ok(method) = method.dyn_into::<Function>()
    {
        let _ = Reflect::apply(&method, channel, arguments);
    }
}
