//! WordPiece: a packed vocabulary, and the longest match first in it (Devlin et al. 2018; Wu et al. 2016, section 4.1).
//!
//! In the library's place, which keeps every piece twice, a string of its own in a map: for MiniLM's 30,522 that took 7.6 MB
//! more, beside 23 MB of weights in 8 bits. Here pieces lie one after the other, and no string is made while a text is read.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use tokenizers::models::wordpiece::WordPieceTrainer;
use tokenizers::{Model, Token};

/// What such a model is called.
pub(super) const KIND: &str = "WordPiece";

/// The model part of a `tokenizer.json`.
#[derive(Deserialize)]
struct Stored {
    /// Old files do not name it.
    #[serde(rename = "type")]
    kind: Option<String>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: Vocabulary,
}

/// A vocabulary with what is needed to cut words into its pieces.
#[derive(Deserialize)]
#[serde(try_from = "Stored")]
pub(super) struct WordPiece {
    vocabulary: Vocabulary,
    /// Stands for a word that no pieces make up.
    unknown: u32,
    /// What pieces begin with that do not begin a word.
    prefix: Box<str>,
    /// Characters of a word at most.
    longest: usize,
}

impl TryFrom<Stored> for WordPiece {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        if let Some(kind) = stored.kind.filter(|kind| kind != KIND) {
            return Err(format!("its model is not {KIND}: {kind}"));
        }
        let unknown = stored.vocab.find("", &stored.unk_token);
        Ok(Self {
            unknown: unknown.ok_or(format!("{:?} is not in it", stored.unk_token))?,
            vocabulary: stored.vocab,
            prefix: stored.continuing_subword_prefix.into(),
            longest: stored.max_input_chars_per_word,
        })
    }
}

impl WordPiece {
    /// The largest id.
    pub fn last_id(&self) -> u32 {
        let ids = self.vocabulary.pieces.iter().map(|piece| piece.id);
        ids.max().unwrap_or(0)
    }

    /// The pieces of a word as ids and ranges; nothing if a part of it is none.
    fn cut(&self, word: &str) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        let (mut start, mut prefix) = (0, "");
        while start < word.len() {
            let (length, id) = self.vocabulary.longest(prefix, &word[start..])?;
            tokens.push(token(id, start, start + length));
            start += length;
            prefix = &self.prefix;
        }
        Some(tokens)
    }
}

/// Nobody reads what a token looks like.
fn token(id: u32, start: usize, end: usize) -> Token {
    Token::new(id, String::new(), (start, end))
}

impl Model for WordPiece {
    type Trainer = WordPieceTrainer;

    fn tokenize(&self, word: &str) -> tokenizers::Result<Vec<Token>> {
        let fits = word.chars().nth(self.longest).is_none();
        let tokens = fits.then(|| self.cut(word)).flatten();
        Ok(tokens.unwrap_or_else(|| vec![token(self.unknown, 0, word.len())]))
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.vocabulary.find("", token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        let vocabulary = &self.vocabulary;
        let number = vocabulary.pieces.iter().position(|piece| piece.id == id)?;
        Some(vocabulary.text(number).into())
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        let pieces = self.vocabulary.pieces.iter().enumerate();
        let named = pieces.map(|(number, piece)| (self.vocabulary.text(number).into(), piece.id));
        named.collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.vocabulary.pieces.len()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("a packed vocabulary is not written".into())
    }

    fn get_trainer(&self) -> WordPieceTrainer {
        WordPieceTrainer::default()
    }
}

/// Where the text of a piece ends, that of the next one beginning there, and its id.
struct Piece {
    end: u32,
    id: u32,
}

/// Pieces and their ids, found by hash.
struct Vocabulary {
    text: String,
    pieces: Vec<Piece>,
    /// An open table of at least twice as many as there are pieces, a power of two: a piece's number plus one, or 0.
    slots: Vec<u32>,
    /// Bytes of the longest piece.
    longest: usize,
}

impl Vocabulary {
    fn text(&self, number: usize) -> &str {
        let before = number.checked_sub(1);
        let start = before.map_or(0, |before| self.pieces[before].end);
        &self.text[start as usize..self.pieces[number].end as usize]
    }

