//! Chunking: passages of a bounded number of tokens, cut at paragraph and sentence borders, with exact byte
//! ranges of the original text.
//!
//! Sentences are packed greedily up to a target. A Markdown heading, and a blank line once a chunk is large
//! enough, start a new chunk; a sentence that does not fit the model is cut between tokens, never silently
//! shortened. Chunks do not overlap: overlap would be paid in index bytes (each byte of text is stored once).

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Finds the tokens of a text.
pub trait TokenRanges {
    /// Byte ranges of the tokens of `text`, in order, without special tokens.
    fn token_ranges(&self, text: &str) -> Vec<Range<usize>>;
}

/// Cuts a text into chunks.
pub trait Chunker {
    /// Byte ranges of the chunks of `text`: in order, not overlapping, on `char` borders, without surrounding
    /// white space, and together holding everything that is not white space.
    fn chunks(&self, text: &str) -> Vec<Range<usize>>;
}

/// Bytes of a chunk at most, whatever its tokens: a "word" of any length is a single unknown token.
const MAX_BYTES: usize = 4096;

/// Chunks by tokens of the model.
pub struct TokenChunker<'a, T> {
    tokens: &'a T,
    /// Tokens a chunk must not exceed (what the model takes, less its special tokens).
    limit: usize,
    /// Tokens a chunk is filled to when sentences allow.
    target: usize,
}

impl<'a, T: TokenRanges> TokenChunker<'a, T> {
    /// Chunks of at most `limit` tokens, filled to about three quarters of it: an average passage then has the
    /// length the model was trained on, and a long sentence still fits.
    pub fn new(tokens: &'a T, limit: usize) -> Self {
        let limit = limit.max(1);
        Self {
            tokens,
            limit,
            target: (limit * 3 / 4).max(1),
        }
    }

    fn count(&self, text: &str) -> usize {
        self.tokens.token_ranges(text).len()
    }

    /// Emits `range`, cut between tokens until every piece fits. Pieces are counted again on their own, since a
    /// cut can change how a tokenizer sees a word.
    fn emit(&self, text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
        let mut todo = vec![range];
        while let Some(range) = todo.pop() {
            let Some(range) = trimmed(text, range) else {
                continue;
            };
            let piece = &text[range.clone()];
            let tokens = self.tokens.token_ranges(piece);
            if tokens.len() <= self.limit && piece.len() <= MAX_BYTES {
                out.push(range);
                continue;
            }
            // The middle token border if it cuts, otherwise the middle character.
            let cut = tokens
                .get(tokens.len() / 2)
                .map(|t| t.start)
                .filter(|&c| c > 0 && c < piece.len() && piece.is_char_boundary(c))
                .unwrap_or_else(|| piece.floor_char_boundary(piece.len() / 2));
            if cut == 0 {
                // A single character that does not fit: nothing can be cut.
                out.push(range);
                continue;
            }
            let middle = range.start + cut;
            todo.push(middle..range.end);
            todo.push(range.start..middle);
        }
    }
}

impl<T: TokenRanges> Chunker for TokenChunker<'_, T> {
    fn chunks(&self, text: &str) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let mut open: Option<Range<usize>> = None;
        let mut filled = 0;
        // A title directly followed by a heading is no chunk of its own.
        let mut headings_only = true;
        for part in parts(text) {
            let tokens = self.count(&text[part.range.clone()]);
            let start_new = match part.border {
                Border::Heading => !headings_only,
                Border::Paragraph => filled + tokens > self.target || filled >= self.target / 2,
                Border::Sentence => filled + tokens > self.target,
            };
            if start_new && let Some(range) = open.take() {
                self.emit(text, range, &mut out);
                filled = 0;
                headings_only = true;
            }
            headings_only &= part.heading;
            open = Some(open.map_or(part.range.clone(), |range| range.start..part.range.end));
            filled += tokens;
        }
        if let Some(range) = open {
            self.emit(text, range, &mut out);
        }
        out
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Border {
    Heading,
    Paragraph,
    Sentence,
}

struct Part {
    range: Range<usize>,
    /// What stands before it.
    border: Border,
    /// Whether it belongs to a heading.
    heading: bool,
}

