//! The search state machine: it asks for embeddings, is given scores, and does no I/O.
//!
//! A walk or a scan of the codes yields candidates with estimated scores. [`Search`] says which of them to
//! embed again, is fed their exact scores, and stops when the rest is unlikely to change the answer.
//! [`Pool`] runs several searches on common batches, [`Cache`] keeps recent embeddings in memory.

mod adaptive;
mod cache;
mod error;
mod leann;
mod pool;
mod rule;

pub use adaptive::{Candidate, Hit, Search, Step};
pub use cache::Cache;
pub use error::Error;
pub use leann::{Leann, LeannOptions};
pub use pool::Pool;
pub use rule::Rule;
