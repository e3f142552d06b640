//! Word pieces: Hugging Face's `tokenizer.json`, with our own rules for length.

use std::ops::Range;

use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
    TruncationDirection,
};

use super::Error;
use super::cpu::threads;
use super::wordpiece::{KIND, WordPiece};

/// The library's parts around our own vocabulary.
type Inner = TokenizerImpl<
    WordPiece,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// A tokenizer that neither pads nor truncates on its own: packaged files ask for both, with lengths that
/// do not fit the model.
pub struct Tokenizer {
    inner: Inner,
    max_tokens: usize,
    /// Tokens of the prompt that goes before every passage.
    prompt_tokens: usize,
}

/// What to do with a text that has more tokens than the model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Return [`Error::TooLong`].
    Refuse,
    /// Keep the first tokens and the closing special token, as the reference implementation does.
    Truncate,
}

impl Tokenizer {
    /// Reads `tokenizer.json`; `max_tokens` counts the special tokens too.
    pub fn from_json(json: &[u8], max_tokens: usize) -> Result<Self, Error> {
        let damaged = |why: String| Error::Damaged {
            file: "tokenizer.json".into(),
            why,
        };
        let mut inner = Inner::from_bytes(json).map_err(|e| match other_kind(json) {
            Some(kind) => Error::Unsupported(format!(
                "it cuts words by {kind}; by WordPiece is implemented"
            )),
            None => damaged(e.to_string()),
        })?;
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| damaged(e.to_string()))?;
        Ok(Self {
            inner,
            max_tokens,
            prompt_tokens: 0,
        })
    }

    /// Tokens a text may have, with the special ones.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Tokens of a passage that are left after the special ones (`[CLS]` and `[SEP]`) and the model's prompt.
    pub fn max_text_tokens(&self) -> usize {
        self.max_tokens - 2 - self.prompt_tokens
    }

    /// Keeps room for what goes before every passage.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if it leaves less than half of the tokens.
    pub(super) fn keep_room_for(&mut self, prompt: &str) -> Result<(), Error> {
        self.prompt_tokens = self.token_ranges(prompt).len();
        if 2 * self.prompt_tokens > self.max_tokens - 2 {
            return Err(Error::Unsupported(format!(
                "the prompt {prompt:?} leaves too few of {} tokens",
                self.max_tokens
            )));
        }
        Ok(())
    }

    /// Rows the word table must have.
    pub fn vocab_size(&self) -> usize {
        let added = self.inner.get_added_tokens_decoder().into_keys();
        added.fold(self.inner.get_model().last_id(), u32::max) as usize + 1
    }

    /// Ids of each text with the special tokens, unpadded, on all cores.
    pub fn encode(&self, texts: &[&str], overflow: Overflow) -> Result<Vec<Vec<u32>>, Error> {
        let all: Vec<usize> = (0..texts.len()).collect();
        threads::map(&all, || (), |(), &i| self.encode_one(i, texts[i], overflow))
            .into_iter()
            .collect()
    }

    fn encode_one(&self, index: usize, text: &str, overflow: Overflow) -> Result<Vec<u32>, Error> {
        let mut encoding = self
            .inner
            .encode(text, true)
            .map_err(|e| Error::Embedder(format!("tokenizer: {e}")))?;
        let tokens = encoding.len();
        if tokens <= self.max_tokens {
            return Ok(encoding.get_ids().to_vec());
        }
        match overflow {
            Overflow::Refuse => Err(Error::TooLong {
                index,
                tokens,
                limit: self.max_tokens,
            }),
            Overflow::Truncate => {
                let last = encoding.get_ids()[tokens - 1];
                encoding.truncate(self.max_tokens - 1, 0, TruncationDirection::Right);
                let mut ids = encoding.get_ids().to_vec();
                ids.push(last);
                Ok(ids)
            }
        }
    }

    /// Byte ranges of the tokens of `text`, without special tokens, in order.
    pub fn token_ranges(&self, text: &str) -> Vec<Range<usize>> {
        match self.inner.encode(text, false) {
            Ok(encoding) => encoding.get_offsets().iter().map(|&(a, b)| a..b).collect(),
            // Only a normaliser could fail; the text is uncounted here then, and refused by `encode`.
            Err(_) => Vec::new(),
        }
    }
}

/// What cuts words into tokens in such a file, if it says so and it is not WordPiece.
fn other_kind(json: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct File {
        model: Kind,
    }
    #[derive(serde::Deserialize)]
    struct Kind {
        r#type: String,
    }

    let file: File = serde_json::from_slice(json).ok()?;
    Some(file.model.r#type).filter(|kind| kind != KIND)
}

impl crate::text::TokenRanges for Tokenizer {
    fn token_ranges(&self, text: &str) -> Vec<Range<usize>> {
        Tokenizer::token_ranges(self, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cuts_words_otherwise_is_unsupported_and_a_torn_one_damaged() {
        let bpe = br#"{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[]}}"#;
        let refused = Tokenizer::from_json(bpe, 8);
        assert!(matches!(refused, Err(Error::Unsupported(why)) if why.contains("BPE")));
        let torn = Tokenizer::from_json(&bpe[..bpe.len() - 1], 8);
        assert!(matches!(torn, Err(Error::Damaged { .. })));
    }
}
