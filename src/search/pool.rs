//! Several searches on common batches: what they want is embedded once, in batches that one of them drives.
//!
//! Whoever finds nobody driving takes a batch, its own texts first, then what the others wait for, has it
//! embedded and provides the result to all. No I/O and no waiting here: wakers are told when to ask again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::task::Waker;

use super::Cache;

/// Texts that are waited for, and embeddings that are remembered.
#[derive(Debug)]
pub struct Pool<K> {
    cache: Cache<K>,
    members: HashMap<u64, Member<K>>,
    next: u64,
    /// Wanted and not being embedded, oldest first; some may be wanted no more.
    queue: VecDeque<K>,
    texts: HashMap<K, Arc<str>>,
    driven: bool,
    wakers: Vec<Waker>,
}

#[derive(Debug)]
struct Member<K> {
    wanted: HashSet<K>,
    got: HashMap<K, Arc<[f32]>>,
}

/// Texts to embed, and what they are called.
pub type Batch<K> = Vec<(K, Arc<str>)>;

impl<K: Clone + Eq + Hash> Pool<K> {
    /// Remembers at most `capacity` embeddings.
    pub fn new(capacity: usize) -> Self {
        Self {
            cache: Cache::new(capacity),
            members: HashMap::new(),
            next: 0,
            queue: VecDeque::new(),
            texts: HashMap::new(),
            driven: false,
            wakers: Vec::new(),
        }
    }

    /// Remembers at most `capacity` from now on, beginning with none.
    pub fn resize(&mut self, capacity: usize) {
        self.cache = Cache::new(capacity);
    }

    /// How many it may remember.
    pub fn capacity(&self) -> usize {
        self.cache.capacity()
    }

    /// What is remembered of a text.
    pub fn known(&mut self, key: &K) -> Option<Arc<[f32]>> {
        self.cache.get(key)
    }

    /// Someone wants these texts embedded; the ticket is for [`Pool::take`].
    pub fn join(&mut self, wants: Batch<K>) -> u64 {
        let ticket = self.next;
        self.next += 1;
        let mut member = Member {
            wanted: HashSet::new(),
            got: HashMap::new(),
        };
        for (key, text) in wants {
            if !self.texts.contains_key(&key) {
                self.queue.push_back(key.clone());
                self.texts.insert(key.clone(), text);
            }
            member.wanted.insert(key);
        }
        self.members.insert(ticket, member);
        ticket
    }

    /// All embeddings that a ticket is for, once they are there. Then the ticket is spent.
    pub fn take(&mut self, ticket: u64) -> Option<HashMap<K, Arc<[f32]>>> {
        let member = self.members.get(&ticket)?;
        if !member.wanted.is_empty() {
            return None;
        }
        self.members.remove(&ticket).map(|member| member.got)
    }

    /// The next batch, of at most `most` texts, for whoever holds this ticket to embed; `None` while another is
    /// at it. It ends with [`Pool::provide`] or [`Pool::give_up`].
    pub fn drive(&mut self, ticket: u64, most: usize) -> Option<Batch<K>> {
        if self.driven {
            return None;
        }
        let Self {
            members,
            queue,
            texts,
            ..
        } = self;
        queue.retain(|key| {
            let wanted = members.values().any(|m| m.wanted.contains(key));
            if !wanted {
                texts.remove(key);
            }
            wanted
        });
        let own = members.get(&ticket).map(|m| &m.wanted);
        let is_own = |key: &K| own.is_some_and(|own| own.contains(key));
        let (first, rest): (Vec<K>, Vec<K>) = queue.drain(..).partition(is_own);
        let mut keys = first;
        keys.extend(rest);
        queue.extend(keys.split_off(keys.len().min(most.max(1))));
        let batch = keys.into_iter().filter_map(|key| {
            let text = texts.get(&key)?;
            let text = Arc::clone(text);
            Some((key, text))
        });
        let batch: Batch<K> = batch.collect();
        self.driven = !batch.is_empty();
        self.driven.then_some(batch)
    }

