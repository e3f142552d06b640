//! The engine among other tabs and on other hosts: following what they commit, taking turns, opening by URL.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::Function;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

use super::Engine;
use super::error::thrown;
use super::remote::Remote;
use super::shapes::plain;
use super::storage::{Place, Storage};
use crate::index::{Archive, Error, Index};
use crate::store::{self, IndexedDb, Role, Store, Tabs, Word};

/// The index of an engine, if there is one.
pub(super) type Shown = Rc<RefCell<Option<Index<Storage>>>>;

/// Who is told of changes.
type Listener = Rc<RefCell<Option<Function>>>;

/// Seconds without an answer after which a writing tab is held to be frozen: longer than any batch or merge
/// keeps a worker from answering.
const PATIENCE: u32 = 30;

/// Follows what other tabs commit.
pub(super) struct Follower {
    changed: Listener,
    tabs: RefCell<Option<Tabs>>,
}

impl Follower {
    pub(super) fn new(place: &Place, index: &Shown) -> Self {
        let changed = Listener::default();
        let (shown, listener) = (Rc::downgrade(index), Rc::downgrade(&changed));
        let tabs = match place {
            Place::IndexedDb(name) => {
                let place = place.clone();
                Tabs::join(name, move |word, _| {
                    if let Word::Committed(_) = word {
                        spawn_local(follow(place.clone(), shown.clone(), listener.clone()));
                    }
                })
            }
            Place::Memory(_) | Place::Own(_) | Place::Remote => None,
        };
        Self {
            changed,
            tabs: RefCell::new(tabs),
        }
    }

    /// Hears no more.
    pub(super) fn stop(&self) {
        self.tabs.replace(None);
    }
}

/// Shows the newest generation, and tells. Searches under way keep theirs.
async fn follow(
    place: Place,
    shown: Weak<RefCell<Option<Index<Storage>>>>,
    listener: Weak<RefCell<Option<Function>>>,
) {
    let (Some(shown), Some(listener)) = (shown.upgrade(), listener.upgrade()) else {
        return;
    };
    let (generation, error) = match newest(&place, &shown).await {
        Ok(None) => return,
        Ok(Some(generation)) => (JsValue::from(generation as f64), JsValue::UNDEFINED),
        Err(error) => (JsValue::UNDEFINED, thrown(error)),
    };
    let changed = listener.borrow().clone();
    if let Some(changed) = changed {
        // What the application's function throws is its own affair.
        let _ = changed.call2(&JsValue::UNDEFINED, &generation, &error);
    }
}

/// Opens the index or brings it up to date; the generation if that is a newer one.
async fn newest(place: &Place, shown: &Shown) -> Result<Option<u64>, Error> {
    let known = shown.borrow().clone();
    let index = match known {
        Some(index) if index.refresh().await? => index,
        Some(_) => return Ok(None),
        // Another tab made it.
        None => {
            let Some(store) = place.find().await? else {
                return Ok(None);
            };
            let opened = Index::open(store).await?;
            shown.borrow_mut().get_or_insert(opened).clone()
        }
    };
    Ok(Some(index.snapshot().generation()))
}

#[wasm_bindgen]
impl Engine {
    /// Opens an exported index on a web host to be read where it lies: what a search needs is fetched by HTTP
    /// range requests when it needs it, and checked. It can be searched and read; what writes fails with
    /// `read-only`. A relative URL is relative to the page or worker. Searches by words count those of all
    /// texts, and so fetch all of them once: ask for `mode: "semantic"` to fetch only what is needed.
    ///
    /// Fails with `no-ranges` if the host sends whole files only, `network` if it cannot be reached.
    #[wasm_bindgen(js_name = openUrl)]
    pub async fn open_url(url: String) -> Result<Engine, JsValue> {
        let remote = Remote::open(&url).await.map_err(thrown)?;
        let archive = Archive::open(remote).await.map_err(thrown)?;
        let storage = Storage::Remote(Box::new(archive));
        let engine = Engine::at(Place::Remote, None);
        engine.show(Index::open(storage).await.map_err(thrown)?);
        Ok(engine)
    }

    /// What was fetched of an index opened by URL: `{ size, requests, bytes }`, all in all. `undefined` for
    /// any other.
    pub fn traffic(&self) -> Result<JsValue, JsValue> {
        match self.found().as_ref().map(Index::store) {
            Some(Storage::Remote(archive)) => plain(&archive.ranges().traffic()),
            _ => Ok(JsValue::UNDEFINED),
        }
    }

    /// Has `changed(generation)` called when another tab has committed and this engine shows it, or
    /// `changed(undefined, error)` if it cannot.
    #[wasm_bindgen(js_name = onChange)]
    pub fn on_change(&self, changed: Option<Function>) {
        self.follower.changed.replace(changed);
    }

    /// Who has the writer's role: `"free"`, `"here"` or `"elsewhere"`. Only tabs compete for it: `"free"`
    /// for an index that is not in IndexedDB.
    pub async fn role(&self) -> Result<String, JsValue> {
        let index = self.found();
        let Some(store) = index.as_ref().and_then(database) else {
            return Ok("free".into());
        };
        let role = match store.role().await.map_err(thrown)? {
            Role::Free => "free",
            Role::Here => "here",
            Role::Elsewhere => "elsewhere",
        };
        Ok(role.into())
    }

    /// Waits until this engine may write, and keeps the role for its next call that writes. A tab that writes
    /// and has not answered for `patience` seconds (30 by default) is held to be frozen and loses the role.
    #[wasm_bindgen(js_name = waitForRole)]
    pub async fn wait_for_role(&self, patience: Option<u32>) -> Result<(), JsValue> {
        let index = self.index()?;
        match index.store() {
            Storage::IndexedDb(store) => {
                let waited = store.wait_for_role(patience.unwrap_or(PATIENCE)).await;
                waited.map_err(thrown)
            }
            Storage::Remote(_) => Err(thrown(store::Error::ReadOnly)),
            Storage::Memory(_) | Storage::Own(_) => Ok(()),
        }
    }

    /// Gives back a role that was waited for and is not used.
    #[wasm_bindgen(js_name = giveRoleBack)]
    pub fn give_role_back(&self) {
        let index = self.found();
        if let Some(store) = index.as_ref().and_then(database) {
            store.unlock();
        }
    }
}

fn database(index: &Index<Storage>) -> Option<&IndexedDb> {
    match index.store() {
        Storage::IndexedDb(store) => Some(store),
        Storage::Memory(_) | Storage::Own(_) | Storage::Remote(_) => None,
    }
}

/// What was read of a file on a web host so far.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Traffic {
    /// Bytes of the whole file.
    pub size: u64,
    /// Requests made.
    pub requests: u32,
    /// Bytes received.
    pub bytes: u64,
}
