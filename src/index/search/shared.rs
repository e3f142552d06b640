//! What the searches of one index share: memory of words and embeddings, the device's pace, a clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::desk::Desk;
use super::eligible::Filters;
use super::words::Words;
use super::{Error, SearchOptions};
use crate::model::Role;
use crate::search::{self, Clock, Pace};

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

    /// Tells the pace what a batch took, called with its size before and after it.
    pub(super) fn timed(&self, tell: fn(&mut Pace, usize, f64)) -> impl FnMut(usize, bool) {
        let clock = self.clock();
        let mut before = 0.0;
        move |size, after| {
            let Some(clock) = &clock else { return };
            if after {
                tell(&mut self.pace(), size, clock.now_ms() - before);
            } else {
                before = clock.now_ms();
            }
        }
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

    /// The clock, if there is one.
    pub(super) fn clock(&self) -> Option<Arc<dyn Clock>> {
        locked(&self.clock).clone()
    }

    /// The deadline of a search that begins now, if it has one.
    pub(super) fn deadline(&self, options: &SearchOptions) -> Result<Option<Deadline>, Error> {
        let Some(ms) = options.deadline_ms else {
            return Ok(None);
        };
        let Some(clock) = self.clock() else {
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

    /// Whether the given share of the time has passed, or all but `rest` milliseconds.
    pub(super) fn passed(&self, share: f64, rest: f64) -> bool {
        self.spent() >= (self.ms * share).min(self.ms - rest)
    }
}
