//! A [`Store`] in the browser's IndexedDB: blocks in one object store, manifests in another.
//!
//! Blocks are written with relaxed durability, the manifest swap with strict durability in a transaction
//! over both stores, so it starts after every earlier block has been committed. The browser may take the
//! connection away at any time (storage cleared, another tab deleting the database, memory pressure): it is
//! reopened and the operation tried once more, and if the database is no longer the same one the error is
//! [`Error::Lost`] rather than an index with holes.

mod connection;
mod request;
mod tabs;
mod writer;

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbObjectStore, IdbTransaction};

use self::connection::{BLOCKS, Connection, MANIFESTS, Mode};
use self::request::{Failure, finished, settled};
use self::writer::Writer;
use super::{Error, Store};

pub(crate) use self::tabs::{Tabs, Word};
pub use self::writer::Role;
pub(crate) use self::writer::sleep;

/// Largest generation an IndexedDB key (a double) names exactly.
const MAX_GENERATION: u64 = 1 << 53;

/// Blocks and manifests in one IndexedDB database of the page's origin.
///
/// Works in pages and workers. Tabs compete for the writer's role; readers are free. Every commit is announced
/// to the other tabs.
#[derive(Debug)]
pub struct IndexedDb {
    name: String,
    /// Written once into a new database, so that a recreated one is not mistaken for this one.
    identity: String,
    connection: RefCell<Option<Rc<Connection>>>,
    writer: Rc<Writer>,
    tabs: Option<Tabs>,
}

impl IndexedDb {
    /// Opens the database `name`, making it if it is absent.
    pub async fn open(name: &str) -> Result<Self, Error> {
        let connection = Connection::create(name)
            .await
            .map_err(|f| f.into_error("opening the index"))?;
        Ok(Self::with(name, connection))
    }

    /// Opens the database `name` if there is one.
    pub async fn find(name: &str) -> Result<Option<Self>, Error> {
        let found = Connection::find(name).await;
        let found = found.map_err(|f| f.into_error("opening the index"))?;
        Ok(found.map(|connection| Self::with(name, connection)))
    }

    fn with(name: &str, connection: Connection) -> Self {
        let writer = Rc::new(Writer::default());
        let role = Rc::downgrade(&writer);
        let tabs = Tabs::join(name, move |word, answer| {
            let Some(role) = role.upgrade() else {
                return;
            };
            match word {
                Word::Asking if role.is_held() => answer(Word::Writing),
                Word::Writing => role.hear(),
                Word::Asking | Word::Committed(_) => {}
            }
        });
        Self {
            name: name.to_owned(),
            identity: connection.identity().to_owned(),
            connection: RefCell::new(Some(Rc::new(connection))),
            writer,
            tabs,
        }
    }

    /// Waits until this store has the writer's role, and keeps it for the next writer. A tab that does not
    /// answer for `patience` seconds, because it is frozen or hangs, loses the role.
    ///
    /// [`Store::unlock`] gives it back.
    pub async fn wait_for_role(&self, patience: u32) -> Result<(), Error> {
        let waited = self.writer.wait(&self.name, self.tabs.as_ref(), patience);
        let waited = waited.await;
        waited.map_err(|f| f.into_error("waiting for the writer's role"))
    }

    /// Who has the writer's role now.
    pub async fn role(&self) -> Result<Role, Error> {
        let role = self.writer.role(&self.name).await;
        role.map_err(|f| f.into_error("asking for the writer's role"))
    }

    /// Deletes the database `name` and everything in it; absent is fine. Other tabs that hold it open close
    /// their connection when asked; [`Error::Locked`] if one does not.
    pub async fn destroy(name: &str) -> Result<(), Error> {
        connection::delete(name)
            .await
            .map_err(|f| f.into_error("deleting the index"))
    }

    /// Lets go of the connection. The next operation opens it again.
    pub fn close(&self) {
        if let Some(connection) = self.connection.borrow_mut().take() {
            connection.close();
        }
    }

    /// The live connection, reopened if the browser took it away.
    async fn connection(&self) -> Result<Rc<Connection>, Failure> {
        let held = self.connection.borrow().clone();
        if let Some(connection) = held.filter(|c| c.is_open()) {
            return Ok(connection);
        }
        let connection = Rc::new(Connection::reopen(&self.name, &self.identity).await?);
        self.connection.replace(Some(connection.clone()));
        Ok(connection)
    }

