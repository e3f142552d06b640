//! A search as programs ask for it, over HTTP and over MCP: the words are those of the library.

use gossamer::index::SearchOptions;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

/// Most hits of one answer.
const MOST: u32 = 100;

/// Longest question in bytes; the model takes some 1,000 anyway.
const LONGEST: usize = 8 << 10;

/// What is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What to look for, in plain words.
    pub question: String,
    /// How many passages to return, 1 to 100; 5 if absent.
    pub k: Option<u32>,
    /// Share of the exact top k that is promised, above 0 up to 1; 0.95 if absent. 1 embeds every passage.
    pub recall: Option<f32>,
}

impl Question {
    /// The words checked, as the library takes them; an error says what is wrong.
    pub fn check(self) -> Result<(String, SearchOptions), String> {
        let mut options = SearchOptions::default();
        if self.question.trim().is_empty() {
            return Err("the question is empty".into());
        }
        if self.question.len() > LONGEST {
            return Err(format!("the question is longer than {LONGEST} bytes"));
        }
        if let Some(k) = self.k {
            if !(1..=MOST).contains(&k) {
                return Err(format!("k is {k}; it may be 1 to {MOST}"));
            }
            options.k = k as usize;
        }
        if let Some(recall) = self.recall {
            options.recall = recall;
        }
        Ok((self.question, options))
    }
}
