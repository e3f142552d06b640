//! Numbers by hashes: what is asked once for every word of the text.

/// Open addressing; hashes are hashes already.
#[derive(Debug)]
pub(super) struct Numbers {
    /// Hash and number plus one; 0: free.
    slots: Vec<(u64, u32)>,
    used: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            slots: vec![(0, 0); 64],
            used: 0,
        }
    }
}

impl Numbers {
    /// The number of a hash; one that is new gets what `new` says.
    #[inline(always)]
    pub fn of(&mut self, hash: u64, new: impl FnOnce() -> u32) -> u32 {
        let mut at = self.start(hash);
        loop {
            match self.slots[at] {
                (_, 0) => break,
                (known, number) if known == hash => return number - 1,
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
        let number = new();
        self.slots[at] = (hash, number + 1);
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    fn start(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let double = vec![(0, 0); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, double);
        for slot in old.into_iter().filter(|slot| slot.1 > 0) {
            let mut at = self.start(slot.0);
            while self.slots[at].1 > 0 {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_hash_keeps_its_number() {
        let (mut numbers, mut expected) = (Numbers::default(), HashMap::new());
        for i in 0..5000u64 {
            // Many that begin in the same slot.
            let hash = ((i * i % 700) << 20) | (i % 3);
            let next = expected.len() as u32;
            let number = *expected.entry(hash).or_insert(next);
            assert_eq!(numbers.of(hash, || next), number);
        }
    }
}
