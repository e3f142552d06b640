//! Which chunks of a stretch of text have which words: made in one pass, kept in memory, never stored.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::{Keywords, Term, hash, start, term};
use crate::text::{Kind, words};
use crate::wire::{Reader, put_varint};

/// Lists of chunks by term, with how often each has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Postings {
    /// Ascending, each with the end of its list; the list begins where that of the one before ends.
    terms: Vec<(Term, u32)>,
    /// Per term and chunk: the gap to the chunk before times 8 plus the count, 7 standing for more, which follow.
    lists: Vec<u8>,
    /// Words per chunk.
    lengths: Vec<u16>,
    words: u64,
}

/// Collects chunks in order.
#[derive(Debug, Default)]
pub struct Builder {
    /// Words as they are in the text: their number among `terms`, or `None` if they do not count.
    known: Map<Option<u32>>,
    terms: Vec<Term>,
    numbers: Map<u32>,
    /// Only these count, if given.
    only: Option<Only>,
    /// Number of the term, chunk.
    found: Vec<(u32, u32)>,
    lengths: Vec<u16>,
    words: u64,
}

/// The terms of a question.
#[derive(Debug)]
struct Only {
    /// Ascending.
    terms: Vec<Term>,
    /// A bit per start of a word that may have one of them as its stem.
    starts: Vec<u64>,
}

impl Only {
    fn of(keywords: &Keywords) -> Self {
        let mut starts = vec![0u64; 1 << 10];
        let mut set = |at: u16| starts[usize::from(at) / 64] |= 1 << (at % 64);
        for &[first, second] in keywords.starts() {
            // A stem of one letter may be that of any word that begins so.
            let seconds = if second == 0 {
                0..=255
            } else {
                second..=second
            };
            seconds.for_each(|second| set(u16::from_be_bytes([first, second])));
        }
        Self {
            terms: keywords.needed(),
            starts,
        }
    }

