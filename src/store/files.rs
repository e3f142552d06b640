//! A store in a folder: every file is written beside its place, flushed, renamed into place.
//!
//! | file | holds |
//! | --- | --- |
//! | `NAME.block` | a block |
//! | `manifest-GENERATION` | a manifest, generation in 16 hexadecimal digits; the two newest are kept |
//! | `writer.lock` | the writer's role: an advisory lock of the operating system, which a dead process loses; the text names the owner |
//! | `new-*` | a file not yet in place; removed by the next writer |

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Error, Store, valid_name};

/// A store in a folder of the local file system.
///
/// `put` writes a temporary file; `swap` flushes all of them, renames them into place, flushes the folder,
/// and only then does the same with the manifest.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    /// Held for moments only: reading goes on while a commit is flushed.
    state: Mutex<State>,
    /// Temporary files so far.
    written: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Blocks that are not in place yet, and where they are.
    pending: BTreeMap<String, PathBuf>,
    lock: Option<Role>,
}

/// The locked file. It is unlocked, not only closed: a process that another thread is just starting holds a
/// copy of every open file until it runs its own program, and the lock with it.
#[derive(Debug)]
struct Role(File);

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Flushing a folder makes the names in it durable; only Unix can and needs to.
#[cfg(unix)]
mod folder {
    pub(super) fn flush(path: &std::path::Path) -> std::io::Result<()> {
        std::fs::File::open(path)?.sync_all()
    }
}
#[cfg(not(unix))]
mod folder {
    pub(super) fn flush(_: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

impl Files {
    /// Opens the folder, making it if need be.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|e| failed("making the index folder", &folder, e))?;
        Ok(Self {
            folder,
            state: Mutex::default(),
            written: AtomicU64::new(0),
        })
    }

    /// Opens a folder that is already there, so that a mistyped path is an error and not an empty index.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        fs::read_dir(&folder).map_err(|e| failed("opening the index folder", &folder, e))?;
        Ok(Self {
            folder,
            state: Mutex::default(),
            written: AtomicU64::new(0),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn block(&self, name: &str) -> Result<PathBuf, Error> {
        if !valid_name(name) {
            return Err(Error::Io {
                doing: format!("naming a block {name:?}"),
                why: "not a block's name".into(),
            });
        }
        Ok(self.folder.join(format!("{name}.block")))
    }

    fn write_new(&self, bytes: &[u8]) -> Result<PathBuf, Error> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let path = self
            .folder
            .join(format!("new-{}-{number}", std::process::id()));
        let written = File::create(&path).and_then(|mut file| file.write_all(bytes));
        if let Err(error) = written {
            // A full disk must not stay full because of half a file.
            let _ = fs::remove_file(&path);
            return Err(failed("writing", &path, error));
        }
        Ok(path)
    }

    fn generations(&self) -> Result<Vec<u64>, Error> {
        let mut found = Vec::new();
        for name in self.names()? {
            if let Some(digits) = name.strip_prefix("manifest-")
                && digits.len() == 16
                && let Ok(generation) = u64::from_str_radix(digits, 16)
            {
                found.push(generation);
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let listed = fs::read_dir(&self.folder).and_then(|entries| {
            entries
                .map(|entry| entry.map(|e| e.file_name()))
                .filter_map(|name| name.map(|n| n.into_string().ok()).transpose())
                .collect::<io::Result<Vec<_>>>()
        });
        listed.map_err(|e| failed("listing", &self.folder, e))
    }

    fn manifest(&self, generation: u64) -> PathBuf {
        self.folder.join(format!("manifest-{generation:016x}"))
    }
}

impl Store for Files {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let place = self.block(name)?;
        let pending = self.state().pending.get(name).cloned();
        match pending.map_or(Ok(None), |path| read(&path))? {
            Some(bytes) => Ok(Some(bytes)),
            // In place, perhaps since a moment.
            None => read(&place),
        }
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.block(name)?;
        let path = self.write_new(bytes)?;
        let old = self.state().pending.insert(name.to_owned(), path);
        if let Some(old) = old {
            let _ = fs::remove_file(old);
        }
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        let path = match self.state().pending.remove(name) {
            Some(path) => path,
            None => self.block(name)?,
        };
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("removing", &path, e)),
            _ => Ok(()),
        }
    }

    async fn list(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = self
            .names()?
            .iter()
            .filter_map(|name| name.strip_suffix(".block").map(str::to_owned))
            .collect();
        names.extend(self.state().pending.keys().cloned());
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    async fn swap(&self, generation: u64, manifest: &[u8]) -> Result<(), Error> {
        if self
            .generations()?
            .first()
            .is_some_and(|&newest| newest >= generation)
        {
            return Err(Error::Locked {
                owner: "a writer that took over".into(),
            });
        }
        loop {
            let next = self.state().pending.first_key_value().map(own);
            let Some((name, path)) = next else { break };
            flush(&path)?;
            let place = self.block(&name)?;
            fs::rename(&path, &place).map_err(|e| failed("renaming a block to", &place, e))?;
            self.state().pending.remove(&name);
        }
        folder::flush(&self.folder).map_err(|e| failed("flushing", &self.folder, e))?;
        let path = self.write_new(manifest)?;
        flush(&path)?;
        let place = self.manifest(generation);
        fs::rename(&path, &place).map_err(|e| failed("renaming the manifest to", &place, e))?;
        folder::flush(&self.folder).map_err(|e| failed("flushing", &self.folder, e))?;
        for old in self.generations()?.into_iter().skip(2) {
            // Committed already: a manifest too many is removed next time.
            let _ = fs::remove_file(self.manifest(old));
        }
        Ok(())
    }

    async fn manifests(&self) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        loop {
            let newest: Vec<u64> = self.generations()?.into_iter().take(2).collect();
            let mut found = Vec::new();
            for &generation in &newest {
                if let Some(bytes) = read(&self.manifest(generation))? {
                    found.push((generation, bytes));
                }
            }
            // One that a writer removed since it was listed has a successor that was not.
            if found.len() == newest.len() {
                return Ok(found);
            }
        }
    }

    async fn lock(&self) -> Result<(), Error> {
        let path = self.folder.join("writer.lock");
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = opened.map_err(|e| failed("opening", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = file.read_to_string(&mut owner);
                let owner = if owner.is_empty() {
                    "another process".into()
                } else {
                    owner
                };
                return Err(Error::Locked { owner });
            }
            Err(TryLockError::Error(e)) => return Err(failed("locking", &path, e)),
        }
        let mut role = Role(file);
        let file = &mut role.0;
        let named = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "process {}", std::process::id()));
        named.map_err(|e| failed("writing", &path, e))?;
        let mut state = self.state();
        for name in self.names()? {
            let path = self.folder.join(&name);
            if name.starts_with("new-") && !state.pending.values().any(|p| *p == path) {
                let _ = fs::remove_file(path);
            }
        }
        state.lock = Some(role);
        Ok(())
    }

    fn unlock(&self) {
        self.state().lock = None;
    }
}

fn own((name, path): (&String, &PathBuf)) -> (String, PathBuf) {
    (name.clone(), path.clone())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("reading", path, e)),
    }
}

fn flush(path: &Path) -> Result<(), Error> {
    // Opened for writing because Windows flushes nothing else.
    let flushed = OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.sync_all());
    flushed.map_err(|e| failed("flushing", path, e))
}

fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::QuotaExceeded,
        _ => Error::Io {
            doing: format!("{doing} {}", path.display()),
            why: error.to_string(),
        },
    }
}
