//! One generation of an index, opened for reading.

use std::sync::Arc;

use super::documents::Entry;
use super::manifest::{Manifest, SegmentInfo};
use super::segment::{Damage, Segment};
use super::{Document, Error, Inner};
use crate::codec::{Codec, Coder, Frame};
use crate::model::ModelId;
use crate::store::Store;

/// A generation in memory: shared by snapshots, replaced as a whole.
#[derive(Debug)]
pub(crate) struct State {
    pub manifest: Manifest,
    pub coder: Arc<Coder>,
    /// As many as the manifest has segments, in its order.
    pub views: Vec<View>,
    /// Why a newer manifest was passed over.
    pub recovered: Option<String>,
}

/// A segment, and what of it does not count in this generation.
#[derive(Debug)]
pub(crate) struct View {
    pub segment: Arc<Segment>,
    /// Removed documents.
    pub removed_documents: Bits,
    /// Removed or lost documents.
    pub dead_documents: Bits,
    /// Their chunks.
    pub dead_chunks: Bits,
}

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    count: u32,
}

impl Bits {
    pub(crate) fn insert(&mut self, n: u32) {
        let at = n as usize / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (n % 64);
        self.count += u32::from(self.words[at] & bit == 0);
        self.words[at] |= bit;
    }

    pub(crate) fn contains(&self, n: u32) -> bool {
        let word = self.words.get(n as usize / 64);
        word.is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    pub(crate) fn len(&self) -> u32 {
        self.count
    }
}

impl View {
    pub(crate) fn new(segment: Arc<Segment>, info: &SegmentInfo) -> Self {
        let mut view = Self {
            segment,
            removed_documents: Bits::default(),
            dead_documents: Bits::default(),
            dead_chunks: Bits::default(),
        };
        let segment = Arc::clone(&view.segment);
        let lost = segment.damage.iter().flat_map(|d| d.documents.clone());
        info.removed()
            .for_each(|document| view.removed_documents.insert(document));
        for document in info.removed().chain(lost) {
            view.dead_documents.insert(document);
            for chunk in view.segment.table.chunks_of(document) {
                view.dead_chunks.insert(chunk);
            }
        }
        view
    }

    /// Chunks that can be found.
    pub(crate) fn live_chunks(&self) -> usize {
        self.segment.codes.len() - self.dead_chunks.len() as usize
    }
}

impl State {
    /// Opens a generation; segments that `before` has open are shared with it.
    pub(crate) async fn open<S: Store>(
        store: &S,
        manifest: Manifest,
        codec: &Codec,
        before: Option<&State>,
    ) -> Result<Self, Error> {
        let coder = match before {
            Some(before) if before.manifest.frame == manifest.frame => Arc::clone(&before.coder),
            _ if manifest.frame.is_empty() => Arc::new(codec.coder(&Frame::neutral())?),
            _ => Arc::new(codec.coder(&Frame::from_bytes(&manifest.frame)?)?),
        };
        let mut views = Vec::with_capacity(manifest.segments.len());
        for info in &manifest.segments {
            // The same pages, too: older versions could give a number twice.
            let open = before.and_then(|state| {
                let mut known = state.manifest.segments.iter().zip(&state.views);
                known.find(|(known, _)| known.number == info.number && known.pages == info.pages)
            });
            let segment = match open {
                Some((_, view)) => Arc::clone(&view.segment),
                None => Arc::new(Segment::open(store, info, &coder).await?),
            };
            views.push(View::new(segment, info));
        }
        Ok(Self {
            manifest,
            coder,
            views,
            recovered: None,
        })
    }
}

/// A document in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The application's own name for it.
    pub id: String,
    /// For people.
    pub title: String,
    /// Whatever the application gave with it.
    pub metadata: String,
    /// Passages of it.
    pub chunks: usize,
    /// Bytes of its text.
    pub text_bytes: u64,
}

/// One generation of an index: whatever is written meanwhile, it stays as it is.
///
/// A writer of this process keeps what it needs; one of another process or tab does so for one generation
/// more, after which pages that were not read yet may be gone ([`Error::Superseded`]).
#[derive(Debug)]
pub struct Snapshot<S> {
    pub(super) inner: Arc<Inner<S>>,
    pub(super) state: Arc<State>,
}

