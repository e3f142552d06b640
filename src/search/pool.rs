//! Several searches on common batches.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::{Cache, Error, Search, Step};

/// Searches that run together: what several of them want is embedded once, in one batch.
#[derive(Debug)]
pub struct Pool {
    members: Vec<Member>,
    wanted: Vec<u32>,
}

#[derive(Debug)]
struct Member {
    query: Vec<f32>,
    search: Search,
    /// Exact scores of pending chunks that are known already.
    known: HashMap<u32, f32>,
}

impl Pool {
    /// Queries (embeddings) and their searches.
    pub fn new(members: Vec<(Vec<f32>, Search)>) -> Self {
        let member = |(query, search)| Member {
            query,
            search,
            known: HashMap::new(),
        };
        Self {
            members: members.into_iter().map(member).collect(),
            wanted: Vec::new(),
        }
    }

    /// The chunks to embed now, without repeats; empty when all searches are done. What `cache` holds is
    /// fed from there.
    ///
    /// # Errors
    /// As [`Pool::provide`].
    pub fn wanted(&mut self, cache: &mut Cache) -> Result<&[u32], Error> {
        self.advance(&HashMap::new(), cache)?;
        Ok(&self.wanted)
    }

    /// Embeddings of the chunks last wanted, in their order; they go into the cache, too.
    ///
    /// # Errors
    /// [`Error::Unasked`] or [`Error::Dimension`] if they do not fit, [`Error::NotFinite`] if one is no
    /// number; then nothing was taken and the chunks stay wanted.
    pub fn provide(&mut self, embeddings: &[Vec<f32>], cache: &mut Cache) -> Result<(), Error> {
        if embeddings.len() != self.wanted.len() {
            return Err(Error::Unasked {
                found: embeddings.len(),
                expected: self.wanted.len(),
            });
        }
        let dim = self.members.first().map_or(0, |m| m.query.len());
        for (&id, e) in self.wanted.iter().zip(embeddings) {
            if e.len() != dim {
                return Err(Error::Dimension {
                    id,
                    found: e.len(),
                    expected: dim,
                });
            }
            if e.iter().any(|v| !v.is_finite()) {
                return Err(Error::NotFinite { id });
            }
        }
        let wanted = std::mem::take(&mut self.wanted);
        let fresh = wanted
            .iter()
            .copied()
            .zip(embeddings.iter().map(Vec::as_slice))
            .collect();
        if let Err(e) = self.advance(&fresh, cache) {
            self.wanted = wanted;
            return Err(e);
        }
        for (&id, e) in wanted.iter().zip(embeddings) {
            cache.put(id, e);
        }
        Ok(())
    }

    /// Feeds every search that has all it wants, until each wants something new.
    fn advance(&mut self, fresh: &HashMap<u32, &[f32]>, cache: &mut Cache) -> Result<(), Error> {
        let (mut wanted, mut seen) = (Vec::new(), HashSet::new());
        for Member {
            query,
            search,
            known,
        } in &mut self.members
        {
            while let Step::Embed(ids) = search.step() {
                let mut scores = Vec::with_capacity(ids.len());
                for &id in ids {
                    if let Entry::Vacant(slot) = known.entry(id) {
                        let embedding = fresh.get(&id).copied().or_else(|| cache.get(id));
                        if let Some(e) = embedding {
                            slot.insert(score(id, query, e)?);
                        }
                    }
                    match known.get(&id) {
                        Some(&s) => scores.push(s),
                        None if seen.insert(id) => wanted.push(id),
                        None => {}
                    }
                }
                if scores.len() < ids.len() {
                    break;
                }
                search.feed(&scores)?;
                known.clear();
            }
        }
        self.wanted = wanted;
        Ok(())
    }

    /// The searches, in the order given.
    pub fn searches(&self) -> impl Iterator<Item = &Search> {
        self.members.iter().map(|m| &m.search)
    }
}

fn score(id: u32, query: &[f32], embedding: &[f32]) -> Result<f32, Error> {
    if query.len() != embedding.len() {
        return Err(Error::Dimension {
            id,
            found: embedding.len(),
            expected: query.len(),
        });
    }
    Ok(query.iter().zip(embedding).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, Rule};
    use super::*;
    use crate::codec::Prior;

    fn search(ids: std::ops::Range<u32>, batch: usize) -> Search {
        let rule = Rule::new(
            1.0,
            Prior {
                bias: 0.0,
                slope: 1.0,
                spread: 0.1,
            },
        )
        .unwrap()
        .batch(batch);
        Search::new(
            ids.map(|id| Candidate { id, score: 0.5 }).collect(),
            2,
            rule,
        )
        .unwrap()
    }

    fn embedding(id: u32) -> Vec<f32> {
        vec![id as f32, -(id as f32)]
    }

    fn drive(pool: &mut Pool, cache: &mut Cache) -> usize {
        let mut embedded = 0;
        loop {
            let wanted = pool.wanted(cache).unwrap().to_vec();
            if wanted.is_empty() {
                return embedded;
            }
            embedded += wanted.len();
            assert!(embedded < 1000);
            let vectors: Vec<_> = wanted.iter().map(|&id| embedding(id)).collect();
            pool.provide(&vectors, cache).unwrap();
        }
    }

    #[test]
    fn shared_candidates_are_embedded_once_and_each_query_gets_its_own_answer() {
        for capacity in [0, 3, 100] {
            let mut cache = Cache::new(capacity);
            let members = vec![
                (vec![1.0, 0.0], search(0..20, 20)),
                (vec![0.0, 1.0], search(10..30, 20)),
            ];
            let mut pool = Pool::new(members);
            assert_eq!(drive(&mut pool, &mut cache), 30, "capacity {capacity}");
            let best: Vec<u32> = pool.searches().map(|s| s.hits()[0].id).collect();
            assert_eq!(best, [19, 10]);
        }
    }

    #[test]
    fn a_cache_too_small_for_a_batch_still_ends() {
        let mut cache = Cache::new(1);
        let members = vec![
            (vec![1.0, 0.0], search(0..20, 3)),
            (vec![0.0, 1.0], search(5..20, 7)),
        ];
        drive(&mut Pool::new(members), &mut cache);
    }

    #[test]
    fn what_the_cache_holds_is_not_asked_for() {
        let mut cache = Cache::new(100);
        (0..20).for_each(|id| cache.put(id, &embedding(id)));
        let mut pool = Pool::new(vec![(vec![1.0, 0.0], search(0..20, 4))]);
        assert!(pool.wanted(&mut cache).unwrap().is_empty());
    }

    #[test]
    fn a_broken_embedding_is_refused_and_asked_for_again() {
        let mut cache = Cache::new(0);
        let mut pool = Pool::new(vec![(vec![1.0, 0.0], search(0..2, 4))]);
        let wanted = pool.wanted(&mut cache).unwrap().to_vec();
        for bad in [vec![f32::NAN, 0.0], vec![0.0]] {
            assert!(pool.provide(&[embedding(0), bad], &mut cache).is_err());
        }
        assert!(pool.provide(&[], &mut cache).is_err());
        assert_eq!(pool.wanted(&mut cache).unwrap(), wanted);
        assert_eq!(drive(&mut pool, &mut cache), 2);
    }
}
