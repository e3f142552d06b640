//! One connection to the database: opening, the events by which a browser takes it away, deleting.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbTransaction};

use super::request::{Failure, finished, settled};

/// Object store of the blocks, keyed by name.
pub(super) const BLOCKS: &str = "blocks";
/// Object store of the manifests, keyed by generation.
pub(super) const MANIFESTS: &str = "manifests";
/// Object store that holds the database's identity.
const ABOUT: &str = "about";
const IDENTITY: &str = "identity";
/// Layout of the object stores; what is inside the blocks has its own version.
const VERSION: u32 = 1;

/// What a transaction may do, and when the browser may call it committed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// Reads only.
    Read,
    /// Writes; complete when the operating system has the data.
    Relaxed,
    /// Writes; complete when the data has been flushed to the disk.
    Strict,
}

/// An open database.
#[derive(Debug)]
pub(super) struct Connection {
    database: IdbDatabase,
    identity: String,
    open: Rc<Cell<bool>>,
    // Called by the browser for as long as the connection lives.
    _on_versionchange: Closure<dyn FnMut()>,
    _on_close: Closure<dyn FnMut()>,
}

impl Connection {
    /// Opens the database, making it if it is absent.
    pub(super) async fn create(name: &str) -> Result<Self, Failure> {
        let connection = Self::listen(open(name, true).await?);
        let identity = connection.ensure_identity().await?;
        Ok(Self {
            identity,
            ..connection
        })
    }

    /// Opens the database if it is there.
    pub(super) async fn find(name: &str) -> Result<Option<Self>, Failure> {
        let connection = match open(name, false).await {
            Ok(database) => Self::listen(database),
            // The upgrade that would have made it was called off.
            Err(Failure::Connection(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let identity = connection.ensure_identity().await?;
        Ok(Some(Self {
            identity,
            ..connection
        }))
    }

    /// Opens the database again; fails with [`Failure::Gone`] unless it is the one of that identity.
    pub(super) async fn reopen(name: &str, identity: &str) -> Result<Self, Failure> {
        let connection = match open(name, false).await {
            Ok(database) => Self::listen(database),
            Err(Failure::Connection(_)) => return Err(gone()),
            Err(failure) => return Err(failure),
        };
        match connection.stored_identity().await? {
            Some(found) if found == identity => Ok(Self {
                identity: found,
                ..connection
            }),
            _ => {
                connection.close();
                Err(gone())
            }
        }
    }

    /// What tells this database from a later one of the same name.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether the browser has left the connection open as far as it said.
    pub(super) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Closes after the running transactions.
    pub(super) fn close(&self) {
        self.open.set(false);
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.close();
    }

    /// Starts a transaction over the named object stores.
    pub(super) fn transaction(
        &self,
        stores: &[&str],
        mode: Mode,
    ) -> Result<IdbTransaction, Failure> {
        // `web_sys` has no stable binding with the durability option.
        let call: Function = Reflect::get(&self.database, &"transaction".into())?.dyn_into()?;
        let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        let (access, durability) = match mode {
            Mode::Read => ("readonly", "default"),
            Mode::Relaxed => ("readwrite", "relaxed"),
            Mode::Strict => ("readwrite", "strict"),
        };
        let options = Object::new();
        Reflect::set(&options, &"durability".into(), &durability.into())?;
        let transaction = call.call3(&self.database, &names, &access.into(), &options)?;
        Ok(transaction.unchecked_into())
    }

    fn listen(database: IdbDatabase) -> Self {
        let open = Rc::new(Cell::new(true));
        let on_versionchange = {
            let (database, open) = (database.clone(), open.clone());
            // Somebody deletes the database or upgrades it: not closing would block them for ever.
            Closure::new(move || {
                open.set(false);
                database.close();
            })
        };
        let on_close = {
            let open = open.clone();
            Closure::new(move || open.set(false))
        };
        database.set_onversionchange(Some(on_versionchange.as_ref().unchecked_ref()));
        database.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Self {
            database,
            identity: String::new(),
            open,
            _on_versionchange: on_versionchange,
            _on_close: on_close,
        }
    }

    async fn stored_identity(&self) -> Result<Option<String>, Failure> {
        let transaction = self.transaction(&[ABOUT], Mode::Read)?;
        let request = transaction.object_store(ABOUT)?.get(&IDENTITY.into())?;
        Ok(settled(&request).await?.as_string())
    }

    /// Two tabs may make the database at once: the first identity written stays.
    async fn ensure_identity(&self) -> Result<String, Failure> {
        let transaction = self.transaction(&[ABOUT], Mode::Strict)?;
        let about = transaction.object_store(ABOUT)?;
        if let Some(found) = settled(&about.get(&IDENTITY.into())?).await?.as_string() {
            return Ok(found);
        }
        let identity = format!("{}-{}", js_sys::Date::now(), js_sys::Math::random());
        about.put_with_key(&identity.as_str().into(), &IDENTITY.into())?;
        finished(&transaction).await?;
        Ok(identity)
    }
}

fn gone() -> Failure {
    Failure::Gone("the browser or another tab deleted the stored index".into())
}

/// Opens the database. With `create` false a database that is absent stays absent.
async fn open(name: &str, create: bool) -> Result<IdbDatabase, Failure> {
    let request = factory()?.open_with_u32(name, VERSION)?;
    let upgrade = {
        let request = request.clone();
        Closure::once(move || lay_out(&request, create))
    };
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    unblocked(&request).await?;
    Ok(request.result()?.unchecked_into())
}

/// Makes the object stores of a new database, or gives the new database up again.
fn lay_out(request: &IdbOpenDbRequest, create: bool) -> Result<(), JsValue> {
    if !create {
        if let Some(transaction) = request.transaction() {
            transaction.abort()?;
        }
        return Ok(());
    }
    let database: IdbDatabase = request.result()?.unchecked_into();
    for store in [BLOCKS, MANIFESTS, ABOUT] {
        database.create_object_store(store)?;
    }
    Ok(())
}

/// Deletes the database; absent is fine.
pub(super) async fn delete(name: &str) -> Result<(), Failure> {
    unblocked(&factory()?.delete_database(name)?).await
}

/// Waits for an open or delete request; [`Failure::Blocked`] if another connection holds it up.
async fn unblocked(request: &IdbOpenDbRequest) -> Result<(), Failure> {
    let mut promise = |resolve: Function, reject: Function| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
        request.set_onblocked(Some(&reject));
    };
    if JsFuture::from(Promise::new(&mut promise)).await.is_ok() {
        return Ok(());
    }
    match request.error() {
        // Still pending: nobody will use the connection it may bring later.
        Err(_) => {
            let late = request.clone();
            request.set_onsuccess(Some(
                Closure::once_into_js(move || {
                    if let Ok(database) = late.result()
                        && let Ok(database) = database.dyn_into::<IdbDatabase>()
                    {
                        database.close();
                    }
                })
                .unchecked_ref(),
            ));
            Err(Failure::Blocked)
        }
        Ok(Some(exception)) => Err(exception.into()),
        Ok(None) => Err(Failure::Connection("the database did not open".into())),
    }
}

/// The origin's IndexedDB, in a page or a worker.
fn factory() -> Result<IdbFactory, Failure> {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into())?;
    factory
        .dyn_into()
        .map_err(|_| Failure::Other("this browser context has no IndexedDB".into()))
}