impl<S> Clone for Snapshot<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            state: Arc::clone(&self.state),
        }
    }
}

impl<S: Store> Snapshot<S> {
    pub(super) fn new(inner: Arc<Inner<S>>, state: Arc<State>) -> Self {
        Self { inner, state }
    }

    /// Number of the commit it shows.
    pub fn generation(&self) -> u64 {
        self.state.manifest.generation
    }

    /// The only model it can be searched with.
    pub fn model(&self) -> &ModelId {
        &self.state.manifest.model
    }

    /// If the newest manifest was damaged and the one before is shown: what was wrong. The last commit is
    /// then lost.
    pub fn recovered(&self) -> Option<&str> {
        self.state.recovered.as_deref()
    }

    /// Documents that are there.
    pub fn documents(&self) -> usize {
        let live =
            |view: &View| view.segment.table.documents() - view.dead_documents.len() as usize;
        self.state.views.iter().map(live).sum()
    }

    /// Chunks that are there.
    pub fn chunks(&self) -> usize {
        self.state.views.iter().map(View::live_chunks).sum()
    }

    /// Ids of all documents, in no order that means anything. Those whose names are damaged are left out.
    pub async fn ids(&self) -> Result<Vec<String>, Error> {
        let mut ids = Vec::new();
        self.each_entry(|view, number, entry| {
            if !self.state.views[view].dead_documents.contains(number) {
                ids.push(entry.id);
            }
        })
        .await?;
        Ok(ids)
    }

    /// What is known of every document without reading its text, in no order that means anything. Those whose
    /// names are damaged are left out.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        self.each_entry(|view, number, entry| {
            let view = &self.state.views[view];
            if view.dead_documents.contains(number) {
                return;
            }
            let table = &view.segment.table;
            let text = table.text_of(number);
            listed.push(Listed {
                id: entry.id,
                title: entry.title,
                metadata: entry.metadata,
                chunks: table.chunks_of(number).len(),
                text_bytes: text.end - text.start,
            });
        })
        .await?;
        Ok(listed)
    }

    /// A document as it was added (its text only if the index keeps it), found by reading all names: for
    /// tools and tests, not for every hit.
    pub async fn document(&self, id: &str) -> Result<Option<Document>, Error> {
        let mut found = None;
        self.each_entry(|view, number, entry| {
            if entry.id == id {
                found = Some((view, number, entry));
            }
        })
        .await?;
        let Some((view, number, entry)) = found else {
            return Ok(None);
        };
        let segment = &self.state.views[view].segment;
        let range = segment.table.text_of(number);
        let text = segment
            .text(&self.inner.store, range, &mut Default::default())
            .await?;
        let text = match text {
            Ok(text) => text,
            Err(damage) => {
                self.gone(&damage).await?;
                let what = format!("block {} ({})", damage.block.name(), damage.part);
                return Err(Error::damaged(what, damage.why));
            }
        };
        Ok(Some(Document {
            id: entry.id,
            title: entry.title,
            metadata: entry.metadata,
            text,
        }))
    }

    /// Calls `each` with segment, number and entry of every document that is not removed, lost ones
    /// included. Returns what could not be read.
    pub(super) async fn each_entry(
        &self,
        mut each: impl FnMut(usize, u32, Entry),
    ) -> Result<Vec<Damage>, Error> {
        let mut damage = Vec::new();
        for (at, view) in self.state.views.iter().enumerate() {
            for (page, &(first, _, _)) in view.segment.entry_pages().iter().enumerate() {
                match view.segment.entries(&self.inner.store, page).await? {
                    Ok(entries) => {
                        for (number, entry) in (first..).zip(entries) {
                            if !view.removed_documents.contains(number) {
                                each(at, number, entry);
                            }
                        }
                    }
                    Err(found) => {
                        self.gone(&found).await?;
                        damage.push(found);
                    }
                }
            }
        }
        Ok(damage)
    }

    /// A missing page means damage, unless the index has moved on and collected it.
    pub(super) async fn gone(&self, damage: &Damage) -> Result<(), Error> {
        let kept = self.inner.store.manifests().await?;
        let oldest = kept.last().map_or(0, |(generation, _)| *generation);
        if damage.missing() && oldest > self.generation() {
            return Err(Error::Superseded);
        }
        Ok(())
    }
}
