//! Where the engine keeps an index: IndexedDB, memory, a storage of the application's own, or a web host.

use std::rc::Rc;

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::error::{Misuse, message};
use super::remote::Remote;
use crate::index::Archive;
use crate::store::{Error, IndexedDb, Memory, Store};

/// A place that may hold an index.
#[derive(Clone)]
pub(super) enum Place {
    /// A database of the origin.
    IndexedDb(String),
    /// This engine's own memory.
    Memory(Memory),
    /// The application's object.
    Own(Adapter),
    /// An export on a web host.
    Remote,
}

impl Place {
    /// Reads what JavaScript calls it: `undefined` or `"indexeddb"`, `"memory"`, or an adapter.
    pub(super) fn of(name: &str, storage: &JsValue) -> Result<Self, Misuse> {
        if storage.is_undefined() || storage.is_null() {
            return Ok(Self::IndexedDb(name.to_owned()));
        }
        match storage.as_string().as_deref() {
            Some("indexeddb") => Ok(Self::IndexedDb(name.to_owned())),
            Some("memory") => Ok(Self::Memory(Memory::new())),
            Some(other) => Err(Misuse::Argument(format!("storage {other:?}"))),
            None => Ok(Self::Own(Adapter::of(storage)?)),
        }
    }

    /// The store, if there is one already. Leaves no trace where there is none.
    pub(super) async fn find(&self) -> Result<Option<Storage>, Error> {
        Ok(match self {
            Self::IndexedDb(name) => IndexedDb::find(name).await?.map(Storage::IndexedDb),
            Self::Memory(memory) => Some(Storage::Memory(memory.clone())),
            Self::Own(adapter) => Some(Storage::Own(adapter.clone())),
            // Only [`Engine::open_url`] opens one, and that at once.
            Self::Remote => None,
        })
    }

    /// The store, made if it is absent.
    pub(super) async fn make(&self) -> Result<Storage, Error> {
        Ok(match self {
            Self::IndexedDb(name) => Storage::IndexedDb(IndexedDb::open(name).await?),
            Self::Memory(memory) => Storage::Memory(memory.clone()),
            Self::Own(adapter) => Storage::Own(adapter.clone()),
            Self::Remote => return Err(Error::ReadOnly),
        })
    }
}

/// One type for all of them: what is exported to JavaScript cannot be generic.
#[derive(Debug)]
pub(super) enum Storage {
    IndexedDb(IndexedDb),
    Memory(Memory),
    Own(Adapter),
    Remote(Box<Archive<Remote>>),
}

/// Calls the same method of whichever it is.
macro_rules! each {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            Storage::IndexedDb($store) => $call,
            Storage::Memory($store) => $call,
            Storage::Own($store) => $call,
            Storage::Remote($store) => $call,
        }
    };
}

impl Store for Storage {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        each!(self, store => store.get(name).await)
    }

    async fn get_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        each!(self, store => store.get_all(names).await)
    }

    fn is_far(&self) -> bool {
        match self {
            Self::IndexedDb(_) | Self::Memory(_) => false,
            Self::Remote(_) => true,
            Self::Own(own) => !own.is_near(),
        }
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        each!(self, store => store.put(name, bytes).await)
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        each!(self, store => store.delete(name).await)
    }

    async fn list(&self) -> Result<Vec<String>, Error> {
        each!(self, store => store.list().await)
    }

    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), Error> {
        each!(self, store => store.swap(generation, manifest).await)
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        each!(self, store => store.manifests().await)
    }

    async fn lock(&self) -> Result<(), Error> {
        each!(self, store => store.lock().await)
    }

    fn unlock(&self) {
        each!(self, store => store.unlock());
    }
}

/// A storage of the application's own: an object whose methods are those of [`Store`], in JavaScript's terms.
///
/// `get(name)`, `put(name, bytes)`, `delete(name)`, `list()`, `swap(generation, manifest)`, `manifests()` with
/// `[{ generation, manifest }]`, and, if it can be shared, `lock()` and `unlock()`. Each may return a promise.
/// An error whose `code` is `locked` or `quota-exceeded` keeps that meaning.
#[derive(Clone, Debug)]
pub(super) struct Adapter {
    object: Rc<JsValue>,
}

