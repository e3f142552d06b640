//! `gossamer watch`: keeps an index as its folders are. Waits until they are quiet, then does what changed.
//!
//! The writer's role is taken for an update only, so that other commands may write in between. Ended at any moment,
//! it leaves the last commit; started again, it catches up.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use gossamer::index::{self, Index};
use gossamer::model::Encoder;
use gossamer::store::{self, Files};
use notify_debouncer_full::notify::event::{EventKind, ModifyKind};
use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use serde_json::json;

use crate::error::Failure;
use crate::import::{self, Filter, Outcome, Scope, Selection};
use crate::{DeviceOption, model, output};

/// Folders that never fall quiet are looked at after so many times the quiet asked for.
const PATIENCE: u32 = 15;

/// If another process is writing, or a folder is away, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Options {
    /// Folders; .gitignore is respected
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// Folder of the index; made if it is not there
    #[arg(long, value_name = "PATH")]
    index: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Seconds of quiet before changes are indexed
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS", value_parser = seconds)]
    settle: f64,
    /// Print one JSON object per update instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|e| format!("{e}"))?;
    let sane = (0.05..=3600.0).contains(&seconds);
    sane.then_some(seconds)
        .ok_or_else(|| "between 0.05 and 3600".into())
}

/// What is to be looked at.
#[derive(Default)]
struct Changes {
    paths: BTreeSet<PathBuf>,
    /// Events were lost, or what is ignored changed: everything.
    all: bool,
}

/// Files that say which others are ignored.
const IGNORES: [&str; 2] = [".gitignore", ".ignore"];

impl Changes {
    fn none(&self) -> bool {
        self.paths.is_empty() && !self.all
    }

    /// Takes events, but for those about the index itself: every update causes some.
    fn take(&mut self, events: DebounceEventResult, index: &[PathBuf], folders: &mut Folders) {
        match events {
            Ok(events) => {
                for event in events.into_iter().filter(|e| !e.kind.is_access()) {
                    self.all |= event.need_rescan();
                    let kind = event.kind;
                    for path in event.event.paths {
                        if folders.lost(kind, &path) {
                            continue;
                        }
                        if !index.iter().any(|own| path.starts_with(own)) {
                            let name = path.file_name();
                            self.all |= IGNORES.iter().any(|i| name == Some(i.as_ref()));
                            self.paths.insert(path);
                        }
                    }
                }
            }
            Err(errors) => {
                self.all = true;
                errors
                    .iter()
                    .for_each(|e| output::note(format_args!("watching: {e}")));
            }
        }
    }

    /// Whether a file, by its absolute path, is among them or below one.
    fn concern(&self, path: &Path) -> bool {
        self.all || path.ancestors().any(|above| self.paths.contains(above))
    }
}

/// The watched folders, by their absolute paths. One that is deleted or moved takes its watch with it: it is watched anew
/// when something with its name is there again.
struct Folders {
    debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
    all: Vec<PathBuf>,
    away: BTreeSet<PathBuf>,
}

impl Folders {
    fn watch(&mut self, folder: &Path) -> Result<(), notify::Error> {
        self.debouncer.watch(folder, RecursiveMode::Recursive)
    }

    /// Whether an event says that a watched folder is not what it was.
    fn lost(&mut self, kind: EventKind, path: &Path) -> bool {
        let gone = kind.is_remove() || matches!(kind, EventKind::Modify(ModifyKind::Name(_)));
        let lost = gone && self.all.iter().any(|folder| folder == path);
        if lost && self.away.insert(path.to_owned()) {
            output::note(format_args!(
                "{} was deleted or moved: its documents stay until it is back",
                path.display()
            ));
        }
        lost
    }

    /// Watches again what is back, all of which may have changed. An empty folder is not back: it may be where a disk
    /// is about to be mounted.
    fn back(&mut self, changes: &mut Changes) {
        for folder in std::mem::take(&mut self.away) {
            let filled =
                |f: &Path| f.is_file() || f.read_dir().is_ok_and(|mut d| d.next().is_some());
            if filled(&folder) {
                // The old watch, if it went elsewhere with its folder.
                let _ = self.debouncer.unwatch(&folder);
                if self.watch(&folder).is_ok() {
                    output::note(format_args!("{} is back", folder.display()));
                    changes.paths.insert(folder);
                    continue;
                }
            }
            self.away.insert(folder);
        }
    }
}

struct Watch {
    options: Options,
    filter: Filter,
    encoder: Encoder,
    index: Index<Files>,
    roots: Vec<String>,
    /// Where this process runs: events name absolute paths, ids are relative ones.
    here: PathBuf,
    /// The folder of the index, as it was named and as it is.
    own: Vec<PathBuf>,
}