    /// Ends a drive: the embeddings of its batch, in order.
    pub fn provide(&mut self, keys: &[K], embeddings: &[Arc<[f32]>]) {
        for (key, embedding) in keys.iter().zip(embeddings) {
            self.texts.remove(key);
            for member in self.members.values_mut() {
                if member.wanted.remove(key) {
                    member.got.insert(key.clone(), Arc::clone(embedding));
                }
            }
            self.cache.put(key.clone(), Arc::clone(embedding));
        }
        self.end();
    }

    /// Ends a drive that failed or was abandoned: others may try.
    pub fn give_up(&mut self, keys: &[K]) {
        keys.iter()
            .rev()
            .for_each(|key| self.queue.push_front(key.clone()));
        self.end();
    }

    fn end(&mut self) {
        self.driven = false;
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// Whether to wait; then `waker` is woken when it is worth asking again.
    pub fn wait(&mut self, waker: &Waker) -> bool {
        if self.driven {
            self.wakers.push(waker.clone());
        }
        self.driven
    }

    /// A ticket is not needed any more.
    pub fn leave(&mut self, ticket: u64) {
        self.members.remove(&ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(keys: &[u32]) -> Batch<u32> {
        keys.iter()
            .map(|k| (*k, Arc::from(k.to_string())))
            .collect()
    }

    fn keys(batch: &Batch<u32>) -> Vec<u32> {
        batch.iter().map(|(k, _)| *k).collect()
    }

    fn provide(pool: &mut Pool<u32>, batch: &Batch<u32>) {
        let embeddings: Vec<Arc<[f32]>> =
            batch.iter().map(|(k, _)| Arc::from([*k as f32])).collect();
        pool.provide(&keys(batch), &embeddings);
    }

    #[test]
    fn what_two_want_is_embedded_once_and_both_get_all_of_theirs() {
        let mut pool = Pool::new(10);
        let (a, b) = (pool.join(wants(&[1, 2, 3])), pool.join(wants(&[3, 4])));
        let batch = pool.drive(b, 10).unwrap();
        assert_eq!(keys(&batch), [3, 4, 1, 2]);
        assert!(pool.drive(a, 10).is_none() && pool.take(a).is_none());
        provide(&mut pool, &batch);
        let mut got: Vec<u32> = pool.take(a).unwrap().into_keys().collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3]);
        assert_eq!(pool.take(b).unwrap()[&4].to_vec(), [4.0]);
        assert!(pool.take(b).is_none() && pool.drive(a, 10).is_none());
        assert_eq!(pool.known(&2).unwrap().to_vec(), [2.0]);
    }

    #[test]
    fn batches_are_bounded_and_own_texts_come_first() {
        let mut pool = Pool::new(0);
        let (a, b) = (pool.join(wants(&[1, 2])), pool.join(wants(&[3])));
        let batch = pool.drive(b, 2).unwrap();
        assert_eq!(keys(&batch), [3, 1]);
        provide(&mut pool, &batch);
        assert!(pool.take(b).is_some() && pool.take(a).is_none());
        let batch = pool.drive(a, 2).unwrap();
        assert_eq!(keys(&batch), [2]);
        provide(&mut pool, &batch);
        assert_eq!(pool.take(a).unwrap().len(), 2);
    }

    #[test]
    fn what_the_driver_abandons_another_takes_on() {
        let mut pool = Pool::new(0);
        let (a, b) = (pool.join(wants(&[1])), pool.join(wants(&[2])));
        let batch = pool.drive(a, 9).unwrap();
        pool.leave(a);
        pool.give_up(&keys(&batch));
        // Nobody wants 1 any more.
        let batch = pool.drive(b, 9).unwrap();
        assert_eq!(keys(&batch), [2]);
        provide(&mut pool, &batch);
        assert!(pool.take(b).is_some());
        // It can be asked for again.
        let c = pool.join(wants(&[1]));
        assert_eq!(keys(&pool.drive(c, 9).unwrap()), [1]);
    }

    #[test]
    fn waiting_is_only_for_someone_who_drives() {
        let mut pool = Pool::new(0);
        let a = pool.join(wants(&[1]));
        assert!(!pool.wait(Waker::noop()));
        let batch = pool.drive(a, 1).unwrap();
        assert!(pool.wait(Waker::noop()));
        pool.give_up(&keys(&batch));
        assert!(!pool.wait(Waker::noop()));
    }
}
