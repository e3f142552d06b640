//! The writer's role among tabs, by the Web Locks API: given back by the browser when a tab dies, taken from
//! one that no longer answers.
//!
//! A role that was taken away is no danger: a manifest is accepted only if its generation is new, and a writer
//! that takes over commits a generation before it removes anything ([`crate::index::Writer`]).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::request::Failure;
use super::tabs::{Tabs, Word};

/// Milliseconds between two questions whether the writer is alive.
const BEAT: u32 = 1000;

/// The role of the only writer, held or not.
#[derive(Debug, Default)]
pub(super) struct Writer {
    held: RefCell<Option<Held>>,
    /// Whether another writer has answered since this was last asked.
    heard: Cell<bool>,
}

#[derive(Debug)]
struct Held {
    /// Resolves the promise that holds the lock.
    release: Function,
    /// Set when another tab took the lock.
    lost: Rc<Cell<bool>>,
    /// Waited for, and not yet used by [`Writer::take`].
    reserved: bool,
}

/// Who has the writer's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nobody.
    Free,
    /// This store.
    Here,
    /// Another tab, or another store of this one.
    Elsewhere,
}

impl Writer {
    /// Takes the role, or fails with [`Failure::Blocked`] if somebody has it. Without Web Locks (an origin
    /// that is not secure) there is nobody to ask; the generations still keep two writers from mixing.
    pub(super) async fn take(&self, name: &str) -> Result<(), Failure> {
        if let Some(held) = self.held.borrow_mut().as_mut()
            && !held.lost.get()
        {
            return match std::mem::take(&mut held.reserved) {
                true => Ok(()),
                false => Err(Failure::Blocked),
            };
        }
        let Some(locks) = Locks::of_browser()? else {
            return Ok(());
        };
        match locks.now(name).await? {
            Some(held) => {
                self.held.replace(Some(held));
                Ok(())
            }
            None => Err(Failure::Blocked),
        }
    }

    /// Waits for the role, and keeps it for the next [`Writer::take`]. A writer that has not answered for
    /// `patience` seconds loses it.
    pub(super) async fn wait(
        &self,
        name: &str,
        tabs: Option<&Tabs>,
        patience: u32,
    ) -> Result<(), Failure> {
        if self.is_held() {
            return Ok(());
        }
        let Some(locks) = Locks::of_browser()? else {
            return Ok(());
        };
        let queue = locks.queue(name)?;
        let mut silence = 0;
        let held = loop {
            self.heard.set(false);
            if let Some(tabs) = tabs {
                tabs.say(Word::Asking);
            }
            if let Some(held) = queue.granted_within(BEAT).await? {
                break held;
            }
            // Counted in questions, not by the clock: this tab may have slept, too. Without a channel nobody
            // can answer, and so nobody is given up.
            silence = if self.heard.get() || tabs.is_none() {
                0
            } else {
                silence + 1
            };
            if silence >= patience.max(1) {
                queue.leave();
                break locks.steal(name).await?;
            }
        };
        self.held.replace(Some(Held {
            reserved: true,
            ..held
        }));
        Ok(())
    }

    /// Whether this store has the role.
    pub(super) fn is_held(&self) -> bool {
        self.held.borrow().as_ref().is_some_and(|h| !h.lost.get())
    }

    /// Whether this store had the role until another tab took it.
    pub(super) fn is_lost(&self) -> bool {
        self.held.borrow().as_ref().is_some_and(|h| h.lost.get())
    }

    /// Another tab answered.
    pub(super) fn hear(&self) {
        self.heard.set(true);
    }

    /// Who has the role now.
    pub(super) async fn role(&self, name: &str) -> Result<Role, Failure> {
        if self.is_held() {
            return Ok(Role::Here);
        }
        let taken = match Locks::of_browser()? {
            Some(locks) => locks.is_taken(name).await?,
            None => false,
        };
        Ok(if taken { Role::Elsewhere } else { Role::Free })
    }

