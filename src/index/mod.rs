//! Segments, manifest, writer and reader: documents in, hits out.
//!
//! ```text
//! Index ── snapshot() ──► Snapshot: one generation, for ever consistent: search, stats, verify, export
//!   └──── writer()   ──► Writer: add, remove, commit, compact; the only one at a time
//! ```
//!
//! A commit writes a segment of immutable checksummed blocks and then swaps the manifest, so that a crash at
//! any point leaves the generation before or the one after. A removed document is a number in the manifest
//! until a merge drops its bytes. `docs/format.md` describes every byte.

mod build;
mod documents;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzzing;
mod manifest;
mod merge;
mod portable;
mod search;
mod segment;
#[cfg(feature = "eval")]
mod sizes;
mod snapshot;
mod stats;
mod table;
mod verify;
mod writer;

use std::sync::{Arc, Mutex, PoisonError, Weak};

pub use error::Error;
pub use manifest::FORMAT;
pub use portable::{Archive, Export, Ranges};
pub use search::{
    GroupBy, Hit, LeftOut, Mode, SearchOptions, SearchResult, SearchStats, Stage, StageName, Texts,
    Why,
};
#[cfg(feature = "eval")]
pub(crate) use sizes::{chunk_table_bytes, document_bytes};
pub use snapshot::{Listed, Snapshot};
pub use stats::{Bytes, Stats};
pub use verify::{Finding, Report};
pub use writer::{Added, Writer, WriterOptions};

use crate::codec::Codec;
use crate::model::ModelId;
use crate::store::Store;
use manifest::{Block, Manifest};
use snapshot::State;

/// A document as it is added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The application's own name for it, unique in the index: adding it again replaces it.
    pub id: String,
    /// For people.
    pub title: String,
    /// What is searched.
    pub text: String,
    /// Whatever the application wants back with a hit, for instance JSON.
    pub metadata: String,
}

/// What an index is made for. Fixed when it is created.
#[derive(Clone, Debug)]
pub struct Config {
    /// The only model it can be filled and searched with.
    pub model: ModelId,
    /// The codec of that model.
    pub codec: Codec,
    /// Whether the text is kept, compressed. If not, searching needs [`Texts`].
    pub keep_text: bool,
}

/// An index in a store. Clones are handles to the same one.
#[derive(Debug)]
pub struct Index<S> {
    inner: Arc<Inner<S>>,
}

impl<S> Clone for Index<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

#[derive(Debug)]
struct Inner<S> {
    store: S,
    codec: Codec,
    current: Mutex<Arc<State>>,
    /// All generations that were shown and may still be in use.
    shown: Mutex<Vec<Weak<State>>>,
    /// What searches share.
    search: search::Shared,
}

impl<S> Inner<S> {
    fn current(&self) -> Arc<State> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a newer generation to new snapshots; an older one is dropped.
    fn show(&self, state: Arc<State>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if state.manifest.generation > current.manifest.generation {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.retain(|state| state.strong_count() > 0);
            shown.push(Arc::downgrade(&state));
            *current = state;
        }
    }

    /// Blocks of the generations in use here.
    fn in_use(&self) -> Vec<Block> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.retain(|state| state.strong_count() > 0);
        let states = shown.iter().filter_map(Weak::upgrade);
        states
            .flat_map(|s| s.manifest.blocks().collect::<Vec<_>>())
            .collect()
    }
}

impl<S: Store> Index<S> {
    /// Makes an empty index. Fails if the store has one ([`Error::Exists`]).
    pub async fn create(store: S, config: Config) -> Result<Self, Error> {
        store.lock().await?;
        let made = Self::create_locked(&store, &config).await;
        store.unlock();
        let manifest = made?;
        let state = State::open(&store, manifest, &config.codec, None).await?;
        Ok(Self::with(store, config.codec, state))
    }

    async fn create_locked(store: &S, config: &Config) -> Result<Manifest, Error> {
        if !store.manifests().await?.is_empty() {
            return Err(Error::Exists);
        }
        let mut codec_block = None;
        if Codec::bundled().map(|b| b.id()) != Ok(config.codec.id()) {
            let bytes = config.codec.to_bytes();
            let block = Block::of(1, 0, bytes);
            store.put(&block.name(), bytes).await?;
            codec_block = Some(block);
        }
        let manifest = Manifest {
            generation: 1,
            model: config.model.clone(),
            codec: config.codec.id(),
            codec_block,
            frame: Vec::new(),
            keeps_text: config.keep_text,
            next_segment: 0,
            segments: Vec::new(),
        };
        store.swap(1, &manifest.encode()?).await?;
        Ok(manifest)
    }

    /// Opens the newest generation. If its manifest is damaged, the one before is opened and
    /// [`Snapshot::recovered`] says so. Damaged blocks do not fail it ([`Snapshot::verify`]).
    pub async fn open(store: S) -> Result<Self, Error> {
        let (manifest, _) = newest(&store).await?.ok_or(Error::NoIndex)?;
        let codec = codec_of(&store, &manifest).await?;
        let state = open_newest(&store, &codec, None).await?;
        Ok(Self::with(store, codec, state))
    }

