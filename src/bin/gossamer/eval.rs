//! `gossamer eval`: how good an index is, measured on files of vectors, without running the model.

use std::process::ExitCode;

use gossamer::eval;

use crate::error::Failure;
use crate::output;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// See the usage line
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(options: Options) -> Result<ExitCode, Failure> {
    if options.arguments.iter().any(|a| a == "--help" || a == "-h") {
        println!("usage: gossamer eval {}", eval::USAGE);
        return Ok(ExitCode::SUCCESS);
    }
    let (options, json) = eval::Options::parse(options.arguments)?;
    let report = eval::run(&options)?;
    if json {
        output::json(&report)?;
    } else {
        println!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}
