//! How long embedding takes here, and how much of it fits before a deadline. It has no clock: it is told what took how
//! long.
//!
//! A batch is taken to cost what a question does, plus something per byte of its passages: so it is with a GPU, where
//! the call costs most, and with a CPU, where the text does. What recent batches took beyond that says how wrong the
//! next guess may be.

use std::collections::VecDeque;

use crate::model::calibration::Timing;

/// What embedding cost lately, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// What the device is said to need, until it is seen.
    said: Option<Timing>,
    questions: Window,
    passages: Window,
    /// Reading what a batch needs, or the hits.
    reads: Window,
    /// How often in a row there was no time for a question, and for a passage.
    refused: [usize; 2],
}

/// Sizes and times of the latest.
#[derive(Clone, Debug, Default)]
struct Window(VecDeque<(f64, f64)>);

/// How many of them.
const SEEN: usize = 16;
/// Bytes that the special tokens and the prompt of a text count for.
const EXTRA: usize = 8;
/// Bytes of the sixteen passages in a [`Timing`]: 128 tokens each, 4.5 bytes per token of English.
const SIXTEEN: f64 = 16.0 * 128.0 * 4.5;
/// By how much a batch may take longer than expected, at the least that is allowed for.
const LEAST_DOUBT: f64 = 1.25;
/// What was refused so often in a row is tried once, lest one slow start is never got over.
const PATIENCE: usize = 100;

/// How much of a text counts for the time it takes.
pub fn size(text: usize) -> usize {
    text + EXTRA
}

impl Window {
    fn push(&mut self, size: usize, ms: f64) {
        if self.0.len() == SEEN {
            self.0.pop_front();
        }
        self.0.push_back((size as f64, ms));
    }

    fn mean(&self) -> Option<(f64, f64)> {
        let count = self.0.len() as f64;
        let sum = |of: fn(&(f64, f64)) -> f64| self.0.iter().map(of).sum::<f64>() / count;
        (!self.0.is_empty()).then(|| (sum(|seen| seen.0), sum(|seen| seen.1)))
    }

    fn most(&self) -> f64 {
        self.0.iter().map(|seen| seen.1).fold(0.0, f64::max)
    }
}

/// The line that times lie on.
#[derive(Clone, Copy, Debug)]
struct Line {
    fixed: f64,
    per_byte: f64,
}

impl Line {
    fn at(self, size: f64) -> f64 {
        self.fixed + self.per_byte * size
    }
}

impl Pace {
    /// Takes what the device is said to need, for as long as nothing is known better.
    pub fn expect(&mut self, said: Timing) {
        self.said.get_or_insert(said);
    }

    /// A question of this [`size`] was embedded.
    pub fn question(&mut self, size: usize, ms: f64) {
        self.questions.push(size, ms);
        self.refused[0] = 0;
    }

    /// A batch of passages of this [`size`] in all was embedded.
    pub fn passages(&mut self, size: usize, ms: f64) {
        self.passages.push(size, ms);
        self.refused[1] = 0;
    }

    /// Passages were read.
    pub fn read(&mut self, ms: f64) {
        self.reads.push(0, ms);
    }

    /// Time to keep for reading the hits.
    pub fn finish(&self) -> f64 {
        self.reads.most()
    }

    /// Whether a question of this [`size`] can be embedded in the time left. Yes if nothing is known.
    pub fn affords_question(&mut self, left: f64, size: usize) -> bool {
        let seen = self.questions.0.iter();
        let scaled = seen.map(|(of, ms)| ms * (size as f64 / of).max(1.0));
        let seen = self.questions.0.len() as f64;
        let expected = match self.said {
            _ if seen > 0.0 => scaled.sum::<f64>() / seen,
            Some(said) => said.one,
            None => 0.0,
        };
        let affords = left > LEAST_DOUBT * expected + self.finish();
        self.patiently(0, affords)
    }

    /// How many of these passages, given by their [`size`]s, 0 for what need not be embedded, to embed at once in the
    /// time left: at most what is expected to take half of it, so that one slow batch is not too much and the next
    /// guess is a better one; at last a single one, if that fits.
    pub fn affords(&mut self, left: f64, sizes: impl IntoIterator<Item = usize>) -> usize {
        // Passages are read before a batch, hits after it.
        let left = left - 2.0 * self.finish();
        if left <= 0.0 {
            return 0;
        }
        let line = self.line();
        let doubt = line.map_or(1.0, |line| self.doubt(line));
        let (mut count, mut sum) = (0, 0);
        for size in sizes {
            let room = if sum == 0 { left } else { 0.5 * left };
            let ms = match line {
                Some(line) if sum + size > 0 => doubt * line.at((sum + size) as f64),
                // Nothing is known: one passage tells.
                None if sum > 0 && size > 0 => f64::INFINITY,
                _ => 0.0,
            };
            if ms > room {
                break;
            }
            sum += size;
            count += 1;
        }
        if self.patiently(1, count > 0) {
            count.max(1)
        } else {
            0
        }
    }

    fn patiently(&mut self, what: usize, affords: bool) -> bool {
        let refused = &mut self.refused[what];
        *refused = if affords { 0 } else { *refused + 1 };
        affords || refused.is_multiple_of(PATIENCE)
    }

    /// What batches of passages cost, as far as is known.
    fn line(&self) -> Option<Line> {
        let question = self.questions.mean();
        let said = self.said;
        if let Some((size, ms)) = self.passages.mean() {
            let fixed = question.map_or(0.0, |(_, ms)| ms).min(ms);
            let per_byte = (ms - fixed) / size.max(1.0);
            return Some(Line { fixed, per_byte });
        }
        match (said, question) {
            (Some(said), _) => Some(Line {
                fixed: said.one,
                per_byte: (said.sixteen - said.one).max(0.0) / SIXTEEN,
            }),
            // At worst a passage costs as much per byte.
            (None, Some((size, ms))) => Some(Line {
                fixed: 0.0,
                per_byte: ms / size.max(1.0),
            }),
            (None, None) => None,
        }
    }

