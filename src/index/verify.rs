//! Checking everything, and dropping what is damaged.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use super::segment::{Damage, Segment, fetch};
use super::writer::Writer;
use super::{Error, Snapshot};
use crate::store::Store;
use crate::text::blocks::PageReader;

/// A damaged block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The block's name in the store.
    pub block: String,
    /// What it holds.
    pub part: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
    /// Ids of the documents that cannot be found or read because of it.
    pub documents: Vec<String>,
    /// Further such documents whose ids are lost, too.
    pub unnamed: usize,
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Blocks read.
    pub blocks: usize,
    /// Bytes read.
    pub bytes: u64,
    /// What is damaged; empty if all is well.
    pub damaged: Vec<Finding>,
    /// Why the newest manifest was passed over, if it was: the last commit is then lost.
    pub recovered: Option<String>,
}

impl Report {
    /// Whether everything is as it was written.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.recovered.is_none()
    }
}

impl<S: Store> Snapshot<S> {
    /// Reads and decodes every block of this generation. Costs reading and inflating all of it.
    pub async fn verify(&self) -> Result<Report, Error> {
        self.verify_with(async || Ok(())).await
    }

    /// The same. `pause` is awaited before every page: others run meanwhile, and it ends by failing.
    pub async fn verify_with(
        &self,
        mut pause: impl AsyncFnMut() -> Result<(), Error>,
    ) -> Result<Report, Error> {
        let mut report = Report {
            recovered: self.state.recovered.clone(),
            ..Report::default()
        };
        for block in self.state.manifest.blocks() {
            report.blocks += 1;
            report.bytes += u64::from(block.len);
        }
        for (at, damage) in self.damage(&mut pause).await? {
            let finding = self.finding(at, damage).await?;
            report.damaged.push(finding);
        }
        if let Some(block) = self.state.manifest.codec_block
            && let Err(why) = fetch(&self.inner.store, &block).await?
        {
            report.damaged.push(Finding {
                block: block.name(),
                part: "codec",
                why,
                documents: Vec::new(),
                unnamed: 0,
            });
        }
        Ok(report)
    }

    /// All damage, with the segment it is in.
    async fn damage(
        &self,
        pause: &mut impl AsyncFnMut() -> Result<(), Error>,
    ) -> Result<Vec<(usize, Damage)>, Error> {
        let store = &self.inner.store;
        let coder = &self.state.coder;
        let mut found = Vec::new();
        for (at, info) in self.state.manifest.segments.iter().enumerate() {
            // Opened afresh: what is in memory may be older than the damage.
            let segment = Segment::open(store, info, coder).await?;
            for page in 0..segment.entry_pages().len() {
                pause().await?;
                if let Err(damage) = segment.entries(store, page).await? {
                    found.push((at, damage));
                }
            }
            for (block, documents, bytes, utf16) in segment.text_blocks() {
                pause().await?;
                let read = fetch(store, &block).await?.and_then(|page| {
                    let page = PageReader::open(&page).map_err(|_| "it does not decode")?;
                    page.check().map_err(|_| "it does not decode")?;
                    if page.text_bytes() as u64 != bytes || page.text_utf16() as u64 != utf16 {
                        return Err("it holds another amount of text");
                    }
                    Ok(())
                });
                if let Err(why) = read {
                    let part = "text";
                    found.push((
                        at,
                        Damage {
                            block,
                            part,
                            why,
                            documents,
                        },
                    ));
                }
            }
            found.extend(segment.damage.into_iter().map(|damage| (at, damage)));
        }
        Ok(found)
    }

    /// Names the documents that damage concerns.
    async fn finding(&self, at: usize, damage: Damage) -> Result<Finding, Error> {
        let view = &self.state.views[at];
        let mut finding = Finding {
            block: damage.block.name(),
            part: damage.part,
            why: damage.why,
            documents: Vec::new(),
            unnamed: 0,
        };
        let mut pages = BTreeMap::new();
        for document in damage.documents {
            if view.removed_documents.contains(document) {
                continue;
            }
            let page = view.segment.entry_page_of(document);
            let entries = match pages.entry(page) {
                Entry::Occupied(read) => read.into_mut(),
                Entry::Vacant(place) => {
                    let read = view.segment.entries(&self.inner.store, page).await?;
                    place.insert(read.unwrap_or_default())
                }
            };
            let first = view.segment.entry_pages()[page].0;
            match entries.get((document - first) as usize) {
                Some(entry) => finding.documents.push(entry.id.clone()),
                None => finding.unnamed += 1,
            }
        }
        Ok(finding)
    }
}

impl<S: Store> Writer<S> {
    /// Removes every document that a damaged block concerns, so that it can be added again, and writes their
    /// segments anew. Commits that, but not what is staged. Returns what was found.
    pub async fn repair(&mut self) -> Result<Report, Error> {
        self.repair_with(async || Ok(())).await
    }

    /// The same. `pause` is awaited before every page that is checked: if it fails the index stays as it was.
    pub async fn repair_with(
        &mut self,
        mut pause: impl AsyncFnMut() -> Result<(), Error>,
    ) -> Result<Report, Error> {
        let snapshot = Snapshot::new(self.inner.clone(), self.base.clone());
        let report = snapshot.verify_with(&mut pause).await?;
        let mut numbers = BTreeSet::new();
        for (at, damage) in snapshot.damage(&mut pause).await? {
            let number = snapshot.state.views[at].segment.number;
            numbers.insert(number);
            for document in damage.documents {
                self.drop_document(number, document);
            }
        }
        self.commit_removed().await?;
        self.merge(&numbers, true, &mut async || Ok(())).await?;
        Ok(report)
    }
}
