//! Words as keyword search sees them: folded, with the places they stand.
//!
//! Case and diacritics are folded (Unicode lower case, NFKD without accents, a few letters that do not
//! decompose), so that `Beyonce` finds `Beyoncé` and `strasse` finds `Straße`. Numbers and code-like words
//! (`E-4711`, `1.2.3`, `max_len`) count in parts and as a whole. Scripts without spaces between words count
//! by character and by pairs of them.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::spans::{in_word, spans};

/// What a word is, for those who count, rank or look for phrases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A run of letters and digits, in the sequence of the text.
    Part,
    /// Parts with what joins them, beside the parts: `E-4711`.
    Whole,
    /// A character of a script without spaces, in the sequence of the text; its pairs follow it.
    Single,
    /// Two characters of such a script.
    Pair,
}

/// Bytes of a whole at most; what is longer is found by its parts.
const LONGEST: usize = 64;

/// Calls `each` with every word: folded, its kind, and its place in bytes.
pub fn words(text: &str, mut each: impl FnMut(&str, Kind, Range<usize>)) {
    let mut folded = String::new();
    spans(text, |place, plain| {
        if plain {
            folded.clear();
            folded.push_str(&text[place.clone()]);
            folded.make_ascii_lowercase();
            each(&folded, Kind::Part, place);
        } else {
            compound(text, place, &mut each);
        }
    });
}

/// Calls `each` with the words of a span.
pub(crate) fn compound(
    text: &str,
    place: Range<usize>,
    each: &mut impl FnMut(&str, Kind, Range<usize>),
) {
    Compound::of(&text[place.clone()], place.start).emit(each);
}

/// Whether words of this script are written without spaces (Han, kana, Hangul, Thai, Lao, Khmer, Burmese).
fn unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}'
    )
}

/// Marks that stand for no sound of their own where people leave them out: accents, and the points of Hebrew
/// and Arabic.
fn is_accent(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Appends a character as it is compared.
fn fold(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return;
    }
    for c in std::iter::once(c).nfkd().filter(|c| !is_accent(*c)) {
        for c in c.to_lowercase().filter(|c| !is_accent(*c)) {
            match c {
                'ß' => out.push_str("ss"),
                'æ' => out.push_str("ae"),
                'œ' => out.push_str("oe"),
                'þ' => out.push_str("th"),
                'ø' => out.push('o'),
                'ł' => out.push('l'),
                'đ' | 'ð' => out.push('d'),
                'ı' => out.push('i'),
                'ς' => out.push('σ'),
                c => out.push(c),
            }
        }
    }
}

/// A span that is more than a plain ASCII word.
#[derive(Default)]
struct Compound {
    parts: Vec<Part>,
}

struct Part {
    folded: String,
    place: Range<usize>,
    /// What stands before it, if that joins it to the part before.
    joiner: Option<char>,
    unspaced: bool,
}

impl Compound {
    fn of(span: &str, offset: usize) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut open = false;
        let mut joiner = None;
        for (at, c) in span.char_indices() {
            let place = offset + at..offset + at + c.len_utf8();
            if !in_word(c) {
                open = false;
                joiner = Some(c);
                continue;
            }
            if unspaced(c) {
                // A vowel sign belongs to the character before it.
                match parts.last_mut().filter(|_| is_combining_mark(c)) {
                    Some(part) if part.unspaced && part.place.end == place.start => {
                        part.folded.push(c);
                        part.place.end = place.end;
                    }
                    _ => parts.push(Part {
                        folded: std::iter::once(c).nfkc().collect(),
                        place,
                        joiner: None,
                        unspaced: true,
                    }),
                }
                (open, joiner) = (false, None);
                continue;
            }
            match parts.last_mut().filter(|_| open) {
                Some(part) => {
                    fold(c, &mut part.folded);
                    part.place.end = place.end;
                }
                None => {
                    let mut folded = String::new();
                    fold(c, &mut folded);
                    let joiner = joiner.take();
                    parts.push(Part {
                        folded,
                        place,
                        joiner,
                        unspaced: false,
                    });
                    open = true;
                }
            }
        }
        let mut compound = Self::default();
        parts.into_iter().for_each(|part| compound.push(part));
        compound
    }

    /// Adds a part; what an apostrophe cuts off is dropped or joined again.
    fn push(&mut self, part: Part) {
        if matches!(part.joiner, Some('\'' | '\u{2019}'))
            && let Some(last) = self.parts.last_mut()
        {
            match part.folded.as_str() {
                "s" => {
                    last.place.end = part.place.end;
                    return;
                }
                "t" | "d" | "m" | "re" | "ve" | "ll" => {
                    last.folded.push_str(&part.folded);
                    last.place.end = part.place.end;
                    return;
                }
                _ => {}
            }
        }
        // Accents alone are nothing.
        if !part.folded.is_empty() {
            self.parts.push(part);
        }
    }

    fn emit(&self, each: &mut impl FnMut(&str, Kind, Range<usize>)) {
        let mut rest = &self.parts[..];
        while let Some(first) = rest.first() {
            let count = rest[1..]
                .iter()
                .take_while(|p| p.unspaced == first.unspaced && (p.unspaced || p.joiner.is_some()))
                .count();
            let (group, others) = rest.split_at(count + 1);
            if first.unspaced {
                unspaced_run(group, each);
            } else {
                joined(group, each);
            }
            rest = others;
        }
    }
}