    /// Runs one operation; a connection that died under it is replaced once.
    async fn attempt<T, F>(
        &self,
        doing: &str,
        operation: impl Fn(Rc<Connection>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let first = match self.connection().await {
            Ok(connection) => match operation(connection).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        if !first.is_connection() {
            return Err(first.into_error(doing));
        }
        self.close();
        let again = async { operation(self.connection().await?).await };
        again.await.map_err(|f| f.into_lost(doing))
    }
}

impl Drop for IndexedDb {
    fn drop(&mut self) {
        self.unlock();
        self.close();
    }
}

impl Store for IndexedDb {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.attempt("reading a block", async |c: Rc<Connection>| {
            let request = c
                .transaction(&[BLOCKS], Mode::Read)?
                .store(BLOCKS)?
                .get(&name.into())?;
            Ok(bytes(&settled(&request).await?))
        })
        .await
    }

    async fn get_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.attempt("reading blocks", async |c: Rc<Connection>| {
            let blocks = c.transaction(&[BLOCKS], Mode::Read)?.store(BLOCKS)?;
            let requests = names.iter().map(|name| blocks.get(&name.into()));
            let requests = requests.collect::<Result<Vec<_>, _>>()?;
            let mut found = Vec::with_capacity(names.len());
            for request in &requests {
                found.push(bytes(&settled(request).await?));
            }
            Ok(found)
        })
        .await
    }

    async fn put(&self, name: &str, block: &[u8]) -> Result<(), Error> {
        self.attempt("writing a block", async |c: Rc<Connection>| {
            let transaction = c.transaction(&[BLOCKS], Mode::Relaxed)?;
            let value = Uint8Array::from(block);
            transaction
                .store(BLOCKS)?
                .put_with_key(&value, &name.into())?;
            finished(&transaction).await
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        self.attempt("removing a block", async |c: Rc<Connection>| {
            let transaction = c.transaction(&[BLOCKS], Mode::Relaxed)?;
            transaction.store(BLOCKS)?.delete(&name.into())?;
            finished(&transaction).await
        })
        .await
    }

    async fn list(&self) -> Result<Vec<String>, Error> {
        self.attempt("listing blocks", async |c: Rc<Connection>| {
            let request = c
                .transaction(&[BLOCKS], Mode::Read)?
                .store(BLOCKS)?
                .get_all_keys()?;
            let keys = settled(&request).await?;
            Ok(Array::from(&keys)
                .iter()
                .filter_map(|k| k.as_string())
                .collect())
        })
        .await
    }

    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), Error> {
        if generation >= MAX_GENERATION {
            return Err(Error::Io {
                doing: "writing the manifest".into(),
                why: format!("generation {generation} is beyond what IndexedDB can name"),
            });
        }
        if self.writer.is_lost() {
            return Err(Error::Locked {
                owner: "a tab that took over".into(),
            });
        }
        let swapped = self.attempt("writing the manifest", async |c: Rc<Connection>| {
            let transaction = c.transaction(&[BLOCKS, MANIFESTS], Mode::Strict)?;
            let manifests = transaction.store(MANIFESTS)?;
            // The keys first: a request behind a write that the quota refuses would hide the reason.
            let keys = Array::from(&settled(&manifests.get_all_keys()?).await?);
            let key = JsValue::from_f64(generation as f64);
            if keys.iter().any(|k| k.as_f64() >= key.as_f64()) {
                let stored = settled(&manifests.get(&key)?).await?;
                // The first attempt may have been committed although the connection died before saying so.
                let ours = bytes(&stored).is_some_and(|stored| stored == manifest);
                return if ours { Ok(()) } else { Err(Failure::Blocked) };
            }
            manifests.put_with_key(&Uint8Array::from(manifest), &key)?;
            for old in keys.iter().rev().skip(1) {
                manifests.delete(&old)?;
            }
            finished(&transaction).await
        });
        swapped.await?;
        if let Some(tabs) = &self.tabs {
            tabs.say(Word::Committed(generation));
        }
        Ok(())
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        self.attempt("reading the manifests", async |c: Rc<Connection>| {
            let manifests = c.transaction(&[MANIFESTS], Mode::Read)?.store(MANIFESTS)?;
            let (keys, values) = (manifests.get_all_keys()?, manifests.get_all()?);
            let (keys, values) = (settled(&keys).await?, settled(&values).await?);
            let (keys, values) = (Array::from(&keys), Array::from(&values));
            let mut newest_first: Vec<_> = keys
                .iter()
                .zip(values.iter())
                .filter_map(|(k, v)| Some((k.as_f64()? as u64, bytes(&v)?)))
                .collect();
            newest_first.sort_by_key(|m| std::cmp::Reverse(m.0));
            newest_first.truncate(2);
            Ok(newest_first)
        })
        .await
    }

    async fn lock(&self) -> Result<(), Error> {
        let taken = self.writer.take(&self.name).await;
        taken.map_err(|f| f.into_error("taking the writer's role"))
    }

    fn unlock(&self) {
        self.writer.give_back();
    }
}

/// Object stores of a transaction by name.
trait Stores {
    fn store(&self, name: &str) -> Result<IdbObjectStore, Failure>;
}

impl Stores for IdbTransaction {
    fn store(&self, name: &str) -> Result<IdbObjectStore, Failure> {
        Ok(self.object_store(name)?)
    }
}

/// The bytes of a stored value, or `None` for an absent one.
fn bytes(value: &JsValue) -> Option<Vec<u8>> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}
