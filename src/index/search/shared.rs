//! What the searches of one index share: memory of words and embeddings, the device's pace, a clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::desk::Desk;
use super::eligible::Filters;
use super::words::Words;
use super::{Error, SearchOptions};
use crate::model::Role;
use crate::search::{self, Clock};

/// A passage: number of its segment, chunk of that segment. Segments never change, so it outlives commits.
pub(super) type Passage = (u64, u32);

/// Bytes of recomputed embeddings kept: 5,000 of 384 values.
const REMEMBERED: usize = 8 << 20;
/// Bytes of questions' embeddings kept.
const QUESTIONS: usize = 64 << 10;

/// Shared by all searches of an index.
#[derive(Debug)]
pub(in crate::index) struct Shared {
    words: Mutex<Words>,
    filters: Mutex<Filters>,
    pub(super) passages: Desk<Passage>,
    pub(super) questions: Desk<Arc<str>>,
    remembered: Mutex<usize>,
    pace: Mutex<Pace>,
    clock: Mutex<Option<Arc<dyn Clock>>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            words: Mutex::default(),
            filters: Mutex::default(),
            passages: Desk::new(Role::Passage),
            questions: Desk::new(Role::Query),
            remembered: Mutex::new(REMEMBERED),
            pace: Mutex::default(),
            clock: Mutex::new(search::usual_clock()),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn words(&self) -> MutexGuard<'_, Words> {
        locked(&self.words)
    }

    pub(super) fn filters(&self) -> MutexGuard<'_, Filters> {
        locked(&self.filters)
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Pace> {
        locked(&self.pace)
    }

    pub(super) fn set_clock(&self, clock: Arc<dyn Clock>) {
        *locked(&self.clock) = Some(clock);
    }

    pub(super) fn set_memory(&self, bytes: usize) {
        *locked(&self.remembered) = bytes;
    }

    /// Makes room for embeddings of `dim` values.
    pub(super) fn reserve(&self, dim: usize) {
        self.passages.reserve(*locked(&self.remembered), dim);
        self.questions.reserve(QUESTIONS, dim);
    }

    /// The deadline of a search that begins now, if it has one.
    pub(super) fn deadline(&self, options: &SearchOptions) -> Result<Option<Deadline>, Error> {
        let Some(ms) = options.deadline_ms else {
            return Ok(None);
        };
        let Some(clock) = locked(&self.clock).clone() else {
            return Err(Error::Search(search::Error::InvalidOption {
                option: "deadlineMs",
                why: "this index has no clock: give it one (`Index::set_clock`)".into(),
            }));
        };
        let start = clock.now_ms();
        Ok(Some(Deadline { clock, start, ms }))
    }
}

/// When an answer is due.
#[derive(Clone, Debug)]
pub(super) struct Deadline {
    clock: Arc<dyn Clock>,
    start: f64,
    ms: f64,
}

impl Deadline {
    /// Milliseconds since the search began.
    pub(super) fn spent(&self) -> f64 {
        self.clock.now_ms() - self.start
    }

    /// Milliseconds left; negative once it has passed.
    pub(super) fn left(&self) -> f64 {
        self.ms - self.spent()
    }

    /// Whether the given share of the time has passed.
    pub(super) fn passed(&self, share: f64) -> bool {
        self.spent() >= self.ms * share
    }
}

/// How fast embedding was lately; 0 where nothing is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Milliseconds per passage.
    passage: f64,
    /// Milliseconds per question.
    question: f64,
    /// Milliseconds from the last embedding to the answer.
    finish: f64,
}

/// Passages embedded to learn how long one takes.
const PROBE: usize = 2;

impl Pace {
    pub(super) fn passages(&mut self, count: usize, ms: f64) {
        blend(&mut self.passage, ms / count.max(1) as f64);
    }

    pub(super) fn question(&mut self, ms: f64) {
        blend(&mut self.question, ms);
    }

    pub(super) fn finish(&mut self, ms: f64) {
        blend(&mut self.finish, ms);
    }

    /// Whether a question can be embedded in the time left.
    pub(super) fn affords_question(&self, left: f64) -> bool {
        left > self.question + self.finish
    }

    /// Passages to embed at once in the time left. At most half of what the pace promises, so that one batch
    /// of long passages is not too much; the next batch knows better.
    pub(super) fn affords(&self, left: f64) -> usize {
        let left = left - self.finish;
        if left <= 0.0 {
            return 0;
        }
        if self.passage <= 0.0 {
            return PROBE;
        }
        let all = (left / self.passage) as usize;
        if all > 2 * PROBE { all / 2 } else { all }
    }
}

fn blend(known: &mut f64, new: f64) {
    *known = if *known > 0.0 {
        0.5 * (*known + new)
    } else {
        new
    };
}
