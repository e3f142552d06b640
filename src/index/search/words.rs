//! The words of the text, segment by segment. A first question scans for its own words alone, which takes a third of
//! the time; from the second on, or at once where text comes over a network, all words are counted and kept in memory, up
//! to a bound.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::source::{Kept, Source, Texts};
use super::{Error, LeftOut, SearchStats, Snapshot};
use crate::search::keyword::{Builder, Keywords, Postings};
use crate::store::Store;

/// Postings of segments by their number.
#[derive(Debug, Default)]
pub(in crate::index) struct Words {
    segments: HashMap<u64, Arc<Postings>>,
    /// Segments that a question was asked of.
    asked: HashSet<u64>,
}

/// Bytes of postings kept, at most: a fifth to a quarter of the text they are of.
const KEPT: usize = 64 << 20;
/// Postings take at most this share of the text.
const SHARE: u64 = 3;
/// Text read at once.
const STRETCH: u32 = 256 << 10;
/// Text after which it is asked whether to go on: a millisecond or so.
const STEP: u32 = 64 << 10;

impl Words {
    /// Whether the words of so many bytes of text may be kept, too.
    fn have_room(&self, text: u64) -> bool {
        let kept: usize = self.segments.values().map(|p| p.bytes()).sum();
        text / SHARE <= KEPT.saturating_sub(kept) as u64
    }
}

impl<S: Store> Snapshot<S> {
    /// Counts the words of all text before any is asked for, as far as they have room in memory: a quarter of the
    /// text, some 20 ms per MB. Nothing is read where text comes over a network, or is not kept. `pause` is awaited
    /// between stretches of 64 to 256 KiB, for others to come in; once it answers false, no more is read. Returns
    /// the bytes read.
    ///
    /// # Errors
    /// [`Error::Superseded`], and whatever the store fails with.
    pub async fn count_words(&self, mut pause: impl AsyncFnMut() -> bool) -> Result<u64, Error> {
        let mut read = 0;
        if !self.state.manifest.keeps_text || self.inner.store.is_far() {
            return Ok(read);
        }
        let words = || self.inner.search.words();
        for (at, view) in self.state.views.iter().enumerate() {
            let number = view.segment.number;
            let bytes = view.segment.table.text_bytes();
            if words().segments.contains_key(&number) || !words().have_room(bytes) {
                continue;
            }
            let mut source = Source::new(self, &Kept);
            let mut stop = async || !pause().await;
            let (postings, missed) = source.count(at, Builder::new(), &mut stop).await?;
            read += bytes - missed;
            if missed > 0 {
                break;
            }
            words().segments.insert(number, Arc::new(postings));
        }
        Ok(read)
    }
}

impl<S: Store, T: Texts> Source<'_, S, T> {
    /// The postings of every segment: all of them where they are kept, of the terms needed otherwise. Stops
    /// when `late` says so: the segments that remain then have no words.
    pub(super) async fn postings(
        &mut self,
        keywords: &Keywords,
        stats: &mut SearchStats,
        left_out: &mut LeftOut,
        mut late: impl FnMut() -> bool,
    ) -> Result<Vec<Arc<Postings>>, Error> {
        let snapshot = self.snapshot;
        let numbers: Vec<u64> = snapshot
            .state
            .views
            .iter()
            .map(|v| v.segment.number)
            .collect();
        let words = || snapshot.inner.search.words();
        words().segments.retain(|n, _| numbers.contains(n));
        words().asked.retain(|n| numbers.contains(n));
        let mut all = Vec::with_capacity(numbers.len());
        for (at, view) in snapshot.state.views.iter().enumerate() {
            let number = view.segment.number;
            if let Some(known) = words().segments.get(&number) {
                all.push(Arc::clone(known));
                continue;
            }
            let bytes = view.segment.table.text_bytes();
            let again = words().asked.contains(&number) || snapshot.inner.store.is_far();
            let keep = again && words().have_room(bytes);
            let builder = if keep {
                Builder::new()
            } else {
                Builder::only(keywords)
            };
            let (postings, missed) = self.count(at, builder, &mut async || late()).await?;
            stats.text_read += bytes - missed;
            left_out.text += missed;
            let postings = Arc::new(postings);
            if keep && missed == 0 {
                words().segments.insert(number, Arc::clone(&postings));
            }
            words().asked.insert(number);
            all.push(postings);
        }
        Ok(all)
    }

    /// Counts the words of a segment. Also returns the bytes that there was no time for.
    async fn count(
        &mut self,
        at: usize,
        mut builder: Builder,
        late: &mut impl AsyncFnMut() -> bool,
    ) -> Result<(Postings, u64), Error> {
        let snapshot = self.snapshot;
        let view = &snapshot.state.views[at];
        let table = &view.segment.table;
        let (mut missed, mut since, mut stopped) = (0, STEP, false);
        for document in 0..table.documents() as u32 {
            let mut chunks = table.chunks_of(document);
            if stopped {
                let text = table.text_of(document);
                missed += text.end - text.start;
                chunks.for_each(|_| builder.skip());
                continue;
            }
            let lost = view
                .segment
                .damage
                .iter()
                .any(|d| d.documents.contains(&document));
            let entry = match lost {
                true => None,
                false => self.entry(at, view, document).await?,
            };
            let Some(entry) = entry else {
                chunks.for_each(|_| builder.skip());
                continue;
            };
            while !chunks.is_empty() {
                let start = table.range_of(chunks.start).start;
                if since >= STEP {
                    (stopped, since) = (late().await, 0);
                }
                if stopped {
                    let text = table.text_of(document);
                    missed += (text.end - text.start).saturating_sub(u64::from(start));
                    chunks.for_each(|_| builder.skip());
                    break;
                }
                let fits = |chunk: &u32| {
                    let range = table.range_of(*chunk);
                    range.start >= start && range.end - start <= STRETCH
                };
                let count = chunks.clone().take_while(fits).count().max(1) as u32;
                let group = chunks.start..chunks.start + count;
                let end = group.clone().map(|c| table.range_of(c).end).max();
                let text = self
                    .stretch(at, view, document, start..end.unwrap_or(start))
                    .await?;
                for chunk in group {
                    let range = table.range_of(chunk);
                    let range = (range.start - start) as usize..(range.end - start) as usize;
                    match text.as_ref().and_then(|text| text.get(range)) {
                        Some(text) => builder.push(&entry.title, text),
                        None => builder.skip(),
                    }
                }
                chunks.start += count;
                since += end.unwrap_or(start) - start;
            }
        }
        Ok((builder.finish(), missed))
    }
}