pub async fn run(options: Options) -> Result<ExitCode, Failure> {
    if let Some(absent) = options.paths.iter().find(|p| !p.exists()) {
        return Err(Failure::NoSuchPath(absent.clone()));
    }
    let filter = options.selection.ready()?;
    let settle = Duration::from_secs_f64(options.settle);
    // Watched before the first look, so that nothing falls between.
    let (sender, events) = channel();
    let failed = |e: notify::Error| Failure::Watch(e.to_string());
    let here = std::env::current_dir()?;
    let all: Vec<PathBuf> = options.paths.iter().map(|path| here.join(path)).collect();
    let mut folders = Folders {
        debouncer: new_debouncer(settle, None, sender).map_err(failed)?,
        all: all.clone(),
        away: BTreeSet::new(),
    };
    for folder in &all {
        folders.watch(folder).map_err(failed)?;
    }
    let encoder = model::open(options.device.choice()).await?;
    let index = import::open_or_create(&options.index, &encoder, None).await?;
    let mut own = vec![here.join(&options.index)];
    own.extend(std::fs::canonicalize(&options.index));
    let watch = Watch {
        index,
        roots: options.paths.iter().map(|p| import::id(p)).collect(),
        options,
        filter,
        encoder,
        here,
        own,
    };
    let everything = Changes {
        all: true,
        ..Changes::default()
    };
    watch.follow(everything, &events, folders, settle).await
}

impl Watch {
    /// Updates, waits for changes, waits for quiet; for ever.
    async fn follow(
        &self,
        mut changes: Changes,
        events: &Receiver<DebounceEventResult>,
        mut folders: Folders,
        settle: Duration,
    ) -> Result<ExitCode, Failure> {
        let mut first = true;
        loop {
            let mut wait = None;
            folders.back(&mut changes);
            if !changes.none() {
                match self.update(&changes).await {
                    Ok(outcome) => {
                        if first || outcome.changed() || !outcome.unreadable.is_empty() {
                            self.tell(&outcome)?;
                        }
                        first = false;
                        changes = Changes::default();
                    }
                    // They stay to be done.
                    Err(Failure::Index(index::Error::Store(store::Error::Locked { owner }))) => {
                        output::note(format_args!("{owner} is writing to the index: waiting"));
                        wait = Some(AGAIN);
                    }
                    Err(other) => return Err(other),
                }
            }
            if !folders.away.is_empty() {
                wait = Some(AGAIN);
            }
            let next = match wait {
                Some(time) => events.recv_timeout(time),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let deadline = Instant::now() + settle * PATIENCE;
            let mut next = next;
            loop {
                match next {
                    Ok(event) => changes.take(event, &self.own, &mut folders),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Failure::Watch("the watcher ended".into()));
                    }
                }
                if Instant::now() > deadline {
                    break;
                }
                next = events.recv_timeout(settle);
            }
        }
    }

    async fn update(&self, changes: &Changes) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        // The walk knows what .gitignore and the globs take; it reads no file. A folder that is not there, or where
        // a rescan meets no file, may be a disk that was taken away: its documents stay.
        let mut found = Vec::new();
        let mut roots = Vec::new();
        for (path, root) in self.options.paths.iter().zip(&self.roots) {
            if path.exists() {
                let path = std::slice::from_ref(path);
                let below = import::find(path, &self.options.index, &self.filter, &mut outcome)?;
                if !(changes.all && below.is_empty()) {
                    roots.push(root);
                }
                found.extend(below);
            }
        }
        found.retain(|f| changes.concern(&self.here.join(&f.path)));
        let mirrors = |id: &str| {
            roots.iter().any(|root| Path::new(id).starts_with(root))
                && changes.concern(&self.here.join(id))
        };
        let scope = Scope {
            found: &found,
            filter: &self.filter,
            mirrors: &mirrors,
            // Something was seen to happen to these very paths.
            same_place: !changes.all,
        };
        import::mirror(&self.index, &self.encoder, scope, &mut outcome).await?;
        Ok(outcome)
    }

    fn tell(&self, outcome: &Outcome) -> Result<(), Failure> {
        let snapshot = self.index.snapshot();
        if !self.options.json {
            outcome.print();
            return Ok(());
        }
        let mut report = outcome.json();
        report["documents"] = json!(snapshot.documents());
        report["chunks"] = json!(snapshot.chunks());
        // One line each: who reads this reads lines.
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }
}
