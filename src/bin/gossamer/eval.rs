//! `gossamer eval`: how good an index is, on files of vectors without the model, or with `--index` as it is.

use std::process::ExitCode;

use gossamer::eval;

use crate::error::Failure;
use crate::{eval_index, output};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// See the usage line
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub async fn run(options: Options) -> Result<ExitCode, Failure> {
    if options.arguments.iter().any(|a| a == "--index") {
        return eval_index::run(options.arguments).await;
    }
    if options.arguments.iter().any(|a| a == "--help" || a == "-h") {
        out!("usage: gossamer eval {}", eval::USAGE);
        out!(
            "   or: gossamer eval --index PATH --questions FILE [-k 3] [--target-recall 0.95] [--json]"
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (options, json) = eval::Options::parse(options.arguments)?;
    let report = eval::run(&options)?;
    if json {
        output::json(&report)?;
    } else {
        out!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}