fn unspaced_run(run: &[Part], each: &mut impl FnMut(&str, Kind, Range<usize>)) {
    if let [lone] = run {
        each(&lone.folded, Kind::Part, lone.place.clone());
        return;
    }
    let mut pair = String::new();
    for (at, part) in run.iter().enumerate() {
        each(&part.folded, Kind::Single, part.place.clone());
        if let Some(next) = run.get(at + 1) {
            pair.clear();
            pair.push_str(&part.folded);
            pair.push_str(&next.folded);
            each(&pair, Kind::Pair, part.place.start..next.place.end);
        }
    }
}

fn joined(parts: &[Part], each: &mut impl FnMut(&str, Kind, Range<usize>)) {
    for part in parts {
        each(&part.folded, Kind::Part, part.place.clone());
    }
    let [first, .., last] = parts else { return };
    let digit = |c: char| c.is_ascii_digit();
    if !parts
        .iter()
        .any(|p| p.folded.contains(digit) || p.joiner == Some('_'))
    {
        return;
    }
    // Between digits the joiner tells 1.23 from 12.3, but thousands are written with commas or without.
    let mut whole = String::new();
    for part in parts {
        if let Some(joiner) = part.joiner.filter(|j| *j != ',')
            && whole.ends_with(digit)
            && part.folded.starts_with(digit)
        {
            whole.push(joiner);
        }
        whole.push_str(&part.folded);
    }
    if whole.len() <= LONGEST {
        each(&whole, Kind::Whole, first.place.start..last.place.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text, |word, _, _| found.push(word.to_owned()));
        found
    }

    #[test]
    fn case_diacritics_and_ligatures_are_folded() {
        assert_eq!(
            all("Beyoncé's STRASSE, Straße œuvre Łódź ﬁne Ｆｕｌｌ Ångström"),
            [
                "beyonce", "strasse", "strasse", "oeuvre", "lodz", "fine", "full", "angstrom"
            ]
        );
        // Composed and decomposed are the same.
        assert_eq!(all("e\u{301}te\u{301}"), all("été"));
        assert_eq!(all("ΟΔΟΣ οδος"), ["οδοσ", "οδοσ"]);
    }

    #[test]
    fn apostrophes_join_what_belongs_together() {
        assert_eq!(
            all("don't the dog's l'homme O’Brien they’re"),
            ["dont", "the", "dog", "l", "homme", "o", "brien", "theyre"]
        );
    }

    #[test]
    fn codes_and_numbers_count_as_a_whole_and_in_parts() {
        assert_eq!(all("E-4711"), ["e", "4711", "e4711"]);
        assert_eq!(all("v1.2.3"), ["v1", "2", "3", "v1.2.3"]);
        assert_eq!(all("1,000"), ["1", "000", "1000"]);
        assert_eq!(all("max_len"), ["max", "len", "maxlen"]);
        assert_eq!(all("well-known and/or"), ["well", "known", "and", "or"]);
        assert_eq!(all("end. Next"), ["end", "next"]);
    }

    #[test]
    fn scripts_without_spaces_count_by_character_and_pair() {
        assert_eq!(all("東京大"), ["東", "東京", "京", "京大", "大"]);
        assert_eq!(all("猫"), ["猫"]);
        assert_eq!(
            all("iPhoneを買う"),
            ["iphone", "を", "を買", "買", "買う", "う"]
        );
        assert_eq!(all("한국"), ["한", "한국", "국"]);
    }

    proptest! {
        #[test]
        fn places_are_pieces_of_the_text_in_order(text in "\\PC{0,60}", more in "[a-zé'’.,_ 0-9東京-]{0,40}") {
            for text in [text, more] {
                let mut last = 0;
                words(&text, |word, kind, place| {
                    assert!(!word.is_empty());
                    assert!(text.get(place.clone()).is_some_and(|t| !t.is_empty()), "{word} {place:?}");
                    if matches!(kind, Kind::Part | Kind::Single) {
                        assert!(place.start >= last);
                        last = place.start;
                    }
                });
            }
        }
    }
}