    fn may_have(&self, word: &str) -> bool {
        let at = u16::from_be_bytes(start(word));
        self.starts[usize::from(at) / 64] >> (at % 64) & 1 == 1
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

type Map<V> = HashMap<u64, V, BuildHasherDefault<Same>>;

impl Builder {
    /// Counts all words.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts only the words of a question: a scan that keeps nothing else.
    pub fn only(keywords: &Keywords) -> Self {
        Self {
            only: Some(Only::of(keywords)),
            ..Self::default()
        }
    }

    /// The next chunk. Words of the title of its document count as its own, once.
    pub fn push(&mut self, title: &str, text: &str) {
        let chunk = self.lengths.len() as u32;
        let mut length = 0u32;
        for text in [title, text] {
            words(text, |word, kind, _| {
                length += u32::from(matches!(kind, Kind::Part | Kind::Single));
                if let Some(number) = self.number(word) {
                    self.found.push((number, chunk));
                }
            });
        }
        self.lengths.push(length.min(u32::from(u16::MAX)) as u16);
        self.words += u64::from(length);
    }

    /// A chunk that cannot be read.
    pub fn skip(&mut self) {
        self.lengths.push(0);
    }

    fn number(&mut self, word: &str) -> Option<u32> {
        if self.only.as_ref().is_some_and(|only| !only.may_have(word)) {
            return None;
        }
        let hash = hash(word);
        if let Some(known) = self.known.get(&hash) {
            return *known;
        }
        let term = term(word);
        let counts = self
            .only
            .as_ref()
            .is_none_or(|only| only.terms.binary_search(&term).is_ok());
        let number = counts.then(|| {
            *self.numbers.entry(term).or_insert_with(|| {
                self.terms.push(term);
                self.terms.len() as u32 - 1
            })
        });
        self.known.insert(hash, number);
        number
    }

    /// The lists.
    pub fn finish(self) -> Postings {
        // Counting sort by term; chunks stay in order.
        let mut ends = vec![0u32; self.terms.len() + 1];
        for (number, _) in &self.found {
            ends[*number as usize + 1] += 1;
        }
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        let starts = ends.clone();
        let mut chunks = vec![0u32; self.found.len()];
        for (number, chunk) in self.found {
            let at = &mut ends[number as usize];
            chunks[*at as usize] = chunk;
            *at += 1;
        }
        let mut order: Vec<(Term, usize)> = self.terms.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut postings = Postings {
            terms: Vec::with_capacity(order.len()),
            lists: Vec::new(),
            lengths: self.lengths,
            words: self.words,
        };
        for (term, number) in order {
            let list = &chunks[starts[number] as usize..starts[number + 1] as usize];
            let mut next = 0;
            for run in list.chunk_by(|a, b| a == b) {
                let (gap, count) = (u64::from(run[0] - next), run.len() as u64);
                put_varint(&mut postings.lists, gap * 8 + count.min(7));
                if count >= 7 {
                    put_varint(&mut postings.lists, count - 7);
                }
                next = run[0] + 1;
            }
            postings.terms.push((term, postings.lists.len() as u32));
        }
        postings.lists.shrink_to_fit();
        postings
    }
}

impl Postings {
    /// Chunks, found or not.
    pub fn chunks(&self) -> usize {
        self.lengths.len()
    }

    /// Words of all chunks.
    pub fn words(&self) -> u64 {
        self.words
    }

    /// Words of a chunk.
    pub(crate) fn length(&self, chunk: u32) -> u16 {
        self.lengths[chunk as usize]
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.terms.len() * size_of::<(Term, u32)>() + self.lists.len() + self.lengths.len() * 2
    }

    /// Chunks that have a term, ascending, and how often.
    pub(crate) fn list(&self, term: Term) -> impl Iterator<Item = (u32, u32)> {
        let at = self.terms.binary_search_by_key(&term, |t| t.0).ok();
        let list = at.map_or(&[][..], |at| {
            let start = at.checked_sub(1).map_or(0, |before| self.terms[before].1);
            &self.lists[start as usize..self.terms[at].1 as usize]
        });
        let mut reader = Reader::new(list);
        let mut next = 0u32;
        std::iter::from_fn(move || {
            let coded = reader.varint().ok()?;
            let chunk = next + (coded / 8) as u32;
            next = chunk + 1;
            let mut count = (coded % 8) as u32;
            if count == 7 {
                count += reader.varint().ok()? as u32;
            }
            Some((chunk, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn build(mut builder: Builder, chunks: &[String]) -> Postings {
        chunks.iter().for_each(|text| builder.push("", text));
        builder.finish()
    }

    /// Words of a text that share a term with `word`.
    fn count(text: &str, word: &str) -> u32 {
        let mut count = 0;
        words(text, |other, _, _| {
            count += u32::from(term(other) == term(word))
        });
        count
    }

    proptest! {
        #[test]
        fn lists_agree_with_counting_and_a_scan_finds_the_same(
            chunks in prop::collection::vec("((flies|fly|ies|i|ing|rating|rate|x1|x-1|Caf\u{e9}) ){0,30}", 0..40), wanted in prop::collection::vec("(flies|ies|rates|rating|x-1|cafe|x)", 1..4)
        ) {
            let all = build(Builder::new(), &chunks);
            let some = build(Builder::only(&Keywords::parse(&wanted.join(" "))), &chunks);
            prop_assert_eq!(all.chunks(), chunks.len());
            for word in wanted.iter().filter(|w| *w != "x-1") {
                let expected: Vec<(u32, u32)> = (0u32..)
                    .zip(&chunks)
                    .map(|(i, c)| (i, count(c, word)))
                    .filter(|(_, n)| *n > 0)
                    .collect();
                prop_assert_eq!(all.list(term(word)).collect::<Vec<_>>(), expected.clone());
                prop_assert_eq!(some.list(term(word)).collect::<Vec<_>>(), expected);
            }
            prop_assert_eq!(all.list(term("absent")).count(), 0);
        }
    }
}
