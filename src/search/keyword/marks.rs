//! What to show of a passage: the words asked for, and the sentence that has most of them.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{Keywords, term};
use crate::text::{Kind, words};

/// Sentences of a text, without white space around them.
pub fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_sentence_bound_indices()
        .filter_map(|(start, sentence)| {
            let start = start + sentence.len() - sentence.trim_start().len();
            let sentence = sentence.trim();
            (!sentence.is_empty()).then(|| start..start + sentence.len())
        })
}

impl Keywords {
    /// Places in bytes of the words of a passage that were asked for, in order.
    pub fn marks(&self, passage: &str) -> Vec<Range<usize>> {
        let mut marks: Vec<Range<usize>> = Vec::new();
        self.each_mark(passage, |_, mut place| {
            // Pairs of characters overlap, wholes contain their parts.
            while let Some(last) = marks.pop_if(|last| place.start <= last.end) {
                place = place.start.min(last.start)..place.end.max(last.end);
            }
            marks.push(place);
        });
        marks
    }

    /// The sentence of a passage that has the most of the terms, by the weights that [`super::Ranking`] gives
    /// them. `None` if no sentence has any.
    pub fn sentence(&self, passage: &str, weights: &[f32]) -> Option<Range<usize>> {
        let mut best: Option<(f32, Range<usize>)> = None;
        for sentence in sentences(passage) {
            let mut seen = vec![false; self.terms().len()];
            self.each_mark(&passage[sentence.clone()], |at, _| seen[at] = true);
            let terms = seen.iter().zip(weights).filter(|(seen, _)| **seen);
            let score: f32 = terms.map(|(_, weight)| weight).sum();
            if score > best.as_ref().map_or(0.0, |b| b.0) {
                best = Some((score, sentence));
            }
        }
        best.map(|b| b.1)
    }

    /// Every word of a text that was asked for: the number of its term, and its place.
    fn each_mark(&self, text: &str, mut each: impl FnMut(usize, Range<usize>)) {
        words(text, |word, kind, place| {
            if kind != Kind::Single {
                let term = term(word);
                if let Some(at) = self.terms().iter().position(|t| *t == term) {
                    each(at, place);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(question: &str, passage: &str) -> Vec<String> {
        let marks = Keywords::parse(question).marks(passage);
        marks.into_iter().map(|m| passage[m].to_owned()).collect()
    }

    #[test]
    fn words_are_marked_as_they_stand() {
        assert_eq!(
            marked(
                "paying rents in Zurich",
                "The rent is paid in Zürich; renting pays."
            ),
            ["rent", "Zürich", "renting", "pays"]
        );
        assert_eq!(marked("東京大学", "彼は東京大学に行く"), ["東京大学"]);
        assert_eq!(marked("E-4711", "code E-4711."), ["E-4711"]);
        assert!(marked("", "anything").is_empty());
    }

    #[test]
    fn the_sentence_with_the_most_weight_is_chosen() {
        let keywords = Keywords::parse("rare common usual");
        let passage = "It is common and usual. The rare one.  Nothing.";
        let sentence = |weights: &[f32]| keywords.sentence(passage, weights).map(|s| &passage[s]);
        assert_eq!(sentence(&[0.6, 0.2, 0.2]), Some("The rare one."));
        assert_eq!(sentence(&[0.2, 0.4, 0.4]), Some("It is common and usual."));
        assert_eq!(Keywords::parse("absent").sentence(passage, &[1.0]), None);
    }
}
