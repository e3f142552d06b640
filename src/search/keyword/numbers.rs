//! Numbers by hashes: what is asked once for every word of the text.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Numbers by hashes.
#[derive(Debug, Default)]
pub(super) struct Numbers(HashMap<u64, u32, BuildHasherDefault<Same>>);

impl Numbers {
    /// The number of a hash; one that is new gets what `new` says.
    #[inline(always)]
    pub fn of(&mut self, hash: u64, new: impl FnOnce() -> u32) -> u32 {
        *self.0.entry(hash).or_insert_with(new)
    }
}

/// Hashes are hashes already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}
