//! How much waits, and how much may: what is beyond is refused at once, so that what was accepted is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Counts of what waits or runs.
#[derive(Debug)]
pub struct Load {
    limit: usize,
    waiting: AtomicUsize,
    /// Mean time between two answers while busy, in microseconds.
    pace: AtomicU64,
}

/// A place among those who wait; given back when it is dropped.
#[derive(Debug)]
pub struct Ticket(Arc<Load>);

impl Load {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            waiting: AtomicUsize::new(0),
            pace: AtomicU64::new(0),
        })
    }

    /// A place, if there is one left.
    pub fn enter(self: &Arc<Self>) -> Option<Ticket> {
        let more = |n: usize| (n < self.limit).then_some(n + 1);
        self.waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()
            .map(|_| Ticket(Arc::clone(self)))
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Remembers how long `answers` took together.
    pub fn answered(&self, answers: usize, took: Duration) {
        let Some(each) = (took.as_micros() as u64).checked_div(answers as u64) else {
            return;
        };
        let before = self.pace.load(Ordering::Relaxed);
        let mean = if before == 0 {
            each
        } else {
            (7 * before + each) / 8
        };
        self.pace.store(mean, Ordering::Relaxed);
    }

    /// Seconds after which the queue should have room: what waits now, at the pace of late.
    pub fn retry_after(&self) -> u64 {
        let wait = self.waiting() as u64 * self.pace.load(Ordering::Relaxed);
        wait.div_ceil(1_000_000).clamp(1, 60)
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

    #[test]
    fn places_are_limited_and_given_back() {
        let load = Load::new(2);
        let (first, second) = (load.enter(), load.enter());
        assert!(first.is_some() && second.is_some() && load.enter().is_none());
        drop(first);
        assert!(load.enter().is_some());
        drop(second);
        assert_eq!(load.waiting(), 0);
    }

    #[test]
    fn a_refusal_names_the_time_that_the_queue_needs() {
        let load = Load::new(100);
        assert_eq!(load.retry_after(), 1);
        load.answered(4, Duration::from_secs(2));
        let tickets: Vec<_> = std::iter::from_fn(|| load.enter()).take(20).collect();
        assert_eq!((tickets.len(), load.retry_after()), (20, 10));
    }
}