    /// What recent batches took at most, as a multiple of what was to be expected.
    fn doubt(&self, line: Line) -> f64 {
        let ratios = self.passages.0.iter().map(|(size, ms)| ms / line.at(*size));
        ratios.filter(|r| r.is_finite()).fold(LEAST_DOUBT, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A device that takes `call` plus `byte` per byte, by a factor that varies.
    struct Device {
        call: f64,
        byte: f64,
        noise: f64,
        seed: u64,
    }

    impl Device {
        /// Even in 0 to 1.
        fn even(&mut self) -> f64 {
            self.seed = self
                .seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.seed >> 40) as f64 / f64::from(1 << 24)
        }

        /// Milliseconds for a batch: mostly near what is usual, seldom much more.
        fn run(&mut self, size: usize) -> f64 {
            let bell = (0..6).map(|_| self.even()).sum::<f64>() - 3.0;
            (self.call + self.byte * size as f64) * (self.noise * bell / 0.7).exp()
        }
    }

    /// One search: what it took, and whether its batches were of one passage only.
    fn search(pace: &mut Pace, device: &mut Device, deadline: f64) -> (f64, usize) {
        let mut spent = 0.0;
        let question = size(20 + (device.even() * 80.0) as usize);
        if !pace.affords_question(deadline, question) {
            return (spent, 0);
        }
        let ms = device.run(question);
        pace.question(question, ms);
        spent += ms;
        let mut done = 0;
        let passages: Vec<usize> = (0..200)
            .map(|_| size(200 + (device.even() * 1000.0) as usize))
            .collect();
        while done < passages.len() {
            let left = &passages[done..];
            let count = pace.affords(deadline - spent, left.iter().copied().take(32));
            if count == 0 {
                break;
            }
            let batch: usize = left[..count].iter().sum();
            let ms = device.run(batch);
            pace.passages(batch, ms);
            spent += ms;
            done += count;
        }
        (spent, done)
    }

    #[test]
    fn deadlines_are_kept_within_a_tenth_on_devices_of_every_kind() {
        let (mut late, mut all, mut used, mut worst) = (0, 0, 0.0, 0f64);
        for kind in 0..200u64 {
            let mut device = Device {
                // From a call that costs nothing to one that costs as much as thirty passages.
                call: [0.0, 1.0, 5.0, 20.0][kind as usize % 4],
                byte: [0.0005, 0.003, 0.02, 0.05][kind as usize / 4 % 4],
                noise: [0.05, 0.15, 0.3][kind as usize % 3],
                seed: kind,
            };
            let mut pace = Pace::default();
            search(&mut pace, &mut device, f64::INFINITY);
            for number in 0..100 {
                let deadline = [50.0, 100.0, 200.0, 500.0, 1000.0][number % 5];
                let (spent, done) = search(&mut pace, &mut device, deadline);
                // What is not refused takes one question at the least, one passage at the most too much.
                let most = (device.call + device.byte * 1208.0) * (device.noise * 3.0 / 0.7).exp();
                assert!(spent < deadline + most, "{spent} of {deadline}");
                late += usize::from(spent > 1.1 * deadline);
                all += 1;
                worst = worst.max(spent / deadline);
                if done > 0 && done < 200 {
                    used += spent / deadline;
                }
            }
        }
        println!(
            "{late} of {all} late, worst {worst:.2}, {:.2} of the time used",
            used / all as f64
        );
        assert!(late * 100 <= all, "{late} of {all}");
    }

    #[test]
    fn a_slow_start_is_got_over() {
        let mut pace = Pace::default();
        pace.question(50, 900.0);
        let tries = (0..PATIENCE)
            .filter(|_| pace.affords_question(100.0, 50))
            .count();
        assert_eq!(tries, 1);
        (0..SEEN).for_each(|_| pace.question(50, 5.0));
        assert!(pace.affords_question(100.0, 50));
    }

    #[test]
    fn what_a_device_is_said_to_need_counts_until_it_is_seen() {
        let mut pace = Pace::default();
        pace.expect(Timing {
            one: 20.0,
            sixteen: 36.0,
        });
        assert!(!pace.affords_question(10.0, 50));
        assert!(pace.affords_question(100.0, 50));
        // Half of the time, less a quarter for doubt. By the question's pace alone one would not fit.
        assert_eq!(pace.affords(100.0, [584; 32]), 19);
        pace.passages(584, 80.0);
        assert_eq!(pace.affords(90.0, [584; 32]), 0);
    }

    proptest! {
        #[test]
        fn more_time_is_never_for_less_and_what_is_known_costs_nothing(
            seen in prop::collection::vec((1usize..5000, 0.1f64..200.0), 0..20),
            sizes in prop::collection::vec(prop_oneof![Just(0usize), 1usize..2000], 1..40),
            left in 0.1f64..500.0,
        ) {
            let mut pace = Pace::default();
            seen.iter().for_each(|(size, ms)| pace.passages(*size, *ms));
            let count = pace.clone().affords(left, sizes.iter().copied());
            prop_assert!(count <= sizes.len());
            prop_assert!(pace.clone().affords(2.0 * left, sizes.iter().copied()) >= count);
            let known = sizes.iter().take_while(|size| **size == 0).count();
            prop_assert!(count >= known);
        }
    }
}
