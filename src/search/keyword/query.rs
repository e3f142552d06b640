//! What a question asks for in words: terms, quoted phrases, `-excluded`.

use super::{Term, hash, term};
use crate::text::{Kind, stem, words};

/// The words of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords {
    /// Terms that count, without repeats.
    terms: Vec<Term>,
    /// Phrases that must be there, as hashes of their words in sequence.
    phrases: Vec<Phrase>,
    /// Terms that must not be there.
    excluded: Vec<Term>,
    /// Phrases that must not.
    excluded_phrases: Vec<Phrase>,
    /// How the stems of all of them begin.
    starts: Vec<Start>,
    /// The question in plain words, without what is excluded.
    plain: String,
}

/// The first bytes of a stem, which are those of every word of that stem: all but the last of up to three letters,
/// for endings change (`flies` and `fly` have `fli`), and three of longer ones. Most words need not be stemmed to see
/// that they were not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub bytes: [u8; 3],
    pub len: usize,
}

impl Start {
    fn of(word: &str) -> Self {
        let stem = stem(word);
        let len = match stem.len() {
            0 | 1 => 1,
            2 | 3 => 2,
            _ => 3,
        };
        Self {
            bytes: start(stem.as_bytes()),
            len,
        }
    }
}

/// The first bytes of a folded word, zeros beyond its end.
pub(crate) fn start(word: &[u8]) -> [u8; 3] {
    [0, 1, 2].map(|at| word.get(at).copied().unwrap_or(0))
}

/// Words in sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// Hashes of the words as they are.
    pub words: Vec<u64>,
    /// Their terms, to find candidates.
    pub terms: Vec<Term>,
}

/// Words of a question that say nothing of its subject. They are dropped if any other is left.
const STOP: [&str; 73] = [
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been",
    "but", "by", "can", "could", "did", "do", "does", "for", "from", "had", "has", "have", "he",
    "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "many", "may", "more", "much",
    "not", "of", "on", "one", "or", "other", "our", "she", "so", "some", "such", "than", "that",
    "the", "their", "them", "there", "these", "they", "this", "to", "was", "we", "were", "what",
    "when", "where", "which", "who", "whom", "why", "with", "you",
];

impl Keywords {
    /// Reads a question. `"words in quotes"` must occur as they stand; `-word` and `-"some words"` must not. A
    /// hyphen counts so only before a letter or quote and after white space, so that `-5` stays a number.
    pub fn parse(question: &str) -> Self {
        let mut found = Self::default();
        let mut rest = question;
        while !rest.is_empty() {
            let after_space = found.plain.is_empty() || found.plain.ends_with(char::is_whitespace);
            let minus = after_space
                && rest
                    .strip_prefix('-')
                    .and_then(|r| r.chars().next())
                    .is_some_and(|c| c.is_alphabetic() || QUOTES.contains(&c));
            let body = if minus { &rest[1..] } else { rest };
            if let Some((phrase, after)) = quoted(body) {
                let parsed = found.phrase(phrase);
                if minus {
                    found.excluded_phrases.push(parsed);
                } else {
                    if !parsed.words.is_empty() {
                        found.phrases.push(parsed);
                    }
                    found.plain.push_str(phrase);
                }
                rest = after;
            } else if minus {
                let end = body.find(char::is_whitespace).unwrap_or(body.len());
                let phrase = found.phrase(&body[..end]);
                match phrase.terms[..] {
                    [one] => found.excluded.push(one),
                    _ => found.excluded_phrases.push(phrase),
                }
                rest = &body[end..];
            } else {
                let end = body.chars().next().map_or(0, char::len_utf8);
                found.plain.push_str(&body[..end]);
                rest = &body[end..];
            }
        }
        found.excluded_phrases.retain(|p| !p.words.is_empty());
        found.plain = found.plain.trim().to_owned();
        let (mut strong, mut weak) = (Vec::new(), Vec::new());
        words(&found.plain, |word, kind, _| {
            let list = if STOP.binary_search(&word).is_ok() {
                &mut weak
            } else {
                &mut strong
            };
            let asked = (term(word), Start::of(word));
            if kind != Kind::Single && !list.contains(&asked) {
                list.push(asked);
            }
        });
        let asked = if strong.is_empty() { weak } else { strong };
        for (term, start) in asked {
            found.terms.push(term);
            found.starts.push(start);
        }
        found
    }