/// Sentences in order, each with the kind of border before it. A heading is a part of its own that the text
/// after it joins.
fn parts(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut after_heading = false;
    for paragraph in paragraphs(text) {
        let heading = is_heading(&text[paragraph.clone()]);
        let mut border = match (heading, after_heading) {
            (true, _) => Border::Heading,
            (false, true) => Border::Sentence,
            (false, false) => Border::Paragraph,
        };
        for (offset, sentence) in text[paragraph.clone()].split_sentence_bound_indices() {
            let start = paragraph.start + offset;
            parts.push(Part {
                range: start..start + sentence.len(),
                border,
                heading,
            });
            border = Border::Sentence;
        }
        after_heading = heading;
    }
    parts
}

/// Byte ranges between blank lines; a heading line is a paragraph of its own.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        let blank = line.trim().is_empty();
        let heading = is_heading(line);
        if (blank || heading)
            && let Some(range) = open.take()
        {
            out.push(range);
        }
        if heading {
            out.push(range);
        } else if !blank {
            open = Some(open.map_or(range.clone(), |o| o.start..range.end));
        }
    }
    out.extend(open);
    out
}

/// A Markdown heading: one to six `#` and a space.
fn is_heading(line: &str) -> bool {
    let rest = line.trim_start_matches('#');
    let marks = line.len() - rest.len();
    (1..=6).contains(&marks) && rest.starts_with(' ')
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let end = start + piece.trim().len();
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One token per word, or per 5 bytes of a longer word.
    struct Words;

    impl TokenRanges for Words {
        fn token_ranges(&self, text: &str) -> Vec<Range<usize>> {
            let mut out = Vec::new();
            for (start, word) in text.unicode_word_indices() {
                let mut at = 0;
                while at < word.len() {
                    let end = word.ceil_char_boundary((at + 5).min(word.len()));
                    out.push(start + at..start + end);
                    at = end;
                }
            }
            out
        }
    }

    fn chunks(text: &str, limit: usize) -> Vec<&str> {
        TokenChunker::new(&Words, limit)
            .chunks(text)
            .into_iter()
            .map(|r| &text[r])
            .collect()
    }

    #[test]
    fn sentences_are_packed_and_not_split() {
        let text = "One two tri. Four five six. Seven eight nine ten.";
        assert_eq!(
            chunks(text, 8),
            ["One two tri. Four five six.", "Seven eight nine ten."]
        );
    }

    #[test]
    fn a_heading_starts_a_chunk_and_stays_with_its_text() {
        let text = "Intro text here.\n\n# Title\n\nBody of it.\n\n## Next\nMore text.";
        assert_eq!(
            chunks(text, 100),
            [
                "Intro text here.",
                "# Title\n\nBody of it.",
                "## Next\nMore text."
            ]
        );
    }

    #[test]
    fn a_sentence_longer_than_the_model_is_cut_between_tokens() {
        let text = "a b c d e f g h i j k l";
        let got = chunks(text, 5);
        assert!(got.iter().all(|c| Words.token_ranges(c).len() <= 5));
        assert_eq!(got.join(" "), text);
    }

    #[test]
    fn an_endless_word_is_cut_by_bytes() {
        struct One;
        impl TokenRanges for One {
            fn token_ranges(&self, text: &str) -> Vec<Range<usize>> {
                if text.is_empty() {
                    vec![]
                } else {
                    std::iter::once(0..text.len()).collect()
                }
            }
        }
        let text = "é".repeat(10_000);
        let got = TokenChunker::new(&One, 10).chunks(&text);
        assert!(got.iter().all(|r| r.len() <= MAX_BYTES));
        assert_eq!(
            got.iter().map(|r| &text[r.clone()]).collect::<String>(),
            text
        );
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert!(chunks("", 10).is_empty());
        assert!(chunks(" \n\n\t", 10).is_empty());
    }

    proptest! {
        #[test]
        fn chunks_fit_are_in_order_and_lose_nothing(
            text in "([a-zé]{1,12}[ .\n#]{1,3}|\\PC{1,6}|\n\n# |日本語。){0,80}",
            limit in 1usize..40,
        ) {
            let ranges = TokenChunker::new(&Words, limit).chunks(&text);
            let mut at = 0;
            for range in &ranges {
                prop_assert!(range.start >= at && range.start < range.end);
                prop_assert!(text[at..range.start].trim().is_empty());
                let chunk = &text[range.clone()];
                prop_assert_eq!(chunk.trim(), chunk);
                let count = Words.token_ranges(chunk).len();
                prop_assert!(count <= limit || chunk.chars().count() == 1, "{} > {}", count, limit);
                at = range.end;
            }
            prop_assert!(text[at..].trim().is_empty());
        }
    }
}
