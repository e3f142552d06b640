//! The engine: one index, what embeds for it, and where its texts are.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::error::{Misuse, thrown};
use super::fields::field;
use super::model::Model;
use super::own::{OwnEmbedder, Provider};
use super::shapes::{InfoOut, plain};
use super::storage::{Place, Storage};
use super::tabs::{Follower, Shown};
use crate::codec::Codec;
use crate::index::{Config, Error, Index};
use crate::model::Embedder;
use crate::store::{self, IndexedDb};

/// An index and the model that fills and searches it.
#[wasm_bindgen]
pub struct Engine {
    place: Place,
    index: Shown,
    pub(super) follower: Follower,
    model: RefCell<Option<Rc<Model>>>,
    texts: Provider,
    keep_text: bool,
    pub(super) embedded_passages: Cell<usize>,
    pub(super) embedded_to_add: Cell<usize>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens what is stored under `name`. Nothing is made before `load` or `attach`.
    ///
    /// `options` may have `storage` (`"indexeddb"`, `"memory"`, or an object with the methods of a store; the
    /// first if absent) and `texts`, a function from an id to the text of that document or a promise of it: an
    /// index that is made then keeps no texts.
    pub async fn open(name: String, options: JsValue) -> Result<Engine, JsValue> {
        let engine = Self::unopened(&name, &options)?;
        engine.refresh().await?;
        Ok(engine)
    }

    /// Deletes the database `name`; absent is fine.
    pub async fn destroy(name: String) -> Result<(), JsValue> {
        IndexedDb::destroy(&name).await.map_err(thrown)
    }

    /// Whether there is an index, be it empty.
    #[wasm_bindgen(getter)]
    pub fn exists(&self) -> bool {
        self.index.borrow().is_some()
    }

    /// Takes the application's own embedder, `{ model, dimensions, maxTokens?, batch?, embed(texts, role) }`, and
    /// makes the index if there is none. `embed` resolves with a `Float32Array`, one row after the other.
    /// `codec` is that of the model, if it has one. Resolves with the same as `info()`.
    pub async fn attach(
        &self,
        embedder: JsValue,
        codec: Option<Vec<u8>>,
    ) -> Result<JsValue, JsValue> {
        let own = OwnEmbedder::of(&embedder).map_err(thrown)?;
        self.take(Model::Own(own), codec.as_deref()).await?;
        self.info()
    }

    /// What runs, and how far it can be trusted.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let model = self.model()?;
        plain(&InfoOut {
            version: env!("CARGO_PKG_VERSION"),
            backend: model.backend(),
            self_test: model.self_test(),
            rejected: model.rejected(),
            lost: model.lost(),
            calibration: model.calibration(),
            model: &model.id().name,
            embedded_passages: self.embedded_passages.get(),
            embedded_to_add: self.embedded_to_add.get(),
        })
    }

    /// Follows other writers: shows the newest generation of the storage. Whether it was a newer one.
    pub async fn refresh(&self) -> Result<bool, JsValue> {
        let shown = self.index.borrow().clone();
        if let Some(index) = shown {
            return index.refresh().await.map_err(thrown);
        }
        let Some(store) = self.place.find().await.map_err(thrown)? else {
            return Ok(false);
        };
        match Index::open(store).await {
            Ok(index) => {
                self.index.replace(Some(index));
                Ok(true)
            }
            Err(Error::NoIndex) => Ok(false),
            Err(error) => Err(thrown(error)),
        }
    }

    /// Lets go of the index and the model.
    pub fn close(&self) {
        self.follower.stop();
        self.index.replace(None);
        self.model.replace(None);
    }
}

impl Engine {
    /// An engine at the place that `options` names.
    pub(super) fn unopened(name: &str, options: &JsValue) -> Result<Self, JsValue> {
        let storage = field(options, "storage")?;
        let texts = field(options, "texts")?.dyn_into::<Function>().ok();
        let place = Place::of(name, &storage).map_err(thrown)?;
        Ok(Self::at(place, texts))
    }

    /// An engine that has opened nothing yet.
    pub(super) fn at(place: Place, texts: Option<Function>) -> Self {
        let index = Shown::default();
        Self {
            follower: Follower::new(&place, &index),
            place,
            index,
            model: RefCell::new(None),
            keep_text: texts.is_none(),
            texts: Provider(texts),
            embedded_passages: Cell::new(0),
            embedded_to_add: Cell::new(0),
        }
    }

    /// The store at its place, made if it is absent.
    pub(super) async fn make_store(&self) -> Result<Storage, store::Error> {
        self.place.make().await
    }

    /// Shows an index that was opened.
    pub(super) fn show(&self, index: Index<Storage>) {
        self.index.replace(Some(index));
    }

    /// The index, if there is one.
    pub(super) fn found(&self) -> Option<Index<Storage>> {
        self.index.borrow().clone()
    }

    /// The index; [`Misuse::NotLoaded`] before there is one.
    pub(super) fn index(&self) -> Result<Index<Storage>, JsValue> {
        self.found().ok_or_else(|| thrown(Misuse::NotLoaded))
    }

    /// What embeds; [`Misuse::NotLoaded`] before there is something.
    pub(super) fn model(&self) -> Result<Rc<Model>, JsValue> {
        let model = self.model.borrow().clone();
        model.ok_or_else(|| thrown(Misuse::NotLoaded))
    }

    /// Where the texts are that the index does not keep.
    pub(super) fn texts(&self) -> &Provider {
        &self.texts
    }

    /// Uses `model` from here on, and makes sure there is an index for it.
    pub(super) async fn take(&self, model: Model, codec: Option<&[u8]>) -> Result<(), JsValue> {
        let known = self.found().map(|index| index.model());
        match known {
            Some(known) if known == *model.id() => {}
            Some(known) => {
                return Err(thrown(Error::OtherModel {
                    index: Box::new(known),
                    given: Box::new(model.id().clone()),
                }));
            }
            None => {
                let made = self.make(&model, codec).await.map_err(thrown)?;
                self.index.replace(Some(made));
            }
        }
        self.model.replace(Some(Rc::new(model)));
        Ok(())
    }

    async fn make(&self, model: &Model, codec: Option<&[u8]>) -> Result<Index<Storage>, Error> {
        let codec = match codec {
            Some(bytes) => Codec::from_bytes(bytes)?,
            None => match (model, Codec::bundled()) {
                // Made for one model, but its axes serve any of as many dimensions; the frame fits the rest.
                (Model::Inside(_), Ok(bundled)) if bundled.dim() == model.dim() => bundled,
                // The same in every build, so that each opens what another made.
                _ => Codec::plain(model.dim())?,
            },
        };
        let config = Config {
            model: model.id().clone(),
            codec,
            keep_text: self.keep_text,
        };
        Index::create(self.make_store().await?, config).await
    }
}
