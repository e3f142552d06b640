//! PDF: page by page, with each page's failure kept to itself.
//!
//! What the parser could choke on is counted, mended or left out first: its stack and memory by `budget`, drawing by
//! `flatten`, fonts by `fonts`, the file's own table by `rebuild`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document, Object, ObjectId, output_doc_page};

use flatten::{Flat, Stage};
use lines::Lines;
use reflow::Line;

use super::builder::Builder;
use super::{Error, Limits, Parts};

mod budget;
mod flatten;
mod fonts;
mod lines;
mod outline;
mod rebuild;
mod reflow;

/// The text of a document, a section for each page.
pub fn extract(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    budget::check(bytes, limits)?;
    let (mut document, damage) = load(bytes)?;
    // What needs no password is decrypted by now.
    if document.is_encrypted() && document.authenticate_password("").is_err() {
        return Err(Error::Encrypted);
    }
    let pages: Vec<ObjectId> = document.page_iter().collect();
    if pages.is_empty() {
        return Err(Error::Broken("it has no pages".into()));
    }
    let title = title(&document);
    let chapters = outline::chapters(&document, &pages);
    fonts::mend(&mut document);
    let stage =
        Stage::new(&mut document).ok_or_else(|| Error::Broken("it has no catalog".into()))?;
    let unusable = fonts::unusable(&mut document, |document, flat| {
        lines_of(document, &stage, flat).is_some()
    });

    let mut builder = Builder::new(limits.sections);
    let mut failed = Vec::new();
    for (number, &page) in (1..).zip(pages.iter().take(limits.pages)) {
        let flat = flatten::page(&document, page, &unusable);
        match flat.and_then(|flat| lines_of(&mut document, &stage, flat)) {
            Some(lines) if !lines.is_empty() => {
                builder.part();
                let chapter = chapters[number - 1].as_deref();
                let chapter = chapter
                    .filter(|c| !c.is_empty())
                    .map_or_else(String::new, |c| format!("{c} › "));
                builder.place(format!("{chapter}page {number}"));
                reflow::reflow(&lines, &mut builder);
            }
            Some(_) => {}
            None => failed.push(number),
        }
    }
    let mut parts = builder.finish();
    if parts.text.is_empty() {
        let whole = pages.iter().all(|page| has_contents(&document, *page));
        return Err(match damage {
            Some(damage) if !whole => damage,
            _ if failed.is_empty() && unusable.is_empty() => Error::NoText { pages: pages.len() },
            _ => Error::Broken(format!("none of its {} pages could be read", pages.len())),
        });
    }
    parts.title = title;
    parts.notes = notes(pages.len(), &failed, unusable.len(), limits);
    Ok(parts)
}

/// Whether what a page shows is in the file: it may be cut off before.
fn has_contents(document: &Document, page: ObjectId) -> bool {
    let streams = document.get_page_contents(page);
    let blank = document
        .get_dictionary(page)
        .is_ok_and(|p| !p.has(b"Contents"));
    let whole = |id: &ObjectId| {
        document
            .get_object(*id)
            .is_ok_and(|o| o.as_stream().is_ok())
    };
    blank || (!streams.is_empty() && streams.iter().all(whole))
}

/// A document, and what was wrong with its file if the table of its objects had to be made anew.
fn load(bytes: &[u8]) -> Result<(Document, Option<Error>), Error> {
    let why = match Document::load_mem(bytes) {
        Ok(document) if document.is_encrypted() || document.page_iter().next().is_some() => {
            return Ok((document, None));
        }
        Ok(_) => "it has no pages".into(),
        Err(e) => e.to_string(),
    };
    match rebuild::rebuild(bytes).map(|mended| Document::load_mem(&mended)) {
        Some(Ok(mended)) if mended.page_iter().next().is_some() => {
            Ok((mended, Some(Error::Broken(why))))
        }
        _ => Err(Error::Broken(why)),
    }
}

fn notes(pages: usize, failed: &[usize], fonts: usize, limits: &Limits) -> Vec<String> {
    let mut notes = Vec::new();
    if !failed.is_empty() {
        let list: Vec<_> = failed.iter().take(10).map(usize::to_string).collect();
        notes.push(format!(
            "{} of {pages} pages could not be read: {}",
            failed.len(),
            list.join(", ")
        ));
    }
    if fonts > 0 {
        notes.push(format!("text in {fonts} of its fonts could not be read"));
    }
    if pages > limits.pages {
        notes.push(format!(
            "only the first {} of {pages} pages were read",
            limits.pages
        ));
    }
    notes
}

/// The lines of a rewritten page, unless the parser gives up on it.
fn lines_of(document: &mut Document, stage: &Stage, flat: Flat) -> Option<Vec<Line>> {
    stage.set(document, flat)?;
    catch_unwind(AssertUnwindSafe(|| {
        let mut lines = Lines::default();
        output_doc_page(document, &mut lines, 1).ok()?;
        Some(lines.finish())
    }))
    .ok()?
}

fn title(document: &Document) -> Option<String> {
    let info = document.trailer.get(b"Info").ok()?;
    let info = match info {
        Object::Reference(id) => document.get_object(*id).ok()?,
        direct => direct,
    };
    let title = info.as_dict().ok()?.get(b"Title").ok()?;
    pdf_extract::decode_text_string(title).ok()
}
