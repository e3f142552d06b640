//! Text out of documents, with the places a reader would name.
//!
//! A file's kind is told by its content first and its name second ([`recognise`]). Files are untrusted: whatever is
//! unpacked has a budget ([`Limits`]), parsers see text only (no scripts, no links followed), and what cannot be read
//! is a typed [`Error`], never a panic. The page does the same in JavaScript (`www/extract/`); both are held to one
//! table of expectations (`tests/fixtures/documents/expected.json`). What each format loses: `docs/formats.md`.

mod archive;
mod builder;
mod code;
mod csv;
mod decode;
mod docx;
mod epub;
mod error;
mod guard;
mod html;
mod json;
mod kind;
mod markdown;
mod markup;
mod pdf;
mod xml;

pub use error::Error;
pub use kind::{Kind, recognise};

use std::time::Duration;

/// What a document yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// The document's own title, otherwise the name it was given.
    pub title: String,
    /// Its text, never blank. Of text, Markdown and source code this is the file's own text (without a byte-order
    /// mark), so that places in it are places in the file; the others are rendered.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// Places in `text`, in order; a passage is in the last section that starts at or before it.
    pub sections: Vec<Section>,
    /// What a reader should know about how it was read: pages that failed, a guessed encoding.
    pub notes: Vec<String>,
}

/// A named place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Byte offset in the text, at a character boundary.
    pub start: usize,
    /// Where a reader is: `page 3`, `Chapter 2 › Storage`, `row 120`, `fn main`.
    pub label: String,
}

/// Budgets of one extraction. The archive budgets count bytes as they are unpacked, never what a file declares.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest file, in bytes.
    pub file: u64,
    /// Most bytes unpacked from one file, all members together.
    pub unpacked: u64,
    /// Most bytes unpacked from one member.
    pub member: u64,
    /// Most members an archive may list.
    pub members: usize,
    /// Most bytes out of one byte in, for members that unpack to more than 1 MiB.
    pub ratio: u64,
    /// Most pages of a PDF; what comes after is left out and noted.
    pub pages: usize,
    /// Deepest nesting of elements, arrays and objects.
    pub depth: usize,
    /// Most sections; further ones are left out.
    pub sections: usize,
    /// Longest time for a PDF, DOCX, EPUB or HTML file; the others take time in proportion to their size. Generous: a
    /// busy machine is no reason to lose a document.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 256 << 20,
            unpacked: 100_000_000,
            member: 25_000_000,
            members: 4096,
            ratio: 100,
            pages: 5000,
            depth: 512,
            sections: 5000,
            time: Duration::from_secs(120),
        }
    }
}

/// Extracts the text of the file `name` whose content is `bytes`.
///
/// `name` may be a path; its last component is the title where the document has none of its own.
///
/// # Errors
/// See [`Error`]; none of them is a reason to stop reading other files.
pub fn extract(name: &str, bytes: &[u8], limits: &Limits) -> Result<Extracted, Error> {
    if bytes.len() as u64 > limits.file {
        return Err(Error::TooBig {
            what: "the file",
            limit: limits.file,
        });
    }
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    let kind = recognise(name, bytes)?;
    let mut found = match kind {
        Kind::Pdf => guard::run(bytes, limits, pdf::extract)?,
        Kind::Docx => guard::run(bytes, limits, docx::extract)?,
        Kind::Epub => guard::run(bytes, limits, epub::extract)?,
        Kind::Html => guard::run(bytes, limits, html::extract)?,
        _ => {
            let decoded = decode::text(bytes)?;
            let mut found = match kind {
                Kind::Csv => csv::extract(name, &decoded.text, limits)?,
                Kind::Json => json::extract(name, &decoded.text, limits)?,
                Kind::Markdown => markdown::extract(decoded.text, limits),
                Kind::Code => code::extract(decoded.text, limits),
                _ => Parts {
                    text: decoded.text,
                    ..Parts::default()
                },
            };
            found.notes.extend(decoded.note);
            found
        }
    };
    if found.text.trim().is_empty() {
        return Err(Error::Empty);
    }
    found.sections.truncate(limits.sections);
    let own = builder::collapse(&found.title.unwrap_or_default());
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    Ok(Extracted {
        title: if own.is_empty() { base.to_owned() } else { own },
        text: found.text,
        kind,
        sections: found.sections,
        notes: found.notes,
    })
}

/// What a format's module finds; the rest is the same for all.
#[derive(Default)]
struct Parts {
    title: Option<String>,
    text: String,
    sections: Vec<Section>,
    notes: Vec<String>,
}
