//! PDF: page by page, with everything a hostile or damaged file can do kept from the rest of the program.
//!
//! The parser panics on some damaged files and may recurse or run for long on hostile ones. It therefore runs in a
//! thread of its own with a large stack, each page guarded against panics, the whole under a time limit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use pdf_extract::{Document, Object, output_doc_page};

use lines::Lines;
use reflow::Line;

use super::builder::Builder;
use super::{Error, Limits, Parts};

mod budget;
mod lines;
mod reflow;

const STACK: usize = 64 << 20;

/// The text of a document, a section for each page.
pub fn extract(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    budget::check(bytes, limits)?;
    let (send, receive) = mpsc::channel();
    let (owned, own_limits) = (bytes.to_vec(), limits.clone());
    thread::Builder::new()
        .name("pdf".into())
        .stack_size(STACK)
        .spawn(move || {
            let read = catch_unwind(AssertUnwindSafe(|| read(&owned, &own_limits)));
            // Nobody waits any more if time is up.
            let _ = send.send(
                read.unwrap_or_else(|_| Err(Error::Broken("the PDF parser gave up on it".into()))),
            );
        })
        .map_err(|e| Error::Broken(format!("no thread to read it in: {e}")))?;
    receive
        .recv_timeout(limits.time)
        .unwrap_or(Err(Error::Timeout(limits.time.as_secs())))
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    let mut document = Document::load_mem(bytes).map_err(|e| Error::Broken(e.to_string()))?;
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err(Error::Encrypted);
    }
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    if pages.is_empty() {
        return Err(Error::Broken("it has no pages".into()));
    }
    let mut builder = Builder::new(limits.sections);
    let mut failed = Vec::new();
    for &page in pages.iter().take(limits.pages) {
        match lines_of(&document, page) {
            Some(lines) if !lines.is_empty() => {
                builder.part();
                builder.section(1, &format!("page {page}"));
                reflow::reflow(&lines, &mut builder);
            }
            Some(_) => {}
            None => failed.push(page),
        }
    }
    let mut parts = builder.finish();
    if parts.text.is_empty() {
        return Err(if failed.is_empty() {
            Error::NoText { pages: pages.len() }
        } else {
            Error::Broken(format!("none of its {} pages could be read", pages.len()))
        });
    }
    parts.title = title(&document);
    if !failed.is_empty() {
        let list: Vec<_> = failed.iter().take(10).map(u32::to_string).collect();
        parts.notes.push(format!(
            "{} of {} pages could not be read: {}",
            failed.len(),
            pages.len(),
            list.join(", ")
        ));
    }
    if pages.len() > limits.pages {
        parts.notes.push(format!(
            "only the first {} of {} pages were read",
            limits.pages,
            pages.len()
        ));
    }
    Ok(parts)
}

fn lines_of(document: &Document, page: u32) -> Option<Vec<Line>> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut lines = Lines::default();
        output_doc_page(document, &mut lines, page).ok()?;
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
