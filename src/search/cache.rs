//! Recently recomputed embeddings, in memory only: never stored.

use std::collections::HashMap;

/// Embeddings by chunk, least recently used out first.
#[derive(Debug, Clone)]
pub struct Cache {
    capacity: usize,
    map: HashMap<u32, usize>,
    slots: Vec<Slot>,
    /// Most and least recently used.
    head: usize,
    tail: usize,
}

#[derive(Debug, Clone)]
struct Slot {
    id: u32,
    embedding: Box<[f32]>,
    newer: usize,
    older: usize,
}

const NONE: usize = usize::MAX;

impl Cache {
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

    /// The embedding of a chunk, which thereby becomes the most recently used.
    pub fn get(&mut self, id: u32) -> Option<&[f32]> {
        let slot = *self.map.get(&id)?;
        self.unlink(slot);
        self.link(slot);
        Some(&self.slots[slot].embedding)
    }

    /// Keeps an embedding, in place of an older one of this chunk or of the least recently used.
    pub fn put(&mut self, id: u32, embedding: &[f32]) {
        if self.capacity == 0 {
            return;
        }
        let slot = if let Some(&slot) = self.map.get(&id) {
            self.unlink(slot);
            slot
        } else if self.slots.len() < self.capacity {
            self.slots.push(Slot {
                id,
                embedding: Box::default(),
                newer: NONE,
                older: NONE,
            });
            self.slots.len() - 1
        } else {
            let slot = self.tail;
            self.unlink(slot);
            self.map.remove(&self.slots[slot].id);
            slot
        };
        self.slots[slot].id = id;
        self.slots[slot].embedding = embedding.into();
        self.map.insert(id, slot);
        self.link(slot);
    }

    /// Forgets everything, as when chunks were renumbered.
    pub fn clear(&mut self) {
        *self = Self::new(self.capacity);
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
                    cache.put(id, &[i as f32]);
                } else {
                    let expected = at.map(|at| { let e = model.remove(at); model.insert(0, e); [e.1] });
                    prop_assert_eq!(cache.get(id), expected.as_ref().map(|e| e.as_slice()));
                }
                prop_assert_eq!(cache.len(), model.len());
            }
        }
    }
}