    /// The same with a codec of the application's own, for instance because the index's copy is damaged. It
    /// must be the one that the index was made with ([`Error::OtherCodec`]).
    pub async fn open_with(store: S, codec: Codec) -> Result<Self, Error> {
        let (manifest, _) = newest(&store).await?.ok_or(Error::NoIndex)?;
        check_codec(&codec, &manifest)?;
        let state = open_newest(&store, &codec, None).await?;
        Ok(Self::with(store, codec, state))
    }

    fn with(store: S, codec: Codec, state: State) -> Self {
        let state = Arc::new(state);
        let shown = Mutex::new(vec![Arc::downgrade(&state)]);
        Self {
            inner: Arc::new(Inner {
                store,
                codec,
                current: Mutex::new(state),
                shown,
                search: search::Shared::default(),
            }),
        }
    }

    /// The generation shown now, to be searched as it is for as long as it is held.
    pub fn snapshot(&self) -> Snapshot<S> {
        Snapshot::new(Arc::clone(&self.inner), self.inner.current())
    }

    /// Follows other writers: shows the newest generation of the store. Whether it was a newer one.
    pub async fn refresh(&self) -> Result<bool, Error> {
        let shown = self.inner.current();
        let (store, codec) = (&self.inner.store, &self.inner.codec);
        let (manifest, _) = newest(store).await?.ok_or(Error::NoIndex)?;
        if manifest.generation <= shown.manifest.generation {
            return Ok(false);
        }
        let state = open_newest(store, codec, Some(&shown)).await?;
        self.inner.show(Arc::new(state));
        Ok(true)
    }

    /// Takes the writer's role. Searches go on meanwhile.
    pub async fn writer(&self, options: WriterOptions) -> Result<Writer<S>, Error> {
        Writer::open(Arc::clone(&self.inner), options).await
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    /// The model that it was made for.
    pub fn model(&self) -> ModelId {
        self.inner.current().manifest.model.clone()
    }
}

/// Times that opening starts again because a writer moved on meanwhile.
const RETRIES: usize = 8;

/// Opens the newest generation. If blocks are missing because a writer has moved on and collected them, that
/// is no damage: the next newest is opened.
async fn open_newest<S: Store>(
    store: &S,
    codec: &Codec,
    before: Option<&State>,
) -> Result<State, Error> {
    let mut tries = 0;
    loop {
        let (manifest, recovered) = newest(store).await?.ok_or(Error::NoIndex)?;
        let generation = manifest.generation;
        let state = State::open(store, manifest, codec, before).await?;
        let mut damage = state.views.iter().flat_map(|view| &view.segment.damage);
        let missing = damage.any(|damage| damage.missing());
        tries += 1;
        if missing && tries < RETRIES {
            let now = newest(store).await?.ok_or(Error::NoIndex)?;
            if now.0.generation > generation {
                continue;
            }
        }
        return Ok(State { recovered, ..state });
    }
}

/// The newest manifest that is whole, and why a newer one was passed over.
async fn newest<S: Store>(store: &S) -> Result<Option<(Manifest, Option<String>)>, Error> {
    newest_of(&store.manifests().await?)
}

/// The same of manifests that were read already.
fn newest_of(stored: &[(u64, Vec<u8>)]) -> Result<Option<(Manifest, Option<String>)>, Error> {
    let mut passed = None;
    for (generation, bytes) in stored {
        match Manifest::decode(bytes) {
            Ok(manifest) if manifest.generation == *generation => {
                return Ok(Some((manifest, passed.map(|e: Error| e.to_string()))));
            }
            Ok(_) => {
                let why = "it is of another generation than its name says";
                passed.get_or_insert(Error::damaged("the manifest", why));
            }
            // Going back a generation would hide what the newer version did.
            Err(newer @ Error::Newer { .. }) => return Err(newer),
            Err(error) => {
                passed.get_or_insert(error);
            }
        }
    }
    passed.map_or(Ok(None), Err)
}

/// The codec an index was made with: the bundled one, or the one it carries.
async fn codec_of<S: Store>(store: &S, manifest: &Manifest) -> Result<Codec, Error> {
    let codec = match &manifest.codec_block {
        None => Codec::bundled()?,
        Some(block) => {
            let bytes = segment::fetch(store, block).await?;
            Codec::from_bytes(&bytes.map_err(|why| Error::damaged("the codec", why))?)?
        }
    };
    check_codec(&codec, manifest)?;
    Ok(codec)
}

fn check_codec(codec: &Codec, manifest: &Manifest) -> Result<(), Error> {
    if codec.id() == manifest.codec {
        return Ok(());
    }
    Err(Error::OtherCodec {
        index: error::hex(&manifest.codec),
        given: error::hex(&codec.id()),
    })
}
