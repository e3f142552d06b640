//! How much waits, and how much may: what is beyond is refused at once, so that what was accepted is answered in
//! time.
//!
//! Two bounds: a number of places, and the time that the last in the queue would wait at the pace of late. The pace is
//! time spent per answer over about the last 32; while no answer comes it is taken to be as slow as that shows, so
//! that a queue whose head takes long does not go on growing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Searches that share batches. More would make each wait longer and no batch better.
pub const TOGETHER: usize = 16;

/// What an answer's weight is multiplied with for every later one.
const KEEP: f64 = 31.0 / 32.0;

/// Counts of what waits or runs.
#[derive(Debug)]
pub struct Load {
    limit: usize,
    patience: Duration,
    waiting: AtomicUsize,
    pace: Mutex<Pace>,
}

/// Time spent while something ran, and what was answered in it; of both, the older the less.
#[derive(Debug, Default)]
struct Pace {
    seconds: f64,
    answers: f64,
    /// Since when something runs of which nothing is answered.
    since: Option<Instant>,
}

impl Pace {
    /// Seconds per answer.
    fn each(&self, now: Instant) -> f64 {
        let seen = match self.answers > 0.0 {
            true => self.seconds / self.answers,
            false => 0.0,
        };
        let open = self.since.map_or(0.0, |since| seconds(since, now));
        // At best, all that run are answered now.
        let at_best = (self.seconds + open) / (self.answers + TOGETHER as f64);
        seen.max(at_best)
    }
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

/// A place among those who wait; given back when it is dropped.
#[derive(Debug)]
pub struct Ticket(Arc<Load>);

impl Load {
    /// At most `limit` may wait, and none for longer than `patience` if the pace stays.
    pub fn new(limit: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            patience,
            waiting: AtomicUsize::new(0),
            pace: Mutex::default(),
        })
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if there is one left and its turn will come in time. Who finds nobody waiting always gets one: only
    /// answers show that the pace has become better.
    pub fn enter(self: &Arc<Self>, now: Instant) -> Option<Ticket> {
        let each = self.pace().each(now);
        let in_time = (self.patience.as_secs_f64() / each) as usize;
        let places = self.limit.min(in_time.max(1));
        let more = |n: usize| (n < places).then_some(n + 1);
        self.waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()
            .map(|_| Ticket(Arc::clone(self)))
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Something runs.
    pub fn busy(&self, now: Instant) {
        self.pace().since.get_or_insert(now);
    }

    /// Nothing runs.
    pub fn idle(&self) {
        self.pace().since = None;
    }

    /// So many were answered.
    pub fn answered(&self, answers: usize, now: Instant) {
        let mut pace = self.pace();
        let keep = KEEP.powi(answers as i32);
        let took = pace.since.map_or(0.0, |since| seconds(since, now));
        pace.seconds = pace.seconds * keep + took;
        pace.answers = pace.answers * keep + answers as f64;
        pace.since = Some(now);
    }

    /// Seconds after which the queue should have room: what waits now, at the pace of late.
    pub fn retry_after(&self, now: Instant) -> u64 {
        let wait = self.waiting() as f64 * self.pace().each(now);
        (wait.ceil() as u64).clamp(1, 60)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fill(load: &Arc<Load>, now: Instant) -> Vec<Ticket> {
        std::iter::from_fn(|| load.enter(now)).collect()
    }

    #[test]
    fn places_are_limited_and_given_back() {
        let (load, now) = (Load::new(2, SECOND), Instant::now());
        let (first, second) = (load.enter(now), load.enter(now));
        assert!(first.is_some() && second.is_some() && load.enter(now).is_none());
        drop(first);
        assert!(load.enter(now).is_some());
        drop(second);
        assert_eq!(load.waiting(), 0);
    }

    #[test]
    fn who_would_wait_too_long_is_refused_and_told_how_long_the_queue_is() {
        let (load, start) = (Load::new(100, 15 * SECOND), Instant::now());
        assert_eq!(load.retry_after(start), 1);
        load.busy(start);
        let now = start + 2 * SECOND;
        load.answered(4, now);
        // Two a second.
        let tickets = fill(&load, now);
        assert_eq!((tickets.len(), load.retry_after(now)), (30, 15));
        // Now ten a second: the limit of places is what is left.
        drop(tickets);
        let later = now + 100 * SECOND;
        load.answered(1000, later);
        assert_eq!(fill(&load, later).len(), 100);
    }

    #[test]
    fn while_nothing_is_answered_the_pace_is_no_better_than_that() {
        let (load, start) = (Load::new(100, 15 * SECOND), Instant::now());
        load.busy(start);
        let now = start + 10 * SECOND;
        // Were the sixteen that may run answered now, each would have taken 10 / 16 s.
        assert_eq!(fill(&load, now).len(), 24);
        // Nothing runs: waiting for questions is not waiting for answers.
        load.idle();
        assert_eq!(fill(&load, now).len(), 100);
    }

    #[test]
    fn however_slow_it_is_one_may_ask() {
        let (load, start) = (Load::new(100, SECOND), Instant::now());
        load.busy(start);
        let now = start + 60 * SECOND;
        load.answered(1, now);
        assert_eq!(fill(&load, now).len(), 1);
    }
}
