//! The manifests of a store that lives in memory: the two newest.

use std::collections::BTreeMap;

use super::Error;

/// Manifests by generation.
#[derive(Clone, Debug, Default)]
pub(super) struct Manifests(BTreeMap<u64, Vec<u8>>);

impl Manifests {
    /// Refuses a generation that is not newer than those here.
    pub fn admit(&self, generation: u64) -> Result<(), Error> {
        match self.0.last_key_value() {
            Some((&newest, _)) if newest >= generation => Err(Error::Locked {
                owner: "another writer".into(),
            }),
            _ => Ok(()),
        }
    }

    /// Takes one in, and lets go of those that are too old.
    pub fn insert(&mut self, generation: u64, manifest: &[u8]) {
        self.0.insert(generation, manifest.to_vec());
        while self.0.len() > 2 {
            self.0.pop_first();
        }
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// All of them, the newest first.
    pub fn newest_first(&self) -> Vec<(u64, Vec<u8>)> {
        let all = self.0.iter().rev();
        all.map(|(g, m)| (*g, m.clone())).collect()
    }
}
