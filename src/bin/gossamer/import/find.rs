//! Which files: a walk that respects .gitignore, and what people include and exclude.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::WalkBuilder;

use super::Outcome;
use crate::error::Failure;

/// What people include and exclude.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Selection {
    /// Only files whose path below DIR, or whose name if there is no / in it, fits; may be repeated
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// No files or folders that fit; may be repeated
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Only files of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_parser = TYPES)]
    types: Vec<String>,
    /// No files larger than this, for instance 10MB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
}

const TYPES: [&str; 9] = [
    "pdf", "docx", "epub", "html", "markdown", "text", "csv", "json", "code",
];

/// A number of bytes, decimal units.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        other => return Err(format!("{other} is no unit; write B, kB, MB or GB")),
    };
    let number: u64 = digits.trim().parse().map_err(|e| format!("{e}"))?;
    number.checked_mul(unit).ok_or_else(|| "too large".into())
}

/// A selection made ready.
#[derive(Debug)]
pub struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
    types: Vec<String>,
    max_size: u64,
}

fn globs(patterns: &[String]) -> Result<GlobSet, Failure> {
    let wrong = |e: globset::Error| Failure::Usage(e.to_string());
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        // Without a slash it is a name, wherever it is; as in .gitignore.
        let pattern = match pattern.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if pattern.contains('/') => pattern.to_owned(),
            None => format!("**/{pattern}"),
        };
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        set.add(glob.map_err(wrong)?);
    }
    set.build().map_err(wrong)
}

impl Selection {
    /// Fails if a glob is not one.
    pub fn ready(&self) -> Result<Filter, Failure> {
        let include = (!self.include.is_empty()).then(|| globs(&self.include));
        Ok(Filter {
            include: include.transpose()?,
            exclude: globs(&self.exclude)?,
            types: self.types.clone(),
            max_size: self.max_size.unwrap_or(u64::MAX),
        })
    }
}

impl Filter {
    /// Whether files of this type are wanted.
    pub fn takes_type(&self, word: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|t| t == word)
    }

    fn takes(&self, relative: &Path, bytes: u64) -> bool {
        bytes <= self.max_size
            && self
                .include
                .as_ref()
                .is_none_or(|set| set.is_match(relative))
            && !self.exclude.is_match(relative)
    }
}

/// A file that may be a document.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path as it was given and found, with `/`.
    pub id: String,
    pub path: PathBuf,
    pub bytes: u64,
}

/// Files below the paths, in order of path. Whether they can be read shows when they are.
pub fn find(
    paths: &[PathBuf],
    index: &Path,
    filter: &Filter,
    outcome: &mut Outcome,
) -> Result<Vec<Found>, Failure> {
    let own = fs::canonicalize(index).ok();
    let mut found = Vec::new();
    for root in paths {
        if !root.exists() {
            return Err(Failure::NoSuchPath(root.clone()));
        }
        let (own, exclude, base) = (own.clone(), filter.exclude.clone(), root.clone());
        let walk = WalkBuilder::new(root)
            .sort_by_file_path(Path::cmp)
            .filter_entry(move |entry| {
                // An index inside the folder is not one of its documents.
                let index = own.is_some() && fs::canonicalize(entry.path()).ok() == own;
                !index && !exclude.is_match(relative(&base, entry.path()))
            })
            .build();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|t| t.is_file()) => {
                    let path = entry.into_path();
                    let bytes = fs::metadata(&path).map_or(0, |m| m.len());
                    if filter.takes(relative(root, &path), bytes) {
                        let id = id(&path);
                        found.push(Found { id, path, bytes });
                    } else {
                        outcome.skipped += 1;
                    }
                }
                Ok(_) => {}
                Err(e) => outcome.unreadable(root.display(), e),
            }
        }
    }
    let mut seen = HashSet::new();
    found.retain(|f| seen.insert(f.id.clone()));
    Ok(found)
}

/// The path below a root; of a root that is a file, its name.
fn relative<'a>(root: &Path, path: &'a Path) -> &'a Path {
    match path.strip_prefix(root) {
        Ok(below) if !below.as_os_str().is_empty() => below,
        _ => path.file_name().map_or(path, Path::new),
    }
}

/// The id of a path's document.
pub fn id(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter(|c| !matches!(c, Component::CurDir))
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    parts.join("/").replacen("//", "/", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let own = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        let selection = Selection {
            include: own(include),
            exclude: own(exclude),
            ..Selection::default()
        };
        selection.ready().unwrap()
    }

    #[test]
    fn a_glob_without_a_slash_is_a_name_and_one_with_a_slash_a_path() {
        let takes = |f: &Filter, path: &str| f.takes(Path::new(path), 1);
        let notes = filter(&["*.md", "letters/*.txt"], &["drafts/**", "secret*"]);
        for path in ["a.md", "deep/er/b.md", "letters/c.txt"] {
            assert!(takes(&notes, path), "{path}");
        }
        for path in [
            "a.txt",
            "deep/letters/c.txt",
            "letters/deep/c.txt",
            "drafts/a.md",
            "deep/secret.md",
        ] {
            assert!(!takes(&notes, path), "{path}");
        }
        assert!(takes(&filter(&[], &[]), "anything"));
        assert!(
            Selection {
                include: vec!["[".into()],
                ..Selection::default()
            }
            .ready()
            .is_err()
        );
    }

    #[test]
    fn sizes_are_read_with_decimal_units() {
        let read = ["7", "7B", "10kB", "3m", "2GB"].map(size);
        let expected = [7, 7, 10_000, 3_000_000, 2_000_000_000].map(Ok);
        assert_eq!(read, expected);
        for wrong in ["", "MB", "1.5MB", "10TB", "-1", "99999999999GB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
