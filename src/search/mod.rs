//! The search state machine: it asks for embeddings, is given scores, and does no I/O.
//!
//! A walk or a scan of the codes yields candidates with estimated scores. [`Search`] says which of them to
//! embed again, is fed their exact scores, and stops when the rest is unlikely to change the answer.
//! [`keyword`] scores chunks by words, [`Filter`] says what may be found at all.
//! [`Pace`] says what fits before a deadline. [`Pool`] runs several searches on common batches, [`Cache`] keeps recent embeddings in memory.

mod adaptive;
mod cache;
mod clock;
mod error;
mod filter;
pub mod keyword;
mod leann;
pub mod pace;
mod pool;
mod rule;

pub use adaptive::{Candidate, Hit, Ranked, Search, Step};
pub use cache::Cache;
pub use clock::Clock;
pub(crate) use clock::usual as usual_clock;
pub use error::Error;
pub use filter::{Bound, Date, Filter, Scalar, Test};
pub use leann::{Leann, LeannOptions};
pub use pace::Pace;
pub use pool::{Batch, Pool};
pub use rule::Rule;
