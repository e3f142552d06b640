//! Which chunks of a stretch of text have which words: made in one pass, kept in memory, never stored.

use super::numbers::Numbers;
use super::only::Only;
use super::{Keywords, Term, hash, hash_plain, term};
use crate::text::{Kind, compound, spans};
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
    /// Numbers by the hashes of words as they are in the text.
    known: Numbers,
    /// Numbers of terms: their places in `terms`.
    numbers: Numbers,
    terms: Vec<Term>,
    /// Only these count, if given.
    only: Option<Only>,
    /// Numbers of terms, chunk by chunk.
    found: Vec<u32>,
    /// Where those of a chunk end.
    ends: Vec<u32>,
    lengths: Vec<u16>,
    words: u64,
}

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
        let length = self.count(title) + self.count(text);
        self.lengths.push(length.min(u32::from(u16::MAX)) as u16);
        self.words += u64::from(length);
        self.ends.push(self.found.len() as u32);
    }

    /// A chunk that cannot be read.
    pub fn skip(&mut self) {
        self.lengths.push(0);
        self.ends.push(self.found.len() as u32);
    }

    fn count(&mut self, text: &str) -> u32 {
        let (numbers, terms, found) = (&mut self.numbers, &mut self.terms, &mut self.found);
        let mut number = |term: Term| {
            numbers.of(term, || {
                terms.push(term);
                terms.len() as u32 - 1
            })
        };
        if let Some(only) = &self.only {
            return only.count(text, |term| found.push(number(term)));
        }
        let mut length = 0;
        let (bytes, known) = (text.as_bytes(), &mut self.known);
        spans(text, |place, plain| {
            if plain {
                length += 1;
                let hash = hash_plain(bytes, place.clone());
                let word = || text[place].to_ascii_lowercase();
                found.push(known.of(hash, || number(term(&word()))));
            } else {
                compound(text, place, &mut |word, kind, _| {
                    length += u32::from(matches!(kind, Kind::Part | Kind::Single));
                    found.push(known.of(hash(word), || number(term(word))));
                });
            }
        });
        length
    }

    /// The lists.
    pub fn finish(self) -> Postings {
        // Counting sort by term; chunks stay in order.
        let mut ends = vec![0u32; self.terms.len() + 1];
        for number in &self.found {
            ends[*number as usize + 1] += 1;
        }
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        let starts = ends.clone();
        let mut chunks = vec![0u32; self.found.len()];
        let mut from = 0;
        for (chunk, &to) in (0..).zip(&self.ends) {
            for number in &self.found[from..to as usize] {
                let at = &mut ends[*number as usize];
                chunks[*at as usize] = chunk;
                *at += 1;
            }
            from = to as usize;
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
    use crate::text::words;
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

    #[test]
    fn words_hash_the_same_folded_or_not() {
        let text = "A Word, Antidisestablishmentarianism 1234567 12345678 X9Y8Z7w6 e";
        words(text, |word, _, place| {
            assert_eq!(hash(word), hash_plain(text.as_bytes(), place), "{word}");
        });
    }

    proptest! {
        #[test]
        fn a_scan_counts_the_words_as_all_are_counted(
            text in "([a-e]{1,2}|[A-E1-3]|['.,@-]|\u{e9}|東|\u{2019}|t|ll| ){0,60}", question in "[a-e1-3]{1,3}([ .'-][a-e1-3t]{1,2}){0,3}"
        ) {
            let all = build(Builder::new(), std::slice::from_ref(&text));
            let keywords = Keywords::parse(&question);
            let some = build(Builder::only(&keywords), std::slice::from_ref(&text));
            prop_assert_eq!(all.words(), some.words());
            for term in keywords.needed() {
                prop_assert_eq!(all.list(term).collect::<Vec<_>>(), some.list(term).collect::<Vec<_>>());
            }
        }

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
