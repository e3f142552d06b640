//! The only writer: adds and removes documents, commits, collects garbage.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::build::{Blocks, Builder};
use super::documents::{Entry, Hash, hash};
use super::manifest::{Block, Manifest};
use super::snapshot::State;
use super::table::Borders;
use super::{Document, Error, Inner, newest_of, search};
use crate::codec::Codec;
use crate::model::{Embedder, Role};
use crate::store::Store;
use crate::text::{Chunker, check_chunks};

/// How a writer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// Passages embedded at once.
    pub batch: usize,
    /// Chunks after which `add` commits by itself, so that a long import resumes from there.
    pub commit_chunks: usize,
    /// Bytes of text after which it does so.
    pub commit_bytes: usize,
    /// Segments of like size that are merged into one.
    pub merge_factor: usize,
    /// Chunks from which a merged segment gets a graph; smaller ones are scanned flat: 100,000 codes take 6 ms
    /// on one core, and the graph's bytes and a point of recall are saved.
    pub graph_chunks: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            batch: 32,
            commit_chunks: 256,
            commit_bytes: 8 << 20,
            merge_factor: 8,
            graph_chunks: 200_000,
        }
    }
}

/// What adding a document came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New,
    /// It replaces one of the same id.
    Replaced,
    /// The same document is there already: nothing was done.
    Unchanged,
}

/// Bytes of id, title and metadata each, at most.
const NAME_LIMIT: u64 = 1 << 24;

/// Adds and removes documents. The only writer of its store; searches go on meanwhile.
///
/// Nothing counts before [`Writer::commit`], which [`Writer::add`] also calls every
/// [`WriterOptions::commit_chunks`]. If a call fails, the documents added since the last commit are still
/// held: call it again, or drop the writer and lose those.
#[derive(Debug)]
pub struct Writer<S: Store> {
    pub(super) inner: Arc<Inner<S>>,
    pub(super) options: WriterOptions,
    /// What the last commit left.
    pub(super) base: Arc<State>,
    /// Newest generation that the store had after the last commit.
    newest: u64,
    /// Commits that failed since: generation and checksum. They may be visible all the same.
    failed: Vec<(u64, u32)>,
    /// Where every document that is there is.
    pub(super) places: HashMap<String, Place>,
    staged: Vec<Staged>,
    /// Documents removed since the last commit, by segment number.
    pub(super) removed: BTreeMap<u64, BTreeSet<u32>>,
    /// Documents that damage has taken, as far as their ids are known: adding one again replaces it.
    lost: HashMap<String, (u64, u32)>,
    /// Blocks that may be in the store.
    pub(super) known: BTreeSet<String>,
}

/// Where a document is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub hash: Hash,
    pub at: At,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Segment { number: u64, document: u32 },
    Staged(usize),
}

#[derive(Debug)]
struct Staged {
    entry: Entry,
    text: String,
    borders: Borders,
    /// Of the first so many chunks.
    embeddings: Vec<f32>,
    /// Replaced or removed before it was committed.
    dead: bool,
}

impl<S: Store> Writer<S> {
    pub(super) async fn open(inner: Arc<Inner<S>>, options: WriterOptions) -> Result<Self, Error> {
        inner.store.lock().await?;
        // From here on the drop of the writer unlocks.
        let mut writer = Self {
            base: inner.current(),
            inner,
            options,
            newest: 0,
            failed: Vec::new(),
            places: HashMap::new(),
            staged: Vec::new(),
            removed: BTreeMap::new(),
            lost: HashMap::new(),
            known: BTreeSet::new(),
        };
        writer.prepare().await?;
        Ok(writer)
    }

