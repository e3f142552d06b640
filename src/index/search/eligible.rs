//! What may be found: filters on metadata, quoted phrases, excluded words.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::super::snapshot::Bits;
use super::candidates::Eligible;
use super::source::{Source, Texts};
use super::{Error, Snapshot};
use crate::search::Filter;
use crate::search::keyword::{Keywords, Phrase, Postings};
use crate::store::Store;

/// Filters asked for lately, and the documents of a segment that pass them: pages of one answer, and questions
/// about one folder, then cost no reading.
#[derive(Debug, Default)]
pub(super) struct Filters {
    passing: VecDeque<(u64, Filter, Arc<Bits>)>,
}

/// Segments times filters remembered, a bit per document each.
const REMEMBERED: usize = 64;

impl Filters {
    fn known(&self, segment: u64, filter: &Filter) -> Option<Arc<Bits>> {
        let mut all = self.passing.iter();
        let known = all.find(|(number, of, _)| *number == segment && of == filter);
        known.map(|(_, _, bits)| Arc::clone(bits))
    }

    fn keep(&mut self, segment: u64, filter: &Filter, bits: &Arc<Bits>) {
        self.passing.truncate(REMEMBERED - 1);
        let one = (segment, filter.clone(), Arc::clone(bits));
        self.passing.push_front(one);
    }
}

impl<S: Store> Snapshot<S> {
    /// The chunks of documents that pass a filter. Reads the metadata of all documents, unless it did so lately.
    pub(super) async fn eligible(&self, filter: Option<&Filter>) -> Result<Eligible, Error> {
        let Some(filter) = filter else {
            return Ok(Eligible {
                views: None,
                count: self.chunks(),
            });
        };
        let mut views = Vec::with_capacity(self.state.views.len());
        for at in 0..self.state.views.len() {
            let passing = self.passing(at, filter).await?;
            let view = &self.state.views[at];
            let table = &view.segment.table;
            let mut chunks = Bits::default();
            for document in 0..table.documents() as u32 {
                if passing.contains(document) && !view.dead_documents.contains(document) {
                    table.chunks_of(document).for_each(|c| chunks.insert(c));
                }
            }
            views.push(chunks);
        }
        Ok(Eligible {
            count: views.iter().map(|bits| bits.len() as usize).sum(),
            views: Some(views),
        })
    }

    /// The documents of a segment whose metadata pass; those that cannot be read do not.
    async fn passing(&self, at: usize, filter: &Filter) -> Result<Arc<Bits>, Error> {
        let segment = &self.state.views[at].segment;
        let filters = || self.inner.search.filters();
        if let Some(known) = filters().known(segment.number, filter) {
            return Ok(known);
        }
        let (mut bits, mut whole) = (Bits::default(), true);
        for (page, &(first, _, _)) in segment.entry_pages().iter().enumerate() {
            match segment.entries(&self.inner.store, page).await? {
                Ok(entries) => {
                    let passing = (first..).zip(&entries);
                    let passing = passing.filter(|(_, entry)| filter.passes(&entry.metadata));
                    passing.for_each(|(document, _)| bits.insert(document));
                }
                Err(damage) => {
                    self.gone(&damage).await?;
                    whole = false;
                }
            }
        }
        let bits = Arc::new(bits);
        if whole {
            filters().keep(segment.number, filter, &bits);
        }
        Ok(bits)
    }
}

impl Eligible {
    /// Without these chunks of one segment.
    pub(super) fn leave<S>(&mut self, snapshot: &Snapshot<S>, at: usize, gone: Range<u32>) {
        let views = snapshot.state.views.iter().enumerate();
        let left = views.map(|(number, view)| {
            let mut bits = Bits::default();
            let chunks = 0..view.segment.codes.len() as u32;
            chunks
                .filter(|chunk| self.has(number, view, *chunk))
                .filter(|chunk| number != at || !gone.contains(chunk))
                .for_each(|chunk| bits.insert(chunk));
            bits
        });
        let left: Vec<Bits> = left.collect();
        self.count = left.iter().map(|bits| bits.len() as usize).sum();
        self.views = Some(left);
    }
}

impl<S: Store, T: Texts> Source<'_, S, T> {
    /// Narrows it to the chunks with the phrases and without the excluded words of a question.
    pub(super) async fn narrow(
        &mut self,
        eligible: Eligible,
        keywords: &Keywords,
        postings: &[Arc<Postings>],
    ) -> Result<Eligible, Error> {
        if !keywords.is_strict() {
            return Ok(eligible);
        }
        let mut views = Vec::with_capacity(postings.len());
        let mut first = 0;
        for (at, postings) in postings.iter().enumerate() {
            let view = &self.snapshot.state.views[at];
            let chunks = view.segment.codes.len() as u32;
            let mut bits = Bits::default();
            for chunk in (0..chunks).filter(|chunk| eligible.has(at, view, *chunk)) {
                bits.insert(chunk);
            }
            for term in keywords.excluded() {
                bits = without(&bits, &chunks_with(postings, &[*term]), chunks);
            }
            for phrase in keywords.excluded_phrases() {
                let possible = chunks_with(postings, &phrase.terms);
                let having = self.having(first, &possible, phrase).await?;
                bits = without(&bits, &having, chunks);
            }
            for phrase in keywords.phrases() {
                let mut possible = chunks_with(postings, &phrase.terms);
                possible.retain(|chunk| bits.contains(*chunk));
                bits = Bits::default();
                let having = self.having(first, &possible, phrase).await?;
                having.into_iter().for_each(|chunk| bits.insert(chunk));
            }
            views.push(bits);
            first += chunks;
        }
        Ok(Eligible {
            count: views.iter().map(|bits| bits.len() as usize).sum(),
            views: Some(views),
        })
    }

    /// Which of these chunks have a phrase, in their text or in the title of their document.
    async fn having(
        &mut self,
        first: u32,
        chunks: &[u32],
        phrase: &Phrase,
    ) -> Result<Vec<u32>, Error> {
        let mut having = Vec::new();
        for &chunk in chunks {
            let text = self.passage(first + chunk).await?;
            if text.is_some_and(|text| phrase.is_in(&text))
                || self
                    .title(first + chunk)
                    .await?
                    .is_some_and(|title| phrase.is_in(&title))
            {
                having.push(chunk);
            }
        }
        Ok(having)
    }
}

/// Chunks that have all of some terms.
fn chunks_with(postings: &Postings, terms: &[u64]) -> Vec<u32> {
    let mut terms = terms.iter();
    let Some(first) = terms.next() else {
        return Vec::new();
    };
    let mut chunks: Vec<u32> = postings.list(*first).map(|(chunk, _)| chunk).collect();
    for term in terms {
        let mut others = postings.list(*term).map(|(chunk, _)| chunk).peekable();
        chunks.retain(|chunk| {
            while others.next_if(|other| other < chunk).is_some() {}
            others.peek() == Some(chunk)
        });
    }
    chunks
}

fn without(bits: &Bits, gone: &[u32], chunks: u32) -> Bits {
    let mut left = Bits::default();
    for chunk in (0..chunks).filter(|c| bits.contains(*c) && gone.binary_search(c).is_err()) {
        left.insert(chunk);
    }
    left
}
