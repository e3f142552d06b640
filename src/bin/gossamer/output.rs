//! How results are printed: plain text for people, JSON for programs, progress bars on a terminal.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::Failure;

/// Whether notes and bars are left out.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves out notes and progress from here on.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Says something beside the result, on standard error.
pub fn note(words: fmt::Arguments<'_>) {
    if !QUIET.load(Ordering::Relaxed) {
        eprintln!("{words}");
    }
}

/// `println!` for results: ends the process quietly when who reads them has seen enough (`gossamer search ... | head`).
macro_rules! out {
    ($($words:tt)*) => { $crate::output::line(format_args!($($words)*)) };
}

/// What [`out!`] does.
pub fn line(words: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout().lock(), "{words}") {
        if error.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("gossamer: output: {error}");
        std::process::exit(i32::from(crate::error::code::FAILED));
    }
}

/// Prints one JSON object and a newline.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A bar over bytes with rate and time left; invisible when standard error is not a terminal.
pub fn bytes_bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg:28!} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    if QUIET.load(Ordering::Relaxed) {
        return ProgressBar::hidden();
    }
    ProgressBar::new(total).with_style(style)
}

/// Emphasis, if standard output is a terminal and nobody set NO_COLOR (no-color.org).
pub fn bold(text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if plain || !io::stdout().is_terminal() {
        return text.to_owned();
    }
    format!("\x1b[1m{text}\x1b[0m")
}

/// Bytes for people, decimal units.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A plural for people.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