    /// The slot of the piece that `prefix` and `rest` make up, or the empty one where it belongs.
    fn slot(&self, hash: Hash, prefix: &str, rest: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash.start() & mask;
        while let Some(number) = self.slots[slot].checked_sub(1)
            && self.text(number as usize).strip_prefix(prefix) != Some(rest)
        {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn at(&self, slot: usize) -> Option<u32> {
        let number = self.slots[slot].checked_sub(1)?;
        Some(self.pieces[number as usize].id)
    }

    fn find(&self, prefix: &str, rest: &str) -> Option<u32> {
        let hash = Hash::of(prefix).and(rest);
        self.at(self.slot(hash, prefix, rest))
    }

    /// The longest start of `word` that is a piece after `prefix`: its length in bytes and its id.
    fn longest(&self, prefix: &str, word: &str) -> Option<(usize, u32)> {
        let mut hash = Hash::of(prefix);
        let mut found = None;
        for (start, c) in word.char_indices() {
            let end = start + c.len_utf8();
            if prefix.len() + end > self.longest {
                break;
            }
            hash = hash.and(&word[start..end]);
            let id = self.at(self.slot(hash, prefix, &word[..end]));
            found = id.map(|id| (end, id)).or(found);
        }
        found
    }
}

/// FNV-1a (Fowler, Noll and Vo), which can be carried on from byte to byte.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn of(text: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).and(text)
    }

    fn and(self, text: &str) -> Self {
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Self(text.bytes().fold(self.0, step))
    }

    /// Where to start looking.
    fn start(self) -> usize {
        (self.0 ^ (self.0 >> 32)) as usize
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pieces;

        impl<'de> Visitor<'de> for Pieces {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("pieces with their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
                let (mut text, mut pieces, mut longest) = (String::new(), Vec::new(), 0);
                while let Some((piece, id)) = map.next_entry::<String, u32>()? {
                    text.push_str(&piece);
                    longest = longest.max(piece.len());
                    let end = u32::try_from(text.len()).map_err(serde::de::Error::custom)?;
                    pieces.push(Piece { end, id });
                }
                text.shrink_to_fit();
                pieces.shrink_to_fit();
                let slots = (2 * pieces.len()).next_power_of_two().max(2);
                let mut vocabulary = Vocabulary {
                    text,
                    pieces,
                    slots: vec![0; slots],
                    longest,
                };
                for number in 0..vocabulary.pieces.len() {
                    let text = vocabulary.text(number);
                    let slot = vocabulary.slot(Hash::of(text), "", text);
                    // Of two that are the same the later one counts.
                    vocabulary.slots[slot] = number as u32 + 1;
                }
                Ok(vocabulary)
            }
        }

        deserializer.deserialize_map(Pieces)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokenizers::models::wordpiece::WordPiece as Reference;

    fn json(pieces: &[String]) -> String {
        let vocab: serde_json::Map<_, _> = pieces
            .iter()
            .enumerate()
            .map(|(id, piece)| (piece.clone(), id.into()))
            .collect();
        serde_json::json!({
            "type": "WordPiece", "unk_token": "?", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 12, "vocab": vocab,
        })
        .to_string()
    }

    proptest! {
        #[test]
        fn words_are_cut_as_the_library_cuts_them(
            pieces in proptest::collection::btree_set("(##)?[abcé水]{1,4}", 0..60),
            words in proptest::collection::vec("#{0,2}[abcdé水]{0,14}", 1..20),
        ) {
            let pieces: Vec<String> = std::iter::once("?".into()).chain(pieces).collect();
            let json = json(&pieces);
            let ours: WordPiece = serde_json::from_str(&json).unwrap();
            let theirs: Reference = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(ours.last_id() as usize, pieces.len() - 1);
            prop_assert_eq!(ours.get_vocab(), theirs.get_vocab());
            for word in words.iter().chain(&pieces) {
                let of = |tokens: Vec<Token>| -> Vec<_> {
                    tokens.into_iter().map(|t| (t.id, t.offsets)).collect()
                };
                prop_assert_eq!(of(ours.tokenize(word).unwrap()), of(theirs.tokenize(word).unwrap()));
                prop_assert_eq!(ours.token_to_id(word), theirs.token_to_id(word));
            }
            for id in 0..=pieces.len() as u32 {
                prop_assert_eq!(ours.id_to_token(id), theirs.id_to_token(id));
            }
        }
    }

    #[test]
    fn other_models_and_a_vocabulary_without_the_unknown_word_are_refused() {
        let good = json(&["?".into(), "a".into()]);
        assert!(serde_json::from_str::<WordPiece>(&good).is_ok());
        for (from, to) in [
            ("\"WordPiece\"", "\"BPE\""),
            ("\"?\":0,", ""),
            ("\"vocab\":{", "\"vocab\":[{"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert!(serde_json::from_str::<WordPiece>(&bad).is_err(), "{bad}");
        }
    }
}
