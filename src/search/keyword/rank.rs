//! Scores by words: BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) with the
//! inverse document frequency that is never negative (as in Lucene).

use super::{Keywords, Postings};

/// How soon repeats of a word stop counting.
const K1: f32 = 0.9;
/// How much long chunks are held back.
const B: f32 = 0.75;

/// Scores of the chunks of several stretches of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Per stretch and chunk the share of the best possible score, 0 to 1; 0 without any of the words.
    pub scores: Vec<Vec<f32>>,
    /// The part that each term of the question has in the best possible score.
    pub weights: Vec<f32>,
}

/// Ranks by the terms of a question. Documents frequencies are those of all stretches together.
pub fn rank(keywords: &Keywords, stretches: &[&Postings]) -> Ranking {
    let chunks: usize = stretches.iter().map(|p| p.chunks()).sum();
    let words: u64 = stretches.iter().map(|p| p.words()).sum();
    let mean = (words as f32 / chunks.max(1) as f32).max(1.0);
    let mut scores: Vec<Vec<f32>> = stretches.iter().map(|p| vec![0.0; p.chunks()]).collect();
    let mut weights = Vec::with_capacity(keywords.terms().len());
    for &term in keywords.terms() {
        let having: usize = stretches.iter().map(|p| p.list(term).count()).sum();
        let idf = (1.0 + (chunks as f32 - having as f32 + 0.5) / (having as f32 + 0.5)).ln();
        weights.push(idf);
        for (postings, scores) in stretches.iter().zip(&mut scores) {
            for (chunk, count) in postings.list(term) {
                let (count, length) = (count as f32, f32::from(postings.length(chunk)));
                let part = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / mean));
                scores[chunk as usize] += idf * part;
            }
        }
    }
    let sum: f32 = weights.iter().sum();
    if sum > 0.0 {
        let best = sum * (K1 + 1.0);
        scores.iter_mut().flatten().for_each(|s| *s /= best);
        weights.iter_mut().for_each(|w| *w /= sum);
    }
    Ranking { scores, weights }
}

#[cfg(test)]
mod tests {
    use super::super::Builder;
    use super::*;

    fn scores(question: &str, chunks: &[&str]) -> Vec<f32> {
        let mut builder = Builder::new();
        chunks.iter().for_each(|text| builder.push("", text));
        rank(&Keywords::parse(question), &[&builder.finish()])
            .scores
            .remove(0)
    }

    #[test]
    fn rare_words_repeats_and_short_chunks_count_more() {
        let found = scores(
            "zebra crossing",
            &[
                "a crossing",
                "a zebra",
                "the crossing of roads",
                "a crossing crossing",
                "nothing",
            ],
        );
        assert!(found[1] > found[0]);
        assert!(found[0] > found[2]);
        assert!(found[3] > found[0]);
        assert_eq!(found[4], 0.0);
        assert!(found.iter().all(|s| (0.0..=1.0).contains(s)));
    }

    #[test]
    fn cutting_the_text_elsewhere_changes_no_score() {
        let chunks = ["one two", "two three three", "three"];
        let whole = scores("two three", &chunks);
        let parts: Vec<Postings> = [&chunks[..1], &chunks[1..]]
            .map(|part| {
                let mut builder = Builder::new();
                part.iter().for_each(|text| builder.push("", text));
                builder.finish()
            })
            .into();
        let parts: Vec<&Postings> = parts.iter().collect();
        assert_eq!(
            rank(&Keywords::parse("two three"), &parts).scores.concat(),
            whole
        );
    }

    #[test]
    fn no_words_and_no_text_score_nothing() {
        assert_eq!(scores("?", &["a"]), [0.0]);
        assert!(rank(&Keywords::parse("a"), &[]).scores.is_empty());
    }
}
