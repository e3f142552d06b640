//! Where the searches of one index have their texts embedded, together.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use super::{Error, embed};
use crate::model::{Embedder, Role};
use crate::search::pace::size;
use crate::search::{Batch, Pool};

/// A pool that can be waited for.
#[derive(Debug)]
pub(super) struct Desk<K> {
    pool: Mutex<Pool<K>>,
    role: Role,
}

impl<K: Clone + Eq + Hash> Desk<K> {
    pub(super) fn new(role: Role) -> Self {
        Self {
            pool: Mutex::new(Pool::new(0)),
            role,
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool<K>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers as many embeddings of `dim` values as `bytes` hold.
    pub(super) fn reserve(&self, bytes: usize, dim: usize) {
        let capacity = bytes / (dim * size_of::<f32>() + OVERHEAD);
        let mut pool = self.pool();
        if pool.capacity() != capacity {
            pool.resize(capacity);
        }
    }

    /// What is remembered of a text.
    pub(super) fn known(&self, key: &K) -> Option<Arc<[f32]>> {
        self.pool().known(key)
    }

    /// Embeds texts, in batches of at most `most` that hold what other searches wait for, too. `spent` is
    /// called with the texts' [`size`] of each batch that this search drove, before and after.
    pub(super) async fn embed<E: Embedder>(
        &self,
        embedder: &E,
        wants: Batch<K>,
        most: usize,
        mut spent: impl FnMut(usize, bool),
    ) -> Result<HashMap<K, Arc<[f32]>>, Error> {
        let ticket = self.pool().join(wants);
        let ticket = Ticket { desk: self, ticket };
        // Others that have begun already may join the first batch.
        yield_once().await;
        loop {
            let batch = {
                let mut pool = self.pool();
                if let Some(got) = pool.take(ticket.ticket) {
                    return Ok(got);
                }
                pool.drive(ticket.ticket, most)
            };
            let Some(batch) = batch else {
                self.wait().await;
                continue;
            };
            let (keys, texts): (Vec<K>, Vec<Arc<str>>) = batch.into_iter().unzip();
            let mut drive = Drive {
                desk: self,
                keys,
                done: false,
            };
            let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
            let sizes = texts.iter().map(|text| size(text.len())).sum();
            spent(sizes, false);
            let values = embed(embedder, self.role, &texts).await?;
            spent(sizes, true);
            let rows = values.chunks_exact(embedder.dim().max(1));
            let rows: Vec<Arc<[f32]>> = rows.map(Arc::from).collect();
            drive.done = true;
            self.pool().provide(&drive.keys, &rows);
        }
    }

    /// Until whoever drives is done.
    async fn wait(&self) {
        let mut waited = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waited, true) || !self.pool().wait(context.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// What an entry of the memory takes besides its values.
const OVERHEAD: usize = 112;

/// A search that waits, until it gives up.
struct Ticket<'a, K: Clone + Eq + Hash> {
    desk: &'a Desk<K>,
    ticket: u64,
}

impl<K: Clone + Eq + Hash> Drop for Ticket<'_, K> {
    fn drop(&mut self) {
        self.desk.pool().leave(self.ticket);
    }
}

/// A batch being embedded; given back if that fails or is abandoned.
struct Drive<'a, K: Clone + Eq + Hash> {
    desk: &'a Desk<K>,
    keys: Vec<K>,
    done: bool,
}

impl<K: Clone + Eq + Hash> Drop for Drive<'_, K> {
    fn drop(&mut self) {
        if !self.done {
            self.desk.pool().give_up(&self.keys);
        }
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
