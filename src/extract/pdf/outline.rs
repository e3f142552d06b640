//! The outline ("bookmarks") of a PDF: which chapter a page belongs to.

use std::collections::{HashMap, HashSet};

use pdf_extract::{Dictionary, Document, Object, ObjectId, decode_text_string};

use super::flatten::follow;
use crate::extract::builder::shorten;

/// Most entries that are looked at.
const ENTRIES: usize = 5000;
/// Deepest level whose title is part of a label.
const LEVELS: usize = 6;

/// The path of titles of each page that belongs to an entry, by page number from 1: that of the first entry that
/// begins on it, otherwise that of the last one before.
pub fn chapters(document: &Document, pages: &[ObjectId]) -> Vec<Option<String>> {
    let mut outline = Outline {
        document,
        numbers: pages
            .iter()
            .zip(0..)
            .map(|(id, number)| (*id, number))
            .collect(),
        names: names(document),
        seen: HashSet::new(),
        entries: Vec::new(),
    };
    if let Some(root) = catalog(document).and_then(|c| dictionary(document, c, b"Outlines")) {
        outline.children(root, &mut Vec::new());
    }
    // Stable: of entries on one page, the first stays first.
    outline.entries.sort_by_key(|(page, _)| *page);
    let mut chapters = vec![None; pages.len()];
    let mut entries = outline.entries.iter().peekable();
    let mut current: Option<&String> = None;
    for (page, chapter) in chapters.iter_mut().enumerate() {
        let mut first = None;
        while let Some((_, path)) = entries.next_if(|(at, _)| *at <= page) {
            first = first.or(Some(path));
            current = Some(path);
        }
        *chapter = first.or(current).cloned();
    }
    chapters
}

struct Outline<'a> {
    document: &'a Document,
    numbers: HashMap<ObjectId, usize>,
    names: HashMap<Vec<u8>, &'a Object>,
    seen: HashSet<ObjectId>,
    entries: Vec<(usize, String)>,
}

impl<'a> Outline<'a> {
    fn children(&mut self, parent: &'a Dictionary, path: &mut Vec<String>) {
        let mut next = parent.get(b"First").ok();
        while let Some(Object::Reference(id)) = next {
            // Entries that lead back to others would never end.
            if self.entries.len() >= ENTRIES || !self.seen.insert(*id) {
                return;
            }
            let Ok(entry) = self.document.get_dictionary(*id) else {
                return;
            };
            let title = entry.get(b"Title").ok().map(|t| follow(self.document, t));
            let title = title
                .and_then(|t| decode_text_string(t).ok())
                .unwrap_or_default();
            path.push(shorten(&title));
            if let Some(page) = self.page(entry) {
                let titles: Vec<_> = path.iter().filter(|t| !t.is_empty()).cloned().collect();
                self.entries.push((page, titles.join(" › ")));
            }
            if path.len() < LEVELS {
                self.children(entry, path);
            }
            path.pop();
            next = entry.get(b"Next").ok();
        }
    }

    /// The page, counted from 0, that an entry leads to.
    fn page(&self, entry: &'a Dictionary) -> Option<usize> {
        let destination = match entry.get(b"Dest") {
            Ok(destination) => follow(self.document, destination),
            Err(_) => {
                let action = dictionary(self.document, entry, b"A")?;
                follow(self.document, action.get(b"D").ok()?)
            }
        };
        let destination = match destination {
            Object::Name(name) | Object::String(name, _) => self.names.get(name).copied()?,
            direct => direct,
        };
        let place = match destination {
            Object::Dictionary(named) => follow(self.document, named.get(b"D").ok()?),
            direct => direct,
        };
        match place.as_array().ok()?.first()? {
            Object::Reference(id) => self.numbers.get(id).copied(),
            _ => None,
        }
    }
}

fn catalog(document: &Document) -> Option<&Dictionary> {
    document.catalog().ok()
}

fn dictionary<'a>(
    document: &'a Document,
    parent: &'a Dictionary,
    key: &[u8],
) -> Option<&'a Dictionary> {
    follow(document, parent.get(key).ok()?).as_dict().ok()
}

/// Named destinations: the dictionary of PDF 1.1 and the name tree of PDF 1.2.
fn names(document: &Document) -> HashMap<Vec<u8>, &Object> {
    let mut names = HashMap::new();
    let Some(catalog) = catalog(document) else {
        return names;
    };
    if let Some(old) = dictionary(document, catalog, b"Dests") {
        names.extend(
            old.iter()
                .map(|(name, place)| (name.clone(), follow(document, place))),
        );
    }
    let tree =
        dictionary(document, catalog, b"Names").and_then(|n| dictionary(document, n, b"Dests"));
    let mut open: Vec<&Dictionary> = tree.into_iter().collect();
    let mut nodes = 0;
    while let Some(node) = open.pop() {
        nodes += 1;
        if nodes > ENTRIES {
            break;
        }
        if let Ok(Object::Array(kids)) = node.get(b"Kids").map(|k| follow(document, k)) {
            open.extend(
                kids.iter()
                    .filter_map(|kid| follow(document, kid).as_dict().ok()),
            );
        }
        if let Ok(Object::Array(pairs)) = node.get(b"Names").map(|n| follow(document, n)) {
            for pair in pairs.chunks_exact(2) {
                if let Ok(name) = pair[0].as_str() {
                    names.insert(name.to_vec(), follow(document, &pair[1]));
                }
            }
        }
    }
    names
}
