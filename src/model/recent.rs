//! Tokens of passages that were embedded lately: searches meet the same ones again and again.
//!
//! Two generations instead of a list in order of use: what is used goes to the young one; when that is full it
//! becomes the old one, and what was old is forgotten. Nothing is looked for, and what is used stays.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::Error;

/// The first half of a SHA-256: no two texts share it.
type Key = [u8; 16];

/// A bounded memory of token lists.
pub(super) struct Recent {
    /// Tokens of a generation at most.
    most: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Key, Box<[u32]>>,
    old: HashMap<Key, Box<[u32]>>,
    /// Tokens of the young.
    tokens: usize,
}

impl Recent {
    /// Remembers `most` tokens at most.
    pub fn new(most: usize) -> Self {
        Self {
            most: most / 2,
            generations: Mutex::default(),
        }
    }

    /// Tokens of every text: remembered, or made by `encode`, which is given those that are not.
    ///
    /// # Errors
    /// Those of `encode`.
    pub fn tokens(
        &self,
        texts: &[&str],
        encode: impl FnOnce(&[&str]) -> Result<Vec<Vec<u32>>, Error>,
    ) -> Result<Vec<Vec<u32>>, Error> {
        let keys: Vec<Key> = texts.iter().map(|text| key(text)).collect();
        let mut all: Vec<Option<Vec<u32>>> = {
            let mut known = self.lock();
            keys.iter().map(|key| known.find(key, self.most)).collect()
        };
        let missing: Vec<usize> = (0..texts.len()).filter(|&i| all[i].is_none()).collect();
        let unknown: Vec<&str> = missing.iter().map(|&i| texts[i]).collect();
        let made = encode(&unknown).map_err(|e| match e {
            // The place among all texts, not among those that were encoded.
            Error::TooLong {
                index,
                tokens,
                limit,
            } => Error::TooLong {
                index: missing.get(index).copied().unwrap_or(index),
                tokens,
                limit,
            },
            other => other,
        })?;
        let mut known = self.lock();
        for (&i, tokens) in missing.iter().zip(made) {
            known.keep(keys[i], tokens.clone().into(), self.most);
            all[i] = Some(tokens);
        }
        Ok(all.into_iter().flatten().collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn find(&mut self, key: &Key, most: usize) -> Option<Vec<u32>> {
        if let Some(tokens) = self.young.get(key) {
            return Some(tokens.to_vec());
        }
        let tokens = self.old.remove(key)?;
        let found = tokens.to_vec();
        self.keep(*key, tokens, most);
        Some(found)
    }

    fn keep(&mut self, key: Key, tokens: Box<[u32]>, most: usize) {
        if self.tokens + tokens.len() > most {
            self.old = std::mem::take(&mut self.young);
            self.tokens = 0;
        }
        if tokens.len() <= most {
            self.tokens += tokens.len();
            if let Some(before) = self.young.insert(key, tokens) {
                self.tokens -= before.len();
            }
        }
    }
}

fn key(text: &str) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(text)[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One token per byte, and a note of what was encoded.
    fn ask(recent: &Recent, texts: &[&str]) -> (Vec<Vec<u32>>, Vec<String>) {
        let mut encoded = Vec::new();
        let tokens = recent.tokens(texts, |unknown| {
            encoded.extend(unknown.iter().map(|text| (*text).to_owned()));
            let of = |text: &&str| text.bytes().map(u32::from).collect();
            Ok(unknown.iter().map(of).collect())
        });
        (tokens.unwrap(), encoded)
    }

    #[test]
    fn only_texts_not_seen_lately_are_encoded_and_order_is_kept() {
        let recent = Recent::new(100);
        assert_eq!(ask(&recent, &["ab", "c"]).1, ["ab", "c"]);
        let (tokens, encoded) = ask(&recent, &["c", "new", "ab"]);
        assert_eq!(encoded, ["new"]);
        assert_eq!(
            tokens,
            [&b"c"[..], b"new", b"ab"].map(|t| t.iter().map(|&b| u32::from(b)).collect::<Vec<_>>())
        );
    }

    #[test]
    fn it_stays_within_its_bound_and_keeps_what_is_used() {
        let recent = Recent::new(100);
        let text = |i: usize| format!("text number {i:03}");
        ask(&recent, &["always"]);
        for i in 0..500 {
            ask(&recent, &[&text(i)]);
            assert!(ask(&recent, &["always"]).1.is_empty(), "after {i}");
            let known = recent.lock();
            let held: usize = known
                .young
                .values()
                .chain(known.old.values())
                .map(|t| t.len())
                .sum();
            assert!(held <= 100, "{held}");
        }
        assert_eq!(ask(&recent, &[&text(3)]).1, [text(3)]);
        // More than there is room for is not kept, and does no harm.
        let long = "x".repeat(200);
        assert_eq!(ask(&recent, &[&long, "always"]).0[0].len(), 200);
    }

    #[test]
    fn a_text_that_is_too_long_is_named_by_its_place_among_all() {
        let recent = Recent::new(100);
        ask(&recent, &["known"]);
        let error = recent.tokens(&["known", "long"], |_| {
            Err(Error::TooLong {
                index: 0,
                tokens: 9,
                limit: 8,
            })
        });
        assert!(matches!(error, Err(Error::TooLong { index: 1, .. })));
    }
}
