//! How good is an index on given data: recall, work and bytes, all in one report.
//!
//! Takes files of vectors, so that no model is needed: passages and questions as NumPy arrays, and the true
//! neighbours, or else an exact search makes them. What is stored is made by the encoders the index uses, and
//! counted in bytes.

mod bytes;
mod error;
mod files;
mod gold;
mod measure;
mod options;
mod setup;

pub use bytes::Bytes;
pub use error::Error;
pub use gold::{Found, Gold};
pub use measure::Report;
pub use options::{Layout, Options, USAGE};

/// Builds the index in memory, asks all questions, and reports.
///
/// Cost: coding and building as for an index, and for the truth, if it is not given, one inner product per
/// question and passage. With texts and questions also three searches per question of an index of them.
pub fn run(options: &Options) -> Result<Report, Error> {
    options.check()?;
    let data = files::Data::read(options)?;
    let built = setup::Built::new(options, &data)?;
    let report = measure::measure(options, &data, &built)?;
    Ok(Report {
        gold: gold::gold(options, &data)?,
        ..report
    })
}
