//! Merging segments: codes and texts are copied, nothing is embedded again; removed documents go.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Error;
use super::build::{Blocks, Builder};
use super::manifest::{Manifest, SegmentInfo};
use super::segment::{Cache, Segment};
use super::writer::{At, Writer};
use crate::codec::Codes;
use crate::graph::{self, CodeSpace};
use crate::store::Store;

/// Chunks of the smallest tier; each further tier is `merge_factor` times as large.
const TIER: u32 = 256;

/// Which tier a segment belongs to.
fn tier(chunks: u32, factor: u32) -> u32 {
    (chunks / TIER).max(1).ilog(factor)
}

/// Numbers of the segments to merge into one now, or none.
fn plan(segments: &[SegmentInfo], factor: usize) -> Vec<u64> {
    let factor = factor.max(2);
    // Half removed: it is rewritten alone.
    let wasteful = |s: &&SegmentInfo| s.removed_chunks > s.chunks / 2;
    if let Some(segment) = segments.iter().find(wasteful) {
        return vec![segment.number];
    }
    let tier = |s: &SegmentInfo| tier(s.live_chunks(), factor as u32);
    let mut tiers: Vec<u32> = segments.iter().map(tier).collect();
    tiers.sort_unstable();
    tiers.dedup();
    for wanted in tiers {
        let found: Vec<u64> = segments
            .iter()
            .filter(|s| tier(s) == wanted)
            .map(|s| s.number)
            .collect();
        if found.len() >= factor {
            return found;
        }
    }
    Vec::new()
}

impl<S: Store> Writer<S> {
    /// Merges everything into one segment and gives back the space of removed documents. Does not commit what
    /// is staged. Nothing is embedded. Segments with damaged blocks are left as they are, so that nothing is
    /// lost by it.
    pub async fn compact(&mut self) -> Result<(), Error> {
        self.compact_with(async || Ok(())).await
    }

    /// The same. `pause` is awaited before every page of documents: others run meanwhile, and if it fails the
    /// index stays as it was.
    pub async fn compact_with(
        &mut self,
        mut pause: impl AsyncFnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let all: BTreeSet<u64> = self
            .base
            .manifest
            .segments
            .iter()
            .map(|s| s.number)
            .collect();
        let done =
            |s: &SegmentInfo| s.removed.is_empty() && self.wants_graph(s.chunks) == s.has_graph();
        if self.base.manifest.segments.len() <= 1 && self.base.manifest.segments.iter().all(done) {
            return Ok(());
        }
        self.merge(&all, false, &mut pause).await
    }

    /// Merges as long as there is something to merge.
    pub(super) async fn maintain(&mut self) -> Result<(), Error> {
        loop {
            let numbers: BTreeSet<u64> =
                plan(&self.base.manifest.segments, self.options.merge_factor)
                    .into_iter()
                    .collect();
            let before = self.base.manifest.generation;
            match self.merge(&numbers, false, &mut async || Ok(())).await {
                // The commit before succeeded; merging can wait until there is room.
                Err(Error::Store(crate::store::Error::QuotaExceeded) | Error::Damaged { .. }) => {
                    return Ok(());
                }
                result => result?,
            }
            if self.base.manifest.generation == before {
                return Ok(());
            }
        }
    }

    /// Merges segments into one. Damaged ones are left out, unless it is to `repair` them: what is damaged
    /// must have been removed then.
    pub(super) async fn merge(
        &mut self,
        numbers: &BTreeSet<u64>,
        repair: bool,
        pause: &mut impl AsyncFnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let whole = |segment: &Segment| repair || segment.damage.is_empty();
        let numbers: BTreeSet<u64> = self
            .base
            .views
            .iter()
            .filter(|view| whole(&view.segment) && numbers.contains(&view.segment.number))
            .map(|view| view.segment.number)
            .collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        let mut blocks = Blocks::new(&inner.store, self.next_generation().await?);
        let mut moved = Vec::new();
        let written = self
            .write_merged(&numbers, &mut blocks, &mut moved, pause)
            .await;
        self.swap(blocks, written).await?;
        let number = self.base.manifest.segments.last().map_or(0, |s| s.number);
        let mut removed = BTreeSet::new();
        for (document, (old, id)) in (0..).zip(moved) {
            // Removed or replaced since the last commit: it goes with the next one.
            if self
                .removed
                .get(&old.0)
                .is_some_and(|set| set.contains(&old.1))
            {
                removed.insert(document);
            } else if let Some(place) = self.places.get_mut(&id) {
                place.at = At::Segment { number, document };
            }
        }
        self.removed.retain(|old, _| !numbers.contains(old));
        if !removed.is_empty() {
            self.removed.insert(number, removed);
        }
        Ok(())
    }

    fn wants_graph(&self, chunks: u32) -> bool {
        chunks as usize >= self.options.graph_chunks.max(1)
    }

    /// The graph over the chunks of a new segment, if it is to have one. Built from codes alone.
    fn graph(&self, codes: &Codes) -> Result<Option<Vec<u8>>, Error> {
        if !self.wants_graph(codes.len() as u32) {
            return Ok(None);
        }
        let space = CodeSpace::new(&self.base.coder, codes);
        let draft = graph::build(&space, &graph::Params::default(), |_, _| {
            ControlFlow::Continue(())
        })?;
        Ok(Some(draft.freeze().to_bytes()))
    }

    async fn write_merged(
        &self,
        numbers: &BTreeSet<u64>,
        blocks: &mut Blocks<'_, S>,
        moved: &mut Vec<((u64, u32), String)>,
        pause: &mut impl AsyncFnMut() -> Result<(), Error>,
    ) -> Result<Manifest, Error> {
        let store = &self.inner.store;
        let mut manifest = self.base.manifest.clone();
        let mut codes = self.base.coder.codes();
        let mut builder = Builder::new(manifest.keeps_text);
        for view in self
            .base
            .views
            .iter()
            .filter(|v| numbers.contains(&v.segment.number))
        {
            let segment = &view.segment;
            codes.append(
                &segment
                    .codes
                    .retain(|chunk| !view.dead_chunks.contains(chunk)),
            )?;
            let mut cache = Cache::default();
            let damaged = |d: super::segment::Damage| Error::damaged(d.part, d.why);
            for (page, &(first, end, _)) in segment.entry_pages().iter().enumerate() {
                if (first..end).all(|document| view.dead_documents.contains(document)) {
                    continue;
                }
                pause().await?;
                let entries = segment.entries(store, page).await?.map_err(damaged)?;
                for (document, entry) in (first..).zip(entries) {
                    if view.dead_documents.contains(document) {
                        continue;
                    }
                    let mut text = String::new();
                    if manifest.keeps_text {
                        let range = segment.table.text_of(document);
                        text = segment
                            .text(store, range, &mut cache)
                            .await?
                            .map_err(damaged)?;
                    }
                    moved.push(((segment.number, document), entry.id.clone()));
                    builder
                        .push(blocks, entry, segment.table.borders(document), &text)
                        .await?;
                }
            }
        }
        manifest
            .segments
            .retain(|info| !numbers.contains(&info.number));
        if builder.documents() > 0 {
            pause().await?;
            let number = blocks.segment_number();
            manifest.next_segment = number + 1;
            let graph = self.graph(&codes)?;
            manifest.segments.push(
                builder
                    .finish(blocks, number, &codes, graph.as_deref())
                    .await?,
            );
        }
        Ok(manifest)
    }
}
