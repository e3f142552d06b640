//! The words of a question in a text that is read once: most words are passed over by how they begin.

use std::ops::Range;

use super::{Keywords, Start, Term, start, term};
use crate::text::{BLOCK, Kind, bits, compound, sparse};

/// The terms of a question.
#[derive(Debug)]
pub(super) struct Only {
    /// Ascending.
    terms: Vec<Term>,
    /// Whether a word of a first byte may have one of them as its stem.
    firsts: [bool; 256],
    /// A bit per hash of its first three bytes.
    starts: Vec<u64>,
    /// How plain words begin that may be wanted.
    patterns: Vec<Pattern>,
}

/// First bytes, and which bits of them count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pattern {
    bytes: [u8; 3],
    mask: [u8; 3],
}

impl Only {
    pub fn of(keywords: &Keywords) -> Self {
        let mut only = Self {
            terms: keywords.needed(),
            firsts: [false; 256],
            starts: vec![0; 1 << 10],
            patterns: Vec::new(),
        };
        for &Start { bytes, len } in keywords.starts() {
            let any = |at: usize| match at < len {
                true => bytes[at]..=bytes[at],
                false => 0..=255,
            };
            only.firsts[usize::from(bytes[0])] = true;
            let mask = [0, 1, 2].map(|at| if at < len { 0xff } else { 0 });
            let pattern = Pattern { bytes, mask };
            if bytes[..len].is_ascii() && !only.patterns.contains(&pattern) {
                only.patterns.push(pattern);
            }
            for second in any(1) {
                for third in any(2) {
                    let at = place([bytes[0], second, third]);
                    only.starts[at / 64] |= 1 << (at % 64);
                }
            }
        }
        only
    }

    #[inline(always)]
    fn may_have(&self, start: [u8; 3]) -> bool {
        let at = place(start);
        self.firsts[usize::from(start[0])] && self.starts[at / 64] >> (at % 64) & 1 == 1
    }

    /// Calls `each` with every term of the question that a text has, as often as it has it. Returns how many words
    /// it has in all.
    pub fn count(&self, text: &str, mut each: impl FnMut(Term)) -> u32 {
        let bytes = text.as_bytes();
        let mut length = 0;
        let mut folded = String::new();
        let wanted = |bytes: &[u8; BLOCK + 2]| self.wanted(bytes);
        let passed = sparse(text, wanted, |place, plain| {
            if plain {
                length += 1;
                if self.may_have(start_of(&bytes[place.clone()])) {
                    folded.clear();
                    folded.push_str(&text[place]);
                    folded.make_ascii_lowercase();
                    self.look(&folded, &mut each);
                }
                return;
            }
            if let Some(parts) = self.pass_over(&bytes[place.clone()]) {
                length += parts;
                return;
            }
            compound(text, place, &mut |word, kind, _| {
                length += u32::from(matches!(kind, Kind::Part | Kind::Single));
                if self.may_have(start(word.as_bytes())) {
                    self.look(word, &mut each);
                }
            });
        });
        length + passed
    }

    /// Where in a block words may begin that are wanted.
    #[inline(always)]
    fn wanted(&self, bytes: &[u8; BLOCK + 2]) -> u64 {
        let mut flags = [0; BLOCK];
        for Pattern {
            bytes: [a, b, c],
            mask: [_, second, third],
        } in &self.patterns
        {
            // Without branches, so that the compiler takes many at once.
            for at in 0..BLOCK {
                let other =
                    (bytes[at] ^ a) | (bytes[at + 1] ^ b) & second | (bytes[at + 2] ^ c) & third;
                flags[at] |= u8::from(other == 0);
            }
        }
        bits(&flags)
    }

    fn look(&self, word: &str, each: &mut impl FnMut(Term)) {
        let term = term(word);
        if self.terms.binary_search(&term).is_ok() {
            each(term);
        }
    }

    /// How many words a span of ASCII words and joiners has, if none of them may be one of the question's: not its
    /// parts, nor what these are as a whole.
    fn pass_over(&self, span: &[u8]) -> Option<u32> {
        let mut parts = 0;
        let mut at = 0;
        while at < span.len() {
            let part = part(span, at);
            let may_have = match &span[part.clone()] {
                [] => true,
                // An ending or another part may follow without a gap.
                [first] | [first, _] => self.firsts[usize::from(first | 0x20)],
                more => self.may_have(start_of(more)),
            };
            if may_have || span.get(part.end).is_some_and(|b| *b >= 0x80) {
                return None;
            }
            let ending = at > 0 && span[at - 1] == b'\'' && is_ending(&span[part.clone()]);
            parts += u32::from(!ending);
            at = part.end + 1;
        }
        Some(parts)
    }
}

/// Which bit stands for a start (multiplicative hashing).
#[inline(always)]
fn place([first, second, third]: [u8; 3]) -> usize {
    (u32::from_le_bytes([first, second, third, 0]).wrapping_mul(0x9e37_79b1) >> 16) as usize
}

/// The start of a word of ASCII letters and digits as it is folded: lower case is one bit, which digits have, too.
#[inline(always)]
fn start_of(word: &[u8]) -> [u8; 3] {
    match *word {
        [a, b, c, ..] => [a | 0x20, b | 0x20, c | 0x20],
        [a, b] => [a | 0x20, b | 0x20, 0],
        [a] => [a | 0x20, 0, 0],
        [] => [0; 3],
    }
}

/// The letters and digits from `at`.
fn part(span: &[u8], at: usize) -> Range<usize> {
    let rest = &span[at..];
    let others = rest.iter().position(|b| !b.is_ascii_alphanumeric());
    at..at + others.unwrap_or(rest.len())
}

/// What is no word of its own after an apostrophe.
fn is_ending(part: &[u8]) -> bool {
    let endings: [&[u8]; 7] = [b"s", b"t", b"d", b"m", b"re", b"ve", b"ll"];
    endings.iter().any(|e| part.eq_ignore_ascii_case(e))
}
