//! Evaluates an index on files of vectors: `gossamer eval` without the rest of the command.
//!
//!     cargo run --release --no-default-features --features eval --example eval -- \
//!         --vectors passages.npy --queries queries.npy --k 3 --json

use std::process::ExitCode;

use gossamer::eval::{Options, USAGE, run};

fn main() -> ExitCode {
    let report = Options::parse(std::env::args().skip(1))
        .and_then(|(options, json)| run(&options).map(|report| (report, json)));
    match report {
        Ok((report, true)) => match serde_json::to_string_pretty(&report) {
            Ok(json) => println!("{json}"),
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        },
        Ok((report, false)) => println!("{report}"),
        Err(error) => {
            eprintln!("error: {error}\nusage: eval {USAGE}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
