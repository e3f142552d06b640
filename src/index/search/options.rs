//! What is asked for.

use serde::Deserialize;
use serde_json::Value;

use super::Error;
use crate::search::{self, Filter};

/// What ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Meaning and words together.
    #[default]
    Hybrid,
    /// Meaning alone: the inner product of the embeddings.
    Semantic,
    /// Words alone: no model is needed.
    Keyword,
}

/// What a hit stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Itself.
    #[default]
    Chunk,
    /// Its document, of which it is the best passage.
    Document,
}

/// What is asked for besides the question.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOptions {
    /// Hits wanted.
    pub k: usize,
    /// Share of the exact top `k` to be found, on average over questions. 1 embeds every chunk.
    pub recall: f32,
    /// What ranks.
    pub mode: Mode,
    /// Only documents whose metadata pass.
    pub filter: Option<Filter>,
    /// What a hit stands for.
    pub group_by: GroupBy,
    /// Hits of at least this [`Hit::score`](super::Hit::score) only.
    pub min_score: Option<f32>,
    /// Hits passed over first. Pages of one size `k` at offsets 0, `k`, 2 `k`, ... of one generation neither
    /// overlap nor leave anything out, unless `deadline_ms` or `limit` ends one of them early.
    pub offset: usize,
    /// Milliseconds after which the answer should be there, with what is known by then.
    pub deadline_ms: Option<f64>,
    /// Passages to embed, at most.
    pub limit: usize,
    /// Passages per batch, at most: what the device does well at once.
    pub batch: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            k: 5,
            recall: 0.95,
            mode: Mode::default(),
            filter: None,
            group_by: GroupBy::default(),
            min_score: None,
            offset: 0,
            deadline_ms: None,
            limit: usize::MAX,
            batch: 32,
        }
    }
}

/// The options in JSON: camel case, anything may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    k: Option<usize>,
    recall: Option<f32>,
    mode: Mode,
    filter: Option<Value>,
    #[serde(alias = "group_by")]
    group_by: GroupBy,
    #[serde(alias = "min_score")]
    min_score: Option<f32>,
    offset: usize,
    #[serde(alias = "deadline_ms")]
    deadline_ms: Option<f64>,
    limit: Option<usize>,
    batch: Option<usize>,
}

/// Most hits and offset together.
const MOST: usize = 10_000;

impl SearchOptions {
    /// Reads them from JSON, for instance `{"k": 3, "mode": "keyword", "groupBy": "document"}`; what is missing
    /// is as in [`SearchOptions::default`]. Names are in camel case, snake case is taken, too.
    ///
    /// # Errors
    /// [`search::Error::InvalidOption`], [`search::Error::InvalidFilter`].
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        if !value.is_object() {
            return Err(invalid("options", "an object is needed"));
        }
        let given = Options::deserialize(value).map_err(|e| invalid("options", e))?;
        let usual = Self::default();
        let options = Self {
            k: given.k.unwrap_or(usual.k),
            recall: given.recall.unwrap_or(usual.recall),
            mode: given.mode,
            filter: given
                .filter
                .filter(|f| !f.is_null())
                .map(|f| Filter::from_value(&f))
                .transpose()?,
            group_by: given.group_by,
            min_score: given.min_score,
            offset: given.offset,
            deadline_ms: given.deadline_ms,
            limit: given.limit.unwrap_or(usual.limit),
            batch: given.batch.unwrap_or(usual.batch),
        };
        options.check()?;
        Ok(options)
    }

    /// Whether they make sense together.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.k > MOST || self.offset > MOST {
            return Err(invalid("k", format!("k and offset may be {MOST} at most")));
        }
        if !(0.0..=1.0).contains(&self.recall) {
            return Err(invalid("recall", "it is a share, 0 to 1"));
        }
        if self.min_score.is_some_and(|score| !score.is_finite()) {
            return Err(invalid("minScore", "it must be a number"));
        }
        if self
            .deadline_ms
            .is_some_and(|ms| !(ms.is_finite() && ms >= 0.0))
        {
            return Err(invalid("deadlineMs", "it must be a number of milliseconds"));
        }
        if self.batch == 0 {
            return Err(invalid("batch", "it must be 1 at least"));
        }
        Ok(())
    }
}

fn invalid(option: &'static str, why: impl ToString) -> Error {
    Error::Search(search::Error::InvalidOption {
        option,
        why: why.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_word_is_read_and_nothing_else() {
        let all = json!({
            "k": 3, "recall": 0.9, "mode": "keyword", "filter": {"year": 2024}, "groupBy": "document",
            "minScore": 0.2, "offset": 6, "deadlineMs": 250, "limit": 40, "batch": 8
        });
        let read = SearchOptions::from_json(&all).unwrap();
        let expected = SearchOptions {
            k: 3,
            recall: 0.9,
            mode: Mode::Keyword,
            filter: Some(Filter::parse(r#"{"year": 2024}"#).unwrap()),
            group_by: GroupBy::Document,
            min_score: Some(0.2),
            offset: 6,
            deadline_ms: Some(250.0),
            limit: 40,
            batch: 8,
        };
        assert_eq!(read, expected);
        assert_eq!(
            SearchOptions::from_json(&json!({})).unwrap(),
            SearchOptions::default()
        );
        for bad in [
            json!({"ef": 64}),
            json!({"mode": "fuzzy"}),
            json!({"recall": 1.5}),
            json!({"k": -1}),
            json!({"k": 1e9}),
            json!({"batch": 0}),
            json!({"deadlineMs": -1}),
            json!({"filter": {"a": {"near": 1}}}),
            json!([]),
        ] {
            assert!(SearchOptions::from_json(&bad).is_err(), "{bad}");
        }
    }
}
