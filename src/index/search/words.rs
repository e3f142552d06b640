//! The words of the text, segment by segment. A first question scans for its own words alone, which takes a third of
//! the time; from the second on all words are counted and kept in memory, up to a bound.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::source::{Source, Texts};
use super::{Error, LeftOut, SearchStats};
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

impl Words {
    fn bytes(&self) -> usize {
        self.segments.values().map(|p| p.bytes()).sum()
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
            let room = KEPT.saturating_sub(words().bytes()) as u64;
            let keep = bytes / SHARE <= room && words().asked.contains(&number);
            let builder = if keep {
                Builder::new()
            } else {
                Builder::only(keywords)
            };
            let (postings, missed) = self.count(at, builder, &mut late).await?;
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
        late: &mut impl FnMut() -> bool,
    ) -> Result<(Postings, u64), Error> {
        let snapshot = self.snapshot;
        let view = &snapshot.state.views[at];
        let table = &view.segment.table;
        let mut missed = 0;
        for document in 0..table.documents() as u32 {
            let mut chunks = table.chunks_of(document);
            if late() {
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
            }
        }
        Ok((builder.finish(), missed))
    }
}
