//! Keyword search without an inverted index on disk: words are counted when they are first asked for, kept in
//! memory, and never stored.
//!
//! [`Keywords`] is what a question asks for, [`Postings`] what a stretch of text has, [`rank`] the scores of its
//! chunks (BM25). [`Keywords::marks`] says what to show of a passage.

mod marks;
mod numbers;
mod only;
mod postings;
mod query;
mod rank;

pub use marks::sentences;
pub use postings::{Builder, Postings};
pub use query::Keywords;
pub(crate) use query::{Phrase, Start, start};
pub use rank::{Ranking, rank};

use std::ops::Range;

use crate::text::stem;

/// A word's stem, hashed: 64 bits, so that among a million words two share one with odds of one in 40 million.
pub(crate) type Term = u64;

/// Hashes a folded word as it is (for phrases, and to look it up without stemming): FxHash over eight bytes at a
/// time, finished as in splitmix64.
fn hash(word: &str) -> u64 {
    let mut hash = word.len() as u64;
    for part in word.as_bytes().chunks(8) {
        let mut eight = [0; 8];
        eight[..part.len()].copy_from_slice(part);
        hash = mixed(hash, u64::from_le_bytes(eight));
    }
    finished(hash)
}

/// The same of a word of ASCII letters and digits that is not folded yet, where it stands.
fn hash_plain(text: &[u8], place: Range<usize>) -> u64 {
    let mut hash = place.len() as u64;
    for at in place.clone().step_by(8) {
        let left = place.end - at;
        let eight = match text[at..].first_chunk() {
            Some(eight) => *eight,
            None => {
                let mut eight = [0; 8];
                let part = &text[at..place.end];
                eight[..part.len()].copy_from_slice(part);
                eight
            }
        };
        // Lower case is one bit, which digits have, too.
        let folded = u64::from_le_bytes(eight) | 0x2020_2020_2020_2020;
        let beyond = 64 - 8 * left.min(8);
        hash = mixed(hash, folded << beyond >> beyond);
    }
    finished(hash)
}

fn mixed(hash: u64, eight: u64) -> u64 {
    (hash.rotate_left(5) ^ eight).wrapping_mul(0x517c_c1b7_2722_0a95)
}

fn finished(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^ (hash >> 31)
}

/// The term of a folded word.
fn term(word: &str) -> Term {
    hash(&stem(word))
}
