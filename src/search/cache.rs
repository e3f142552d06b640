//! Recently recomputed embeddings, in memory only: never stored.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Embeddings by whatever names a text, least recently used out first.
#[derive(Debug, Clone)]
pub struct Cache<K> {
    capacity: usize,
    map: HashMap<K, usize>,
    slots: Vec<Slot<K>>,
    /// Most and least recently used.
    head: usize,
    tail: usize,
}

#[derive(Debug, Clone)]
struct Slot<K> {
    key: K,
    embedding: Arc<[f32]>,
    newer: usize,
    older: usize,
}

const NONE: usize = usize::MAX;

impl<K: Clone + Eq + Hash> Cache<K> {
    /// Keeps at most `capacity` embeddings; 384 values take 1.5 kB each.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            map: HashMap::new(),
            slots: Vec::new(),
            head: NONE,
            tail: NONE,
        }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// How many it may hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The embedding of a text, which thereby becomes the most recently used.
    pub fn get(&mut self, key: &K) -> Option<Arc<[f32]>> {
        let slot = *self.map.get(key)?;
        self.unlink(slot);
        self.link(slot);
        Some(Arc::clone(&self.slots[slot].embedding))
    }

    /// Keeps an embedding, in place of an older one of this text or of the least recently used.
    pub fn put(&mut self, key: K, embedding: Arc<[f32]>) {
        if self.capacity == 0 {
            return;
        }
        let slot = if let Some(&slot) = self.map.get(&key) {
            self.unlink(slot);
            slot
        } else if self.slots.len() < self.capacity {
            self.slots.push(Slot {
                key: key.clone(),
                embedding: Arc::clone(&embedding),
                newer: NONE,
                older: NONE,
            });
            self.slots.len() - 1
        } else {
            let slot = self.tail;
            self.unlink(slot);
            self.map.remove(&self.slots[slot].key);
            slot
        };
        self.slots[slot].key = key.clone();
        self.slots[slot].embedding = embedding;
        self.map.insert(key, slot);
        self.link(slot);
    }

    fn unlink(&mut self, slot: usize) {
        let (newer, older) = (self.slots[slot].newer, self.slots[slot].older);
        match self.slots.get_mut(newer) {
            Some(s) => s.older = older,
            None => self.head = older,
        }
        match self.slots.get_mut(older) {
            Some(s) => s.newer = newer,
            None => self.tail = newer,
        }
    }

    fn link(&mut self, slot: usize) {
        self.slots[slot].newer = NONE;
        self.slots[slot].older = self.head;
        match self.slots.get_mut(self.head) {
            Some(s) => s.newer = slot,
            None => self.tail = slot,
        }
        self.head = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_list(capacity in 0usize..6, ops in prop::collection::vec((0u32..10, any::<bool>()), 0..200)) {
            let mut cache = Cache::new(capacity);
            let mut model: Vec<(u32, f32)> = Vec::new(); // most recent first
            for (i, (id, put)) in ops.into_iter().enumerate() {
                let at = model.iter().position(|e| e.0 == id);
                if put {
                    at.map(|at| model.remove(at));
                    model.insert(0, (id, i as f32));
                    model.truncate(capacity);
                    cache.put(id, Arc::from([i as f32]));
                } else {
                    let expected = at.map(|at| { let e = model.remove(at); model.insert(0, e); [e.1] });
                    prop_assert_eq!(cache.get(&id).map(|e| e.to_vec()), expected.map(|e| e.to_vec()));
                }
                prop_assert_eq!(cache.len(), model.len());
            }
        }
    }
}
