//! What comes back.

use std::ops::Range;

/// A passage that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Id of its document.
    pub document: String,
    /// Title of its document.
    pub title: String,
    /// Metadata of its document.
    pub metadata: String,
    /// Which chunk of its document, from 0.
    pub chunk: usize,
    /// Where it is in the document's text, in bytes.
    pub bytes: Range<usize>,
    /// The same in UTF-16 units, as JavaScript counts.
    pub utf16: Range<usize>,
    /// The passage.
    pub text: String,
    /// Inner product of the embeddings of question and passage, which is their cosine; in keyword mode the
    /// score by words. Hits of a hybrid search are ranked by both and need not descend by this.
    pub score: f32,
    /// What speaks for it.
    pub why: Why,
    /// What to show of `text`, in UTF-16 units: the sentence that has most of the words asked for, in keyword
    /// mode those words themselves. Empty if it has none of them.
    pub marks: Vec<Range<usize>>,
}

/// What speaks for a hit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Why {
    /// Inner product of the embeddings; `None` in keyword mode.
    pub semantic: Option<f32>,
    /// Score by words, as a share of the best possible (BM25), 0 without any; `None` in semantic mode.
    pub keyword: Option<f32>,
    /// Whether `semantic` is estimated from the code of the passage, because there was no time to embed it.
    pub estimated: bool,
}

/// What a search cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchStats {
    /// Passages embedded again.
    pub recomputed: usize,
    /// Dependent rounds of them.
    pub rounds: usize,
    /// Passages whose embedding was still in memory.
    pub remembered: usize,
    /// Codes scored.
    pub codes_read: usize,
    /// Bytes of text read to count its words.
    pub text_read: u64,
    /// Chunks that could not be read because a block is damaged ([`Snapshot::verify`](super::Snapshot::verify)).
    pub damaged: usize,
}

/// What a deadline or limit kept from being looked at. All zero: the answer is what it would be without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Passages that should have been embedded for the recall asked for.
    pub passages: usize,
    /// Bytes of text whose words were not counted.
    pub text: u64,
    /// The question itself was not embedded: hits are by words alone.
    pub question: bool,
}

impl LeftOut {
    /// Whether anything was left out.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// Passages, best first, and what finding them cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchResult {
    /// At most `k`.
    pub hits: Vec<Hit>,
    /// Chunks that could be found at all: of documents that pass the filter, with the quoted phrases and without
    /// the excluded words.
    pub eligible: usize,
    /// Hits fewer than the `k` asked for: so many more there are not.
    pub shortfall: usize,
    /// What a deadline or limit left out.
    pub left_out: LeftOut,
    /// What it cost.
    pub stats: SearchStats,
}

/// How far a streamed search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageName {
    /// By words alone.
    Keyword,
    /// By the codes of the passages: nothing was embedded but the question, scores are estimates.
    Codes,
    /// The answer.
    Exact,
}

impl StageName {
    /// `keyword`, `codes` or `exact`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Codes => "codes",
            Self::Exact => "exact",
        }
    }
}

/// An intermediate answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What the hits rest on.
    pub name: StageName,
    /// The best so far.
    pub hits: Vec<Hit>,
}