const METHODS: [&str; 6] = ["get", "put", "delete", "list", "swap", "manifests"];

impl Adapter {
    fn of(object: &JsValue) -> Result<Self, Misuse> {
        let adapter = Self {
            object: Rc::new(object.clone()),
        };
        for method in METHODS {
            if adapter.method(method).is_none() {
                let what = format!("storage has no method {method}()");
                return Err(Misuse::Argument(what));
            }
        }
        Ok(adapter)
    }

    fn method(&self, name: &str) -> Option<Function> {
        let method = Reflect::get(&self.object, &name.into()).ok()?;
        method.dyn_into().ok()
    }

    /// Where the application's own is, only it knows; the package's folder says that it is here.
    fn is_near(&self) -> bool {
        Reflect::get(&self.object, &"near".into()).is_ok_and(|near| near.is_truthy())
    }

    /// Calls a method and waits for it; `undefined` where there is none.
    async fn call(&self, method: &str, arguments: &[JsValue]) -> Result<JsValue, Error> {
        let Some(function) = self.method(method) else {
            return Ok(JsValue::UNDEFINED);
        };
        let arguments: Array = arguments.iter().collect();
        let answer = match function.apply(&self.object, &arguments) {
            Ok(answer) => JsFuture::from(Promise::resolve(&answer)).await,
            thrown => thrown,
        };
        answer.map_err(|thrown| failed(method, &thrown))
    }
}

fn failed(method: &str, thrown: &JsValue) -> Error {
    let code = Reflect::get(thrown, &"code".into()).ok();
    match code.and_then(|code| code.as_string()).as_deref() {
        Some("quota-exceeded") => Error::QuotaExceeded,
        Some("locked") => Error::Locked {
            owner: message(thrown),
        },
        _ => Error::Io {
            doing: format!("calling {method}() of the application's storage"),
            why: message(thrown),
        },
    }
}

fn unexpected(method: &str, expected: &str) -> Error {
    Error::Io {
        doing: format!("calling {method}() of the application's storage"),
        why: format!("it did not return {expected}"),
    }
}

fn bytes(value: &JsValue) -> Option<Vec<u8>> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

impl Store for Adapter {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let found = self.call("get", &[name.into()]).await?;
        if found.is_undefined() || found.is_null() {
            return Ok(None);
        }
        let found = bytes(&found).ok_or_else(|| unexpected("get", "a Uint8Array"));
        found.map(Some)
    }

    async fn put(&self, name: &str, block: &[u8]) -> Result<(), Error> {
        let block = Uint8Array::from(block).into();
        self.call("put", &[name.into(), block]).await.map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        self.call("delete", &[name.into()]).await.map(drop)
    }

    async fn list(&self) -> Result<Vec<String>, Error> {
        let names = self.call("list", &[]).await?;
        let names = names.dyn_into::<Array>();
        let names = names.map_err(|_| unexpected("list", "an array of names"))?;
        Ok(names.iter().filter_map(|name| name.as_string()).collect())
    }

    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), Error> {
        let manifest = Uint8Array::from(manifest).into();
        let arguments = [(generation as f64).into(), manifest];
        self.call("swap", &arguments).await.map(drop)
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let wrong = || unexpected("manifests", "an array of { generation, manifest }");
        let listed = self.call("manifests", &[]).await?;
        let listed = listed.dyn_into::<Array>().map_err(|_| wrong())?;
        let mut found = Vec::new();
        for entry in listed.iter() {
            let field = |name: &str| Reflect::get(&entry, &name.into()).unwrap_or_default();
            let generation = field("generation").as_f64().ok_or_else(wrong)?;
            found.push((
                generation as u64,
                bytes(&field("manifest")).ok_or_else(wrong)?,
            ));
        }
        found.sort_by_key(|(generation, _)| std::cmp::Reverse(*generation));
        found.truncate(2);
        Ok(found)
    }

    async fn lock(&self) -> Result<(), Error> {
        self.call("lock", &[]).await.map(drop)
    }

    fn unlock(&self) {
        if let Some(unlock) = self.method("unlock") {
            // Nobody waits for it: a lock that was not given back refuses the next writer, and says so.
            let _ = unlock.call0(&self.object);
        }
    }
}
