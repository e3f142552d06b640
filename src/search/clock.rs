//! Time, given from outside where the platform has no clock of its own.

use std::fmt::Debug;
use std::sync::Arc;

/// A clock that never goes back.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since some moment that stays the same.
    fn now_ms(&self) -> f64;
}

pub(crate) use platform::usual;

#[cfg(not(target_family = "wasm"))]
mod platform {
    use std::time::Instant;

    use super::{Arc, Clock};

    #[derive(Debug)]
    struct Monotonic(Instant);

    impl Clock for Monotonic {
        fn now_ms(&self) -> f64 {
            self.0.elapsed().as_secs_f64() * 1e3
        }
    }

    /// The system's.
    pub(crate) fn usual() -> Option<Arc<dyn Clock>> {
        Some(Arc::new(Monotonic(Instant::now())))
    }
}

#[cfg(target_family = "wasm")]
mod platform {
    use super::{Arc, Clock};

    /// None: the host has to give one.
    pub(crate) fn usual() -> Option<Arc<dyn Clock>> {
        None
    }
}