    /// Gives the role back.
    pub(super) fn give_back(&self) {
        if let Some(held) = self.held.borrow_mut().take() {
            // Resolving a promise does not fail.
            let _ = held.release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// The browser's lock manager.
struct Locks {
    manager: JsValue,
    request: Function,
}

/// A place in the queue for a lock.
struct Queued {
    controller: JsValue,
    granted: Promise,
    lost: Rc<Cell<bool>>,
}

impl Locks {
    fn of_browser() -> Result<Option<Self>, Failure> {
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
        let manager = Reflect::get(&navigator, &"locks".into())?;
        let request = Reflect::get(&manager, &"request".into()).and_then(JsCast::dyn_into);
        Ok(request.ok().map(|request| Self { manager, request }))
    }

    /// The lock if it is free.
    async fn now(&self, name: &str) -> Result<Option<Held>, Failure> {
        let (granted, lost) = self.ask(name, "ifAvailable", &JsValue::TRUE)?;
        let release = JsFuture::from(granted).await?.dyn_into().ok();
        Ok(release.map(|release| Held::new(release, lost)))
    }

    /// The lock, whoever has it.
    async fn steal(&self, name: &str) -> Result<Held, Failure> {
        let (granted, lost) = self.ask(name, "steal", &JsValue::TRUE)?;
        Ok(Held::new(JsFuture::from(granted).await?.dyn_into()?, lost))
    }

    fn queue(&self, name: &str) -> Result<Queued, Failure> {
        let constructor = Reflect::get(&js_sys::global(), &"AbortController".into())?;
        let constructor: &Function = constructor.dyn_ref().ok_or_else(none)?;
        let controller = Reflect::construct(constructor, &Array::new())?;
        let signal = Reflect::get(&controller, &"signal".into())?;
        let (granted, lost) = self.ask(name, "signal", &signal)?;
        Ok(Queued {
            controller,
            granted,
            lost,
        })
    }

    async fn is_taken(&self, name: &str) -> Result<bool, Failure> {
        let query: Function = Reflect::get(&self.manager, &"query".into())?.dyn_into()?;
        let answer: Promise = query.call0(&self.manager)?.dyn_into()?;
        let answer = JsFuture::from(answer).await?;
        let held = Array::from(&Reflect::get(&answer, &"held".into())?);
        let name = JsValue::from(lock_name(name));
        Ok(held
            .iter()
            .any(|lock| Reflect::get(&lock, &"name".into()).is_ok_and(|found| found == name)))
    }

    /// Asks for the lock. The promise brings the function that gives it back, or null if it was asked for
    /// `ifAvailable` and is not. The flag is set when the lock is taken away.
    fn ask(
        &self,
        name: &str,
        option: &str,
        value: &JsValue,
    ) -> Result<(Promise, Rc<Cell<bool>>), JsValue> {
        let options = Object::new();
        Reflect::set(&options, &option.into(), value)?;
        let lost = Rc::new(Cell::new(false));
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
            let flag = Rc::clone(&lost);
            let taken = Closure::once_into_js(move |error: JsValue| {
                flag.set(true);
                let _ = reject.call1(&JsValue::UNDEFINED, &error);
            });
            outcome = self
                .request
                .call3(&self.manager, &lock_name(name).into(), &options, &granted)
                .and_then(|held| {
                    let failed = Reflect::get(&held, &"catch".into())?.dyn_into::<Function>()?;
                    failed.call1(&held, &taken)
                })
                .map(drop);
        });
        outcome.map(|()| (answer, lost))
    }
}

impl Queued {
    /// The lock if it is granted within so many milliseconds.
    async fn granted_within(&self, ms: u32) -> Result<Option<Held>, Failure> {
        let first = Promise::race(&Array::of2(&self.granted, &sleep(ms)?.into()));
        let release = JsFuture::from(first).await?.dyn_into().ok();
        Ok(release.map(|release| Held::new(release, Rc::clone(&self.lost))))
    }

    /// Leaves the queue.
    fn leave(&self) {
        // The promise is rejected by this, and nobody waits for it.
        let ignore = Closure::once_into_js(|_: JsValue| {});
        let left = Reflect::get(&self.granted, &"catch".into())
            .and_then(JsCast::dyn_into::<Function>)
            .and_then(|catch| catch.call1(&self.granted, &ignore))
            .and_then(|_| Reflect::get(&self.controller, &"abort".into()))
            .and_then(JsCast::dyn_into::<Function>)
            .and_then(|abort| abort.call0(&self.controller));
        drop(left);
    }
}

impl Held {
    fn new(release: Function, lost: Rc<Cell<bool>>) -> Self {
        Self {
            release,
            lost,
            reserved: false,
        }
    }
}

fn lock_name(name: &str) -> String {
    format!("gossamer:{name}")
}

fn none() -> Failure {
    Failure::Other("this browser has no AbortController".into())
}

/// A promise that is resolved after so many milliseconds.
pub(crate) fn sleep(ms: u32) -> Result<Promise, JsValue> {
    let timer: Function = Reflect::get(&js_sys::global(), &"setTimeout".into())?.dyn_into()?;
    let mut outcome = Ok(JsValue::UNDEFINED);
    let slept = Promise::new(&mut |resolve, _| {
        outcome = timer.call2(&JsValue::UNDEFINED, &resolve, &ms.into());
    });
    outcome.map(|_| slept)
}
