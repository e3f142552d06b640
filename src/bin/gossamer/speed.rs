//! How fast an opened model is here: what `doctor` shows and calibration decides by.

use std::time::{Duration, Instant};

use gossamer::model::{Embedder, Encoder, Role};
use serde::{Deserialize, Serialize};

use crate::error::Failure;

/// Passages of a batch.
const BATCH: usize = 32;

/// Words of a passage: about a hundred tokens.
const WORDS: usize = 84;

/// A short question.
const QUESTION: &str = "How does a spider know what is in its web?";

/// What passages are cut from.
const TEXT: &str = "A spider does not see its web; it feels it. Every thread that runs to the middle carries the small \
    shaking of whatever touches it, and the one who sits there, with a foot on each spoke, knows from the pull and \
    the pitch how large it is, how far away, and whether it struggles. The silk itself is thinner than hair and, \
    weight for weight, stronger than steel, and most evenings it is eaten and spun anew. What is kept is not the \
    web but the skill of making it again, in half an hour, wherever there are two twigs and a little wind to carry \
    the first line across the gap between them.";

/// Longest time for one of the two measurements.
const PATIENCE: Duration = Duration::from_secs(4);

/// Measured once after a warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// One short question, median.
    pub query_ms: f64,
    /// Passages of about a hundred tokens, in batches.
    pub passages_per_second: f64,
}

impl Speed {
    pub async fn of(encoder: &Encoder) -> Result<Self, Failure> {
        let words: Vec<&str> = TEXT.split_whitespace().collect();
        let passage = |i| {
            let rotated = words.iter().cycle().skip(i).take(WORDS);
            rotated.copied().collect::<Vec<_>>().join(" ")
        };
        let passages: Vec<String> = (0..BATCH).map(passage).collect();
        let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
        let (mut queries, start) = (Vec::new(), Instant::now());
        while queries.len() < 9 && start.elapsed() < PATIENCE {
            let start = Instant::now();
            encoder.embed(Role::Query, &[QUESTION]).await?;
            queries.push(start.elapsed().as_secs_f64() * 1e3);
        }
        queries.sort_by(f64::total_cmp);
        // The first batch of a shape may be compiled or tuned for; a slow device shows on fewer passages.
        let few = BATCH / 8;
        let start = Instant::now();
        encoder.embed(Role::Passage, &passages[..few]).await?;
        let mut rate = few as f64 / start.elapsed().as_secs_f64();
        if start.elapsed() < PATIENCE / 8 {
            encoder.embed(Role::Passage, &passages).await?;
            let start = Instant::now();
            encoder.embed(Role::Passage, &passages).await?;
            rate = BATCH as f64 / start.elapsed().as_secs_f64();
        }
        Ok(Self {
            query_ms: queries[queries.len() / 2],
            passages_per_second: rate,
        })
    }
}
