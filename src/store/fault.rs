//! A disk that fails on purpose: crashes between and inside calls, torn and reordered unsynced writes, errors.
//!
//! What was synced by a completed `swap` survives a crash as it was. What was not may survive, be lost, or
//! survive torn, each write on its own, in any order between names. The manifest itself is replaced
//! atomically, as the contract of [`Store`] demands of every backend.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::manifests::Manifests;
use super::{Error, Store};

/// When the disk fails. Steps are counted over all calls; a `swap` takes three.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Seed of everything random.
    pub seed: u64,
    /// The step at which the power goes.
    pub crash_at: Option<u64>,
    /// The step at which one call fails, done or not.
    pub error_at: Option<u64>,
    /// From this step on the disk is full for `put` and `swap`.
    pub full_from: Option<u64>,
}

/// A store that follows a [`Plan`].
#[derive(Clone, Debug, Default)]
pub struct Fault(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    random: u64,
    steps: u64,
    crashed: bool,
    blocks: BTreeMap<String, Vec<u8>>,
    manifests: Manifests,
    /// Per name, what was done since the last sync (`None`: deleted).
    unsynced: BTreeMap<String, Vec<Option<Vec<u8>>>>,
}

impl Fault {
    /// An empty disk.
    pub fn new(plan: Plan) -> Self {
        let state = State {
            plan,
            random: plan.seed,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Steps done so far: the range from which a plan picks.
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Whether the power went.
    pub fn crashed(&self) -> bool {
        self.state().crashed
    }

    /// The disk after the power came back, with a new plan. Crashes it first if nothing has yet.
    pub fn restart(&self, plan: Plan) -> Self {
        let mut state = self.state();
        state.lose_power();
        Self(Arc::new(Mutex::new(State {
            plan,
            random: plan.seed,
            blocks: state.blocks.clone(),
            manifests: state.manifests.clone(),
            ..State::default()
        })))
    }

    /// Follows another plan from here on, counting steps from zero; nothing is lost.
    pub fn replan(&self, plan: Plan) {
        let mut state = self.state();
        state.plan = plan;
        state.random = plan.seed;
        state.steps = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a step of a call comes to.
enum Step {
    Done,
    FailedBefore(Error),
    FailedAfter(Error),
}

impl State {
    /// splitmix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// Counts a step; a step that crashes may still be done before the power goes.
    fn step(&mut self, writes: bool) -> Step {
        if self.crashed {
            return Step::FailedBefore(Error::Lost("the power is off".into()));
        }
        let step = self.steps;
        self.steps += 1;
        let half = self.next().is_multiple_of(2);
        if self.plan.crash_at == Some(step) {
            self.crashed = true;
            let error = Error::Lost("the power went".into());
            return if half {
                Step::FailedAfter(error)
            } else {
                Step::FailedBefore(error)
            };
        }
        if self.plan.error_at == Some(step) {
            let error = Error::Io {
                doing: "being tested".into(),
                why: "planned".into(),
            };
            return if half {
                Step::FailedAfter(error)
            } else {
                Step::FailedBefore(error)
            };
        }
        if writes && self.plan.full_from.is_some_and(|from| step >= from) {
            return Step::FailedBefore(Error::QuotaExceeded);
        }
        Step::Done
    }

    fn doing<T>(&mut self, writes: bool, act: impl FnOnce(&mut Self) -> T) -> Result<T, Error> {
        match self.step(writes) {
            Step::Done => Ok(act(self)),
            Step::FailedBefore(error) => Err(error),
            Step::FailedAfter(error) => {
                act(self);
                Err(error)
            }
        }
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self.unsynced.get(name).and_then(|done| done.last()) {
            Some(last) => last.clone(),
            None => self.blocks.get(name).cloned(),
        }
    }

    fn sync(&mut self) {
        for (name, done) in std::mem::take(&mut self.unsynced) {
            match done.into_iter().next_back().flatten() {
                Some(bytes) => self.blocks.insert(name, bytes),
                None => self.blocks.remove(&name),
            };
        }
    }

    fn lose_power(&mut self) {
        self.crashed = true;
        for (name, done) in std::mem::take(&mut self.unsynced) {
            // Per name the disk got as far as it got; the last write it began may be torn.
            let kept = self.below(done.len() + 1);
            let torn = self.below(3) == 0;
            for (i, change) in done.into_iter().take(kept).enumerate() {
                match change {
                    None => {
                        self.blocks.remove(&name);
                    }
                    Some(mut bytes) => {
                        if torn && i + 1 == kept {
                            let at = self.below(bytes.len() + 1);
                            match self.below(3) {
                                0 => bytes.truncate(at),
                                1 => bytes[at..].fill(0),
                                _ => bytes[at..]
                                    .iter_mut()
                                    .for_each(|b| *b = b.wrapping_mul(31).wrapping_add(7)),
                            }
                        }
                        self.blocks.insert(name.clone(), bytes);
                    }
                }
            }
        }
    }
}

impl Store for Fault {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.state().doing(false, |state| state.read(name))
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.state().doing(true, |state| {
            state
                .unsynced
                .entry(name.to_owned())
                .or_default()
                .push(Some(bytes.to_vec()));
        })
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        self.state().doing(false, |state| {
            state
                .unsynced
                .entry(name.to_owned())
                .or_default()
                .push(None);
        })
    }

    async fn list(&self) -> Result<Vec<String>, Error> {
        self.state().doing(false, |state| {
            let mut names: Vec<String> = state
                .blocks
                .keys()
                .chain(state.unsynced.keys())
                .cloned()
                .collect();
            names.sort_unstable();
            names.dedup();
            names.retain(|name| state.read(name).is_some());
            names
        })
    }

    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.doing(true, |_| ())?;
        state.manifests.admit(generation)?;
        state.doing(true, State::sync)?;
        state.doing(true, |state| {
            state.manifests.insert(generation, manifest);
        })
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        self.state()
            .doing(false, |state| state.manifests.newest_first())
    }
}