    fn phrase(&mut self, text: &str) -> Phrase {
        words(text, |word, _, _| self.starts.push(Start::of(word)));
        Phrase::of(text)
    }

    /// The question in plain words: what is embedded.
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// The terms that count.
    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether it has phrases or exclusions, which decide what may be found at all.
    pub fn is_strict(&self) -> bool {
        !(self.phrases.is_empty() && self.excluded.is_empty() && self.excluded_phrases.is_empty())
    }

    pub(crate) fn phrases(&self) -> &[Phrase] {
        &self.phrases
    }

    pub(crate) fn excluded(&self) -> &[Term] {
        &self.excluded
    }

    pub(crate) fn excluded_phrases(&self) -> &[Phrase] {
        &self.excluded_phrases
    }

    /// How the stems of all terms begin.
    pub(crate) fn starts(&self) -> &[Start] {
        &self.starts
    }

    /// All terms that a list of postings must have to answer.
    pub(crate) fn needed(&self) -> Vec<Term> {
        let phrases = self.phrases.iter().chain(&self.excluded_phrases);
        let mut all: Vec<Term> = phrases.flat_map(|p| p.terms.iter().copied()).collect();
        all.extend(self.terms.iter().chain(&self.excluded));
        all.sort_unstable();
        all.dedup();
        all
    }
}

const QUOTES: [char; 3] = ['"', '\u{201c}', '\u{201e}'];

/// What stands in quotes at the start of a text, and what follows. A quote that is not closed is none.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix(QUOTES)?;
    let end = inner.find(['"', '\u{201d}', '\u{201c}'])?;
    let after = inner[end..].chars().next().map_or(0, char::len_utf8);
    Some((&inner[..end], &inner[end + after..]))
}

impl Phrase {
    fn of(text: &str) -> Self {
        let mut phrase = Self::default();
        words(text, |word, kind, _| match kind {
            Kind::Part | Kind::Single => {
                phrase.words.push(hash(word));
                phrase.terms.push(term(word));
            }
            Kind::Whole | Kind::Pair => {}
        });
        phrase.terms.sort_unstable();
        phrase.terms.dedup();
        phrase
    }

    /// Whether a text has it.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let mut sequence = Vec::new();
        words(text, |word, kind, _| {
            if matches!(kind, Kind::Part | Kind::Single) {
                sequence.push(hash(word));
            }
        });
        sequence
            .windows(self.words.len().max(1))
            .any(|w| w == self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_words_are_sorted() {
        assert!(STOP.is_sorted());
    }

    #[test]
    fn a_question_falls_into_terms_phrases_and_exclusions() {
        let found =
            Keywords::parse("what is \"habeas corpus\" -roman -\"civil law\" at -5 well-known");
        assert_eq!(found.plain(), "what is habeas corpus   at -5 well-known");
        let expected = ["habeas", "corpus", "5", "well", "known"].map(term);
        assert_eq!(found.terms(), expected);
        assert_eq!(found.phrases().len(), 1);
        assert!(found.phrases()[0].is_in("The Habeas Corpus act"));
        assert!(!found.phrases()[0].is_in("corpus habeas"));
        assert_eq!(found.excluded(), [term("roman")]);
        assert_eq!(found.excluded_phrases().len(), 1);
        assert!(found.is_strict());
    }

    #[test]
    fn stop_words_count_if_nothing_else_is_there() {
        assert_eq!(Keywords::parse("to be or not to be").terms().len(), 4);
        assert_eq!(Keywords::parse("who is who in law").terms(), [term("law")]);
        assert!(Keywords::parse("?!").terms().is_empty());
    }

    #[test]
    fn an_open_quote_is_no_phrase() {
        let found = Keywords::parse("5\" screen");
        assert!(found.phrases().is_empty());
        assert_eq!(found.terms().len(), 2);
        assert_eq!(Keywords::parse("-").plain(), "-");
        assert!(!Keywords::parse("\"\" -\"\"").is_strict());
    }

    #[test]
    fn scripts_without_spaces_are_asked_for_by_pairs() {
        assert_eq!(
            Keywords::parse("東京大学").terms(),
            ["東京", "京大", "大学"].map(term)
        );
        assert_eq!(Keywords::parse("猫").terms(), [term("猫")]);
        assert!(Keywords::parse("\"東京\"").phrases()[0].is_in("新東京都"));
    }
}
