//! Files in, an index that mirrors them: what `index` does once and `watch` again and again.

mod find;
mod read;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use gossamer::codec::Codec;
use gossamer::extract::Limits;
use gossamer::index::{Added, Config, Error, Index, WriterOptions};
use gossamer::model::{Embedder, Encoder};
use gossamer::store::Files;
use gossamer::text::TokenChunker;
use pollster::block_on;
use serde_json::{Value, json};

pub use find::{Filter, Found, Selection, find, id};

use crate::error::{Failure, at};
use crate::output;
use read::Reading;

/// Documents read before they are wanted: parsing a PDF goes on while another document is embedded.
const AHEAD: usize = 2;

/// Counts of an import, and what could not be read.
#[derive(Debug, Default)]
pub struct Outcome {
    pub new: usize,
    pub replaced: usize,
    pub unchanged: usize,
    pub removed: usize,
    /// Not documents, or not selected.
    pub skipped: usize,
    /// File and reason.
    pub unreadable: Vec<(String, String)>,
    /// File and what its reader should know.
    pub notes: Vec<(String, String)>,
}

impl Outcome {
    fn unreadable(&mut self, file: impl ToString, why: impl ToString) {
        self.unreadable.push((file.to_string(), why.to_string()));
    }

    /// Whether the index is another one now.
    pub fn changed(&self) -> bool {
        self.new + self.replaced + self.removed > 0
    }

    pub fn json(&self) -> Value {
        let list = |pairs: &[(String, String)], word: &str| {
            let pair = |(file, what): &(String, String)| json!({"file": file, word: what});
            pairs.iter().map(pair).collect::<Vec<_>>()
        };
        json!({
            "new": self.new,
            "replaced": self.replaced,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "skipped": self.skipped,
            "unreadable": list(&self.unreadable, "why"),
            "notes": list(&self.notes, "note"),
        })
    }

    /// For people: the files on standard error, the counts on standard output.
    pub fn print(&self) {
        for (file, why) in &self.unreadable {
            eprintln!("not read: {file}: {why}");
        }
        for (file, note) in &self.notes {
            output::note(format_args!("{file}: {note}"));
        }
        out!(
            "{} new, {} replaced, {} unchanged, {} removed, {} not read, {} passed over",
            self.new,
            self.replaced,
            self.unchanged,
            self.removed,
            self.unreadable.len(),
            self.skipped
        );
    }
}

/// Opens the index of a folder, or makes one. With the codec in `file`, if one is given: an index that was made with
/// another one is refused.
pub async fn open_or_create(
    folder: &Path,
    encoder: &Encoder,
    file: Option<&Path>,
) -> Result<Index<Files>, Failure> {
    let own = match file {
        Some(file) => Some(Codec::from_bytes(&fs::read(file).map_err(at(file))?)?),
        None => None,
    };
    let store = Files::create(folder)?;
    let opened = match &own {
        Some(codec) => Index::open_with(store, codec.clone()).await,
        None => Index::open(store).await,
    };
    match opened {
        Err(Error::NoIndex) => {}
        opened => return Ok(opened?),
    }
    let codec = match own {
        Some(codec) => codec,
        None => Codec::bundled()?,
    };
    if codec.dim() != encoder.dim() {
        // Before anything is made, so that the next try does not meet an index that fits no model.
        return Err(Failure::CodecDimension {
            codec: codec.dim(),
            model: encoder.dim(),
        });
    }
    let config = Config {
        model: encoder.id().clone(),
        codec,
        keep_text: true,
    };
    Ok(Index::create(Files::create(folder)?, config).await?)
}

/// What an import is about.
pub struct Scope<'a> {
    /// Files that may be new or changed.
    pub found: &'a [Found],
    pub filter: &'a Filter,
    /// Whether a document goes if its file is gone.
    pub mirrors: &'a dyn Fn(&str) -> bool,
    /// Whether ids are known to be relative to where this process runs. Otherwise nothing goes unless a file is
    /// met that the index knows: the command may have been run elsewhere before.
    pub same_place: bool,
}

/// Adds what is new and changed, and removes the documents of files that are gone. Commits now and then, so that it
/// resumes where it was killed.
pub async fn mirror(
    index: &Index<Files>,
    encoder: &Encoder,
    scope: Scope<'_>,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let Scope { found, filter, .. } = scope;
    let tokenizer = encoder.tokenizer();
    let chunker = TokenChunker::new(tokenizer, tokenizer.max_text_tokens());
    let mut writer = index.writer(WriterOptions::default()).await?;
    let listed = index.snapshot().list().await?;
    let known: HashMap<&str, String> = listed
        .iter()
        .filter_map(|d| Some((d.id.as_str(), read::known_hash(&d.metadata)?)))
        .collect();
    let bar = output::bytes_bar(found.iter().map(|f| f.bytes).sum());
    let (sender, readings) = sync_channel(AHEAD);
    thread::scope(|threads| {
        threads.spawn(move || {
            let limits = Limits::default();
            for file in found {
                let hash = known.get(file.id.as_str()).map(String::as_str);
                let reading = read::read(file, hash, filter, &limits);
                // Nobody takes them if the import has failed.
                if sender.send((file, reading)).is_err() {
                    break;
                }
            }
        });
        block_on(async {
            // The loop owns the channel: if it ends early, the reader stops.
            for (file, reading) in readings {
                bar.set_message(file.id.clone());
                match reading {
                    Ok(Reading::Changed(document, notes)) => {
                        let notes = notes.into_iter().map(|note| (file.id.clone(), note));
                        outcome.notes.extend(notes);
                        match writer.add(encoder, &chunker, document).await? {
                            Added::New => outcome.new += 1,
                            Added::Replaced => outcome.replaced += 1,
                            Added::Unchanged => outcome.unchanged += 1,
                        }
                        bar.inc(file.bytes);
                        continue;
                    }
                    Ok(Reading::Unchanged) => outcome.unchanged += 1,
                    Ok(Reading::Skipped) => outcome.skipped += 1,
                    Err(why) => outcome.unreadable(&file.id, why),
                }
                // What took no time says nothing about the time left.
                bar.set_length(bar.length().unwrap_or(0).saturating_sub(file.bytes));
            }
            Ok::<(), Failure>(())
        })
    })?;
    // Files that merely cannot be read stay.
    let same_place = scope.same_place || outcome.replaced + outcome.unchanged > 0;
    for gone in listed
        .iter()
        .map(|d| &d.id)
        .filter(|id| (scope.mirrors)(id))
    {
        if same_place && !Path::new(gone).exists() && writer.remove(gone) {
            outcome.removed += 1;
        }
    }
    writer.commit(encoder).await?;
    bar.finish_and_clear();
    Ok(())
}