    async fn prepare(&mut self) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        // One look for both: what was committed between two would be overwritten.
        let stored = inner.store.manifests().await?;
        let (manifest, recovered) = newest_of(&stored)?.ok_or(Error::NoIndex)?;
        self.newest = stored.first().map_or(0, |(generation, _)| *generation);
        if manifest.generation != self.base.manifest.generation {
            let state = State::open(&inner.store, manifest, &inner.codec, Some(&self.base)).await?;
            self.base = Arc::new(State { recovered, ..state });
            inner.show(Arc::clone(&self.base));
        }
        let snapshot = super::Snapshot::new(Arc::clone(&inner), Arc::clone(&self.base));
        let (places, lost) = (&mut self.places, &mut self.lost);
        snapshot
            .each_entry(|view, document, entry| {
                let view = &snapshot.state.views[view];
                let number = view.segment.number;
                if view.dead_documents.contains(document) {
                    lost.insert(entry.id, (number, document));
                    return;
                }
                let at = At::Segment { number, document };
                let hash = entry.hash;
                places.insert(entry.id, Place { hash, at });
            })
            .await?;
        self.known = inner.store.list().await?.into_iter().collect();
        if self.garbage().await?.is_empty() {
            return Ok(());
        }
        // Left by a dead writer, or being written by one that only seems dead. A new generation makes sure that
        // it can no longer commit them; then they may go. They must go where the disk is too full for that.
        match self.fence().await {
            Ok(()) | Err(Error::Store(crate::store::Error::QuotaExceeded)) => self.collect().await,
            Err(error) => Err(error),
        }
    }

    /// Commits what is there once more, under a new generation.
    async fn fence(&mut self) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        let generation = self.next_generation().await?;
        let mut manifest = self.base.manifest.clone();
        manifest.generation = generation;
        self.put_manifest(&manifest).await?;
        let state = State::open(&inner.store, manifest, &inner.codec, Some(&self.base)).await?;
        self.show(state);
        Ok(())
    }

    /// Swaps the manifest. If that fails it may be visible all the same, which is remembered.
    async fn put_manifest(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let bytes = manifest.encode()?;
        let generation = manifest.generation;
        self.failed.push((generation, crc32fast::hash(&bytes)));
        Ok(self.inner.store.swap(generation, &bytes).await?)
    }

    /// Goes on from a generation that was committed.
    fn show(&mut self, state: State) {
        self.base = Arc::new(state);
        self.newest = self.base.manifest.generation;
        self.failed.clear();
        self.inner.show(Arc::clone(&self.base));
    }

    /// Adds a document, or replaces the one of the same id. An unchanged document costs its hash.
    ///
    /// Passages are embedded as soon as a batch is full. Commits by itself now and then.
    pub async fn add<E: Embedder, C: Chunker>(
        &mut self,
        embedder: &E,
        chunker: &C,
        document: Document,
    ) -> Result<Added, Error> {
        self.check(embedder)?;
        for (what, len, limit) in [
            ("its id", document.id.len(), NAME_LIMIT),
            ("its title", document.title.len(), NAME_LIMIT),
            ("its metadata", document.metadata.len(), NAME_LIMIT),
            ("its text", document.text.len(), u64::from(i32::MAX as u32)),
        ] {
            if len as u64 > limit {
                let id = document.id.chars().take(100).collect();
                return Err(Error::TooLarge { id, what, limit });
            }
        }
        let hash = hash(&document);
        let before = self.places.get(&document.id);
        if before.is_some_and(|place| place.hash == hash) {
            return Ok(Added::Unchanged);
        }
        let chunks = chunker.chunks(&document.text);
        check_chunks(&document.text, &chunks)?;
        let added = if self.remove(&document.id) {
            Added::Replaced
        } else {
            Added::New
        };
        let at = At::Staged(self.staged.len());
        self.places.insert(document.id.clone(), Place { hash, at });
        self.staged.push(Staged {
            entry: Entry::of(&document),
            borders: Borders {
                text_len: document.text.len() as u32,
                chunks: chunks
                    .iter()
                    .map(|c| c.start as u32..c.end as u32)
                    .collect(),
            },
            text: document.text,
            embeddings: Vec::new(),
            dead: false,
        });
        self.embed(embedder, self.options.batch).await?;
        let (chunks, bytes) = self.staged_size();
        if chunks >= self.options.commit_chunks || bytes >= self.options.commit_bytes {
            self.commit(embedder).await?;
        }
        Ok(added)
    }

    /// Removes a document; whether there was one. Counts from the next commit on.
    pub fn remove(&mut self, id: &str) -> bool {
        if let Some((number, document)) = self.lost.remove(id) {
            self.removed.entry(number).or_default().insert(document);
        }
        let Some(place) = self.places.remove(id) else {
            return false;
        };
        match place.at {
            At::Segment { number, document } => {
                self.removed.entry(number).or_default().insert(document);
            }
            At::Staged(at) => {
                let staged = &mut self.staged[at];
                staged.dead = true;
                staged.text = String::new();
                staged.embeddings = Vec::new();
            }
        }
        true
    }

    /// Whether a document is there, or will be with the next commit.
    pub fn contains(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    /// Documents that are there, or will be with the next commit.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Chunks waiting for the next commit, and bytes of their documents.
    fn staged_size(&self) -> (usize, usize) {
        let live = self.staged.iter().filter(|s| !s.dead);
        live.fold((0, 0), |(chunks, bytes), s| {
            (chunks + s.borders.chunks.len(), bytes + s.text.len())
        })
    }

    pub(super) fn check<E: Embedder>(&self, embedder: &E) -> Result<(), Error> {
        super::Snapshot::new(Arc::clone(&self.inner), Arc::clone(&self.base))
            .check_model(embedder.id())
    }

    /// Marks a document of a segment as removed; for repairs.
    pub(super) fn drop_document(&mut self, number: u64, document: u32) {
        self.removed.entry(number).or_default().insert(document);
        let here = |at: &At| matches!(at, At::Segment { number: n, document: d } if (*n, *d) == (number, document));
        self.places.retain(|_, place| !here(&place.at));
        self.lost.retain(|_, at| *at != (number, document));
    }

    /// Embeds waiting chunks while there are at least `least` of them.
    async fn embed<E: Embedder>(&mut self, embedder: &E, least: usize) -> Result<(), Error> {
        let dim = self.inner.codec.dim();
        if embedder.dim() != dim {
            return Err(Error::Shape {
                found: embedder.dim(),
                texts: 1,
                dim,
            });
        }
        let least = least.max(1);
        loop {
            // (document, chunk) of the next batch.
            let mut batch = Vec::new();
            for (at, staged) in self.staged.iter().enumerate().filter(|(_, s)| !s.dead) {
                let done = staged.embeddings.len() / dim;
                let waiting = done..staged.borders.chunks.len();
                batch.extend(
                    waiting
                        .map(|chunk| (at, chunk))
                        .take(self.options.batch.max(1) - batch.len()),
                );
            }
            if batch.is_empty() || batch.len() < least {
                return Ok(());
            }
            let texts: Vec<&str> = batch
                .iter()
                .map(|&(at, chunk)| {
                    let staged = &self.staged[at];
                    let range = &staged.borders.chunks[chunk];
                    &staged.text[range.start as usize..range.end as usize]
                })
                .collect();
            let values = search::embed(embedder, Role::Passage, &texts).await?;
            for (&(at, _), row) in batch.iter().zip(values.chunks_exact(dim)) {
                self.staged[at].embeddings.extend_from_slice(row);
            }
        }
    }

    /// Makes everything added and removed so far count, durably and at once. Returns the generation.
    pub async fn commit<E: Embedder>(&mut self, embedder: &E) -> Result<u64, Error> {
        self.check(embedder)?;
        self.embed(embedder, 1).await?;
        self.staged_commit().await?;
        self.maintain().await?;
        Ok(self.base.manifest.generation)
    }

    async fn staged_commit(&mut self) -> Result<(), Error> {
        if self.staged.iter().all(|s| s.dead) && self.removed.is_empty() {
            self.staged.clear();
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        let mut blocks = Blocks::new(&inner.store, self.next_generation().await?);
        let written = self.write_staged(&mut blocks).await;
        self.swap(blocks, written).await?;
        // Committed: what was staged has a place now.
        let number = self.base.manifest.segments.last().map_or(0, |s| s.number);
        let live = self.staged.drain(..).filter(|s| !s.dead);
        for (document, staged) in (0..).zip(live) {
            if let Some(place) = self.places.get_mut(&staged.entry.id) {
                place.at = At::Segment { number, document };
            }
        }
        self.removed.clear();
        Ok(())
    }

    /// Commits removals only.
    pub(super) async fn commit_removed(&mut self) -> Result<(), Error> {
        let staged = std::mem::take(&mut self.staged);
        let committed = self.staged_commit().await;
        self.staged = staged;
        committed
    }

    /// Writes the blocks of what is staged, and returns the manifest with it.
    async fn write_staged(&self, blocks: &mut Blocks<'_, S>) -> Result<Manifest, Error> {
        let mut manifest = self.base.manifest.clone();
        let live = || self.staged.iter().filter(|s| !s.dead);
        let mut coder = Arc::clone(&self.base.coder);
        if manifest.frame.is_empty() {
            let first: Vec<f32> = live().flat_map(|s| &s.embeddings).copied().collect();
            if !first.is_empty() {
                let frame = self.inner.codec.fit(&first, Codec::CODE_BYTES)?;
                coder = Arc::new(self.inner.codec.coder(&frame)?);
                manifest.frame = frame.to_bytes();
            }
        }
        let mut codes = coder.codes();
        let mut builder = Builder::new(manifest.keeps_text);
        for staged in live() {
            coder.encode(&staged.embeddings, &mut codes)?;
            let (entry, borders) = (staged.entry.clone(), staged.borders.clone());
            builder.push(blocks, entry, borders, &staged.text).await?;
        }
        for (info, view) in manifest.segments.iter_mut().zip(&self.base.views) {
            if let Some(new) = self.removed.get(&info.number) {
                let all: BTreeSet<u32> = info.removed().chain(new.iter().copied()).collect();
                let chunks = |&document| view.segment.table.chunks_of(document).len() as u32;
                info.removed_chunks = all.iter().map(chunks).sum();
                info.set_removed(all.into_iter());
            }
        }
        // A segment of which nothing is left goes at once.
        manifest
            .segments
            .retain(|info| info.removed.len() < info.documents as usize);
        if builder.documents() > 0 {
            let number = blocks.segment_number();
            manifest.next_segment = number + 1;
            let segment = builder.finish(blocks, number, &codes, None).await?;
            manifest.segments.push(segment);
        }
        Ok(manifest)
    }

    /// The generation to write next: the one after what the store shows, which must be this writer's own.
    /// If another writer took over after this look, the store refuses the swap.
    pub(super) async fn next_generation(&self) -> Result<u64, Error> {
        let stored = self.inner.store.manifests().await?;
        let newest = stored.first().map_or(0, |(generation, _)| *generation);
        let own = |(generation, bytes): &(u64, Vec<u8>)| {
            self.failed.contains(&(*generation, crc32fast::hash(bytes)))
        };
        if newest != self.newest && !stored.first().is_some_and(own) {
            return Err(taken_over());
        }
        Ok(newest + 1)
    }

    /// Commits a manifest whose blocks were `written`, shows it, and removes what nobody needs any more.
    /// If that fails, the blocks are removed, so that a full store does not stay full of them.
    pub(super) async fn swap(
        &mut self,
        blocks: Blocks<'_, S>,
        written: Result<Manifest, Error>,
    ) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        let (generation, names) = blocks.done();
        self.known.extend(names);
        let swapped = match written {
            Ok(mut manifest) => {
                manifest.generation = generation;
                self.put_manifest(&manifest).await.map(|()| manifest)
            }
            Err(error) => Err(error),
        };
        let manifest = match swapped {
            Ok(manifest) => manifest,
            Err(error) => {
                // The first error is the one to tell.
                let _ = self.collect().await;
                return Err(error);
            }
        };
        let state = State::open(&inner.store, manifest, &inner.codec, Some(&self.base)).await?;
        self.show(state);
        // It is committed; what cannot be removed now is removed next time.
        let _ = self.collect().await;
        Ok(())
    }

    /// Removes the blocks that neither the two newest generations nor a snapshot of this process needs.
    pub(super) async fn collect(&mut self) -> Result<(), Error> {
        self.next_generation().await?;
        for name in self.garbage().await? {
            self.inner.store.delete(&name).await?;
            self.known.remove(&name);
        }
        Ok(())
    }

    /// The blocks that nobody needs.
    async fn garbage(&self) -> Result<Vec<String>, Error> {
        let in_use = self.inner.in_use();
        let mut needed: BTreeSet<String> = in_use.iter().map(Block::name).collect();
        for (_, bytes) in self.inner.store.manifests().await? {
            if let Ok(manifest) = Manifest::decode(&bytes) {
                needed.extend(manifest.blocks().map(|block| block.name()));
            }
        }
        Ok(self.known.difference(&needed).cloned().collect())
    }
}

fn taken_over() -> Error {
    let owner = "a writer that took over".into();
    crate::store::Error::Locked { owner }.into()
}

impl<S: Store> Drop for Writer<S> {
    fn drop(&mut self) {
        self.inner.store.unlock();
    }
}
