//! English stems after Porter, "An algorithm for suffix stripping", Program 14(3), 1980.

/// The stem of a folded word. Words of other letters than a to z, and those of one or two letters, are their
/// own stems.
pub fn stem(word: &str) -> String {
    let mut stemmer = Stemmer {
        word: word.as_bytes().to_vec(),
    };
    if word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase()) {
        stemmer.plural();
        stemmer.past();
        stemmer.y();
        stemmer.replace(&DOUBLE_SUFFIXES, 0);
        stemmer.replace(&SUFFIXES, 0);
        stemmer.last_suffix();
        stemmer.tidy();
    }
    // All were ASCII or untouched.
    String::from_utf8(stemmer.word).unwrap_or_else(|_| word.to_owned())
}

/// Step 2 of the paper.
const DOUBLE_SUFFIXES: [(&str, &str); 20] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("abli", "able"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
];

/// Step 3.
const SUFFIXES: [(&str, &str); 7] = [
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

/// Step 4, longer ones before those they end with.
const LAST_SUFFIXES: [&str; 19] = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
    "ism", "ate", "iti", "ous", "ive", "ize",
];

struct Stemmer {
    word: Vec<u8>,
}

impl Stemmer {
    fn consonant(&self, at: usize) -> bool {
        match self.word[at] {
            b'a' | b'e' | b'i' | b'o' | b'u' => false,
            b'y' => at == 0 || !self.consonant(at - 1),
            _ => true,
        }
    }

    /// Sequences of vowels and consonants in the first `len` letters: the paper's m.
    fn measure(&self, len: usize) -> usize {
        let (mut count, mut vowel) = (0, false);
        for at in 0..len {
            let consonant = self.consonant(at);
            count += usize::from(vowel && consonant);
            vowel = !consonant;
        }
        count
    }

    fn has_vowel(&self, len: usize) -> bool {
        (0..len).any(|at| !self.consonant(at))
    }

    fn double(&self, len: usize) -> bool {
        len > 1 && self.word[len - 1] == self.word[len - 2] && self.consonant(len - 1)
    }

    /// Consonant, vowel, consonant other than w, x, y: the paper's *o.
    fn short(&self, len: usize) -> bool {
        len > 2
            && self.consonant(len - 1)
            && !self.consonant(len - 2)
            && self.consonant(len - 3)
            && !matches!(self.word[len - 1], b'w' | b'x' | b'y')
    }

    /// Letters before a suffix, if it ends so.
    fn before(&self, suffix: &str) -> Option<usize> {
        self.word
            .ends_with(suffix.as_bytes())
            .then(|| self.word.len() - suffix.len())
    }

    fn set(&mut self, len: usize, end: &str) {
        self.word.truncate(len);
        self.word.extend(end.as_bytes());
    }

    /// Step 1a.
    fn plural(&mut self) {
        for (suffix, end) in [("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")] {
            if let Some(len) = self.before(suffix) {
                return self.set(len, end);
            }
        }
    }

    /// Step 1b.
    fn past(&mut self) {
        if let Some(len) = self.before("eed") {
            if self.measure(len) > 0 {
                self.set(len, "ee");
            }
            return;
        }
        let cut = ["ed", "ing"].iter().find_map(|s| self.before(s));
        let Some(len) = cut.filter(|len| self.has_vowel(*len)) else {
            return;
        };
        self.word.truncate(len);
        if ["at", "bl", "iz"].iter().any(|s| self.before(s).is_some()) {
            self.word.push(b'e');
        } else if self.double(len) && !matches!(self.word[len - 1], b'l' | b's' | b'z') {
            self.word.pop();
        } else if self.measure(len) == 1 && self.short(len) {
            self.word.push(b'e');
        }
    }

    /// Step 1c.
    fn y(&mut self) {
        if let Some(len) = self.before("y").filter(|len| self.has_vowel(*len)) {
            self.set(len, "i");
        }
    }

    fn replace(&mut self, suffixes: &[(&str, &str)], measure: usize) {
        for (suffix, end) in suffixes {
            if let Some(len) = self.before(suffix) {
                if self.measure(len) > measure {
                    self.set(len, end);
                }
                return;
            }
        }
    }

    fn last_suffix(&mut self) {
        let found = LAST_SUFFIXES
            .iter()
            .find_map(|s| Some((*s, self.before(s)?)));
        if let Some((suffix, len)) = found
            && self.measure(len) > 1
            && (suffix != "ion" || matches!(self.word[..len].last(), Some(b's' | b't')))
        {
            self.word.truncate(len);
        }
    }

    /// Steps 5a and 5b.
    fn tidy(&mut self) {
        if let Some(len) = self.before("e") {
            let measure = self.measure(len);
            if measure > 1 || measure == 1 && !self.short(len) {
                self.word.truncate(len);
            }
        }
        let len = self.word.len();
        if self.before("ll").is_some() && self.measure(len) > 1 {
            self.word.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn the_examples_of_the_paper_come_out() {
        for (word, expected) in [
            ("caresses", "caress"),
            ("ponies", "poni"),
            ("cats", "cat"),
            ("feed", "feed"),
            ("agreed", "agre"),
            ("plastered", "plaster"),
            ("motoring", "motor"),
            ("sing", "sing"),
            ("conflated", "conflat"),
            ("sized", "size"),
            ("hopping", "hop"),
            ("falling", "fall"),
            ("filing", "file"),
            ("happy", "happi"),
            ("sky", "sky"),
            ("relational", "relat"),
            ("conditional", "condit"),
            ("vietnamization", "vietnam"),
            ("triplicate", "triplic"),
            ("hopefulness", "hope"),
            ("goodness", "good"),
            ("replacement", "replac"),
            ("adoption", "adopt"),
            ("probate", "probat"),
            ("rate", "rate"),
            ("controlling", "control"),
            ("oscillators", "oscil"),
            ("generalizations", "gener"),
        ] {
            assert_eq!(stem(word), expected, "{word}");
        }
    }

    #[test]
    fn what_is_no_english_word_stays() {
        for word in ["é", "stra\u{df}es", "e4711s", "東京", "is", "s", ""] {
            assert_eq!(stem(word), word);
        }
    }
}
