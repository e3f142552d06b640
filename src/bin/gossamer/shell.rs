//! `gossamer completions` and `gossamer man`: made from the command line's own definition.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::Cli;
use crate::error::{Failure, at};

/// Prints a shell's completions.
pub fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    // Into memory first: the generator panics if who reads it stops.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "gossamer", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page, or writes one for every command into a folder.
pub fn man(folder: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let mut command = Cli::command();
    command.build();
    match folder {
        None => Man::new(command).render(&mut io::stdout())?,
        Some(folder) => {
            fs::create_dir_all(&folder).map_err(at(&folder))?;
            pages(&command, "gossamer", &folder)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn pages(command: &clap::Command, name: &str, folder: &Path) -> Result<(), Failure> {
    let mut page = Vec::new();
    Man::new(command.clone()).title(name).render(&mut page)?;
    let file = folder.join(format!("{name}.1"));
    fs::write(&file, page).map_err(at(file))?;
    for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
        pages(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}
