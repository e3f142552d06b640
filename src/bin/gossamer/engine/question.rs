//! A search as programs ask for it, over HTTP and over MCP: the words are those of the library.

use gossamer::index::SearchOptions;
use rmcp::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most hits of one answer.
const MOST: u32 = 100;

/// Longest question in bytes; the model takes some 1,000 anyway.
const LONGEST: usize = 8 << 10;

/// What is asked.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What to look for, in plain words; "words in quotes" must occur, -word must not.
    #[serde(skip_serializing)]
    pub question: String,
    /// How many passages to return, 1 to 100; 5 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<u32>,
    /// What ranks: hybrid (meaning and words; if absent), semantic (meaning alone) or keyword (words alone).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Only documents whose metadata pass, for instance {"type": "pdf"} or {"modified": {"gte": "2024-01-01"}}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// What a hit stands for: chunk (itself; if absent) or document (its document, of which it is the best).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// Only hits of at least this score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f32>,
    /// Hits to pass over first, for the next pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// Share of the exact top k that is promised, above 0 up to 1; 0.95 if absent. 1 embeds every passage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f32>,
    /// Milliseconds after which the answer should be there, with what is known by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<f64>,
}

impl Question {
    /// The words checked, as the library takes them; an error says what is wrong.
    pub fn check(self) -> Result<(String, SearchOptions), String> {
        if self.question.trim().is_empty() {
            return Err("the question is empty".into());
        }
        if self.question.len() > LONGEST {
            return Err(format!("the question is longer than {LONGEST} bytes"));
        }
        if self.k.is_some_and(|k| !(1..=MOST).contains(&k)) {
            return Err(format!("k may be 1 to {MOST}"));
        }
        let words = serde_json::to_value(&self).map_err(|e| e.to_string())?;
        let options = SearchOptions::from_json(&words).map_err(|e| e.to_string())?;
        Ok((self.question, options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gossamer::index::{GroupBy, Mode};
    use serde_json::json;

    fn check(words: Value) -> Result<SearchOptions, String> {
        let question: Question = serde_json::from_value(words).map_err(|e| e.to_string())?;
        question.check().map(|(_, options)| options)
    }

    #[test]
    fn every_word_of_the_library_reaches_it() {
        let all = json!({
            "question": "when?", "k": 7, "mode": "keyword", "filter": {"type": "pdf"}, "group_by": "document",
            "min_score": 0.5, "offset": 14, "recall": 0.5, "deadline_ms": 100,
        });
        let options = check(all).unwrap();
        assert_eq!((options.k, options.offset, options.recall), (7, 14, 0.5));
        assert_eq!(
            (options.mode, options.group_by),
            (Mode::Keyword, GroupBy::Document)
        );
        assert!(options.filter.is_some());
        assert_eq!(
            (options.min_score, options.deadline_ms),
            (Some(0.5), Some(100.0))
        );
        assert_eq!(
            check(json!({"question": "when?"})),
            Ok(SearchOptions::default())
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        for wrong in [
            json!({"question": " "}),
            json!({"question": "x".repeat(LONGEST + 1)}),
            json!({"question": "x", "k": 0}),
            json!({"question": "x", "k": 101}),
            json!({"question": "x", "mode": "fuzzy"}),
            json!({"question": "x", "recall": 7}),
            json!({"question": "x", "filter": {"a": {"near": 1}}}),
            json!({"question": "x", "ef": 9}),
        ] {
            assert!(check(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
