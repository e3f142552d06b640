//! DOCX (WordprocessingML, ECMA-376): paragraphs, headings by style, tables, then notes and comments.

use std::collections::HashMap;

use super::archive::Archive;
use super::builder::Builder;
use super::xml::{Node, attribute, walk};
use super::{Error, Limits, Parts};

/// The text of a document as its author sees it: insertions accepted, deletions left out.
pub fn extract(bytes: &[u8], limits: &Limits) -> Result<Parts, Error> {
    let mut archive = Archive::open(bytes, limits)?;
    let mut notes = Vec::new();
    let body = archive.require("word/document.xml")?;
    let styles = part(&mut archive, "word/styles.xml", &mut notes, |xml| {
        heading_styles(xml, limits)
    })?;
    let styles = styles.unwrap_or_default();
    let mut story = Story::new(Builder::new(limits.sections), &styles);
    story.read(&body, "word/document.xml", limits)?;
    for (file, label) in [
        ("word/footnotes.xml", "Footnotes"),
        ("word/endnotes.xml", "Endnotes"),
        ("word/comments.xml", "Comments"),
    ] {
        story.start_part(label);
        part(&mut archive, file, &mut notes, |xml| {
            story.read(xml, file, limits)
        })?;
    }
    let mut parts = story.builder.finish();
    parts.title = part(&mut archive, "docProps/core.xml", &mut notes, |xml| {
        title(xml, limits)
    })?;
    parts.notes = notes;
    Ok(parts)
}

/// Reads what belongs to the body, which alone must be whole: damage is noted.
fn part<T>(
    archive: &mut Archive<'_>,
    file: &str,
    notes: &mut Vec<String>,
    read: impl FnOnce(&[u8]) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let found = archive
        .read(file)
        .and_then(|xml| xml.map(|xml| read(&xml)).transpose());
    match found {
        Err(Error::Broken(_)) => {
            notes.push(format!("{file} could not be read"));
            Ok(None)
        }
        found => found,
    }
}

/// Outline levels of the styles that have one, 1 for the highest: their own, their name's, or that of their base.
fn heading_styles(xml: &[u8], limits: &Limits) -> Result<HashMap<String, u8>, Error> {
    let mut levels = HashMap::new();
    let mut bases = HashMap::new();
    let mut style = String::new();
    walk(xml, "word/styles.xml", limits, |node| {
        let Node::Open(name, start) = node else {
            return;
        };
        let value = || attribute(start, "val").unwrap_or_default();
        match name {
            "style" => style = attribute(start, "styleId").unwrap_or_default(),
            "basedOn" => {
                bases.insert(style.clone(), value());
            }
            "name" => {
                if let Some(level) = level_of_name(&value()) {
                    levels.insert(style.clone(), level);
                }
            }
            "outlineLvl" => {
                if let Some(level) = value().parse::<u8>().ok().filter(|l| *l < 9) {
                    levels.insert(style.clone(), level + 1);
                }
            }
            _ => {}
        }
    })?;
    let inherited: Vec<_> = bases
        .keys()
        .filter_map(|style| {
            // Longer chains are loops.
            let mut chain = std::iter::successors(Some(style), |style| bases.get(*style)).take(16);
            let level = chain.find_map(|style| levels.get(style).copied())?;
            Some((style.clone(), level))
        })
        .collect();
    levels.extend(inherited);
    Ok(levels)
}

/// Word's own names, and those that publishers give: `ChapterTitle`, then `HeadA` to `HeadD`.
fn level_of_name(name: &str) -> Option<u8> {
    let plain = name.to_lowercase().replace([' ', '_', '-'], "");
    if plain == "title" || plain == "chaptertitle" {
        return Some(1);
    }
    let rest = plain
        .strip_prefix("heading")
        .or_else(|| plain.strip_prefix('h'));
    match (plain.as_bytes(), rest.map(str::as_bytes)) {
        (_, Some([level @ b'1'..=b'9'])) => Some(level - b'0'),
        ([b'h', b'e', b'a', b'd', letter @ b'a'..=b'd'], _) => Some(2 + letter - b'a'),
        _ => None,
    }
}

fn title(xml: &[u8], limits: &Limits) -> Result<String, Error> {
    let (mut inside, mut title) = (false, String::new());
    walk(xml, "docProps/core.xml", limits, |node| match node {
        Node::Open(name, _) => inside = name == "title",
        Node::Text(text) if inside => title.push_str(text),
        Node::Text(_) => {}
        Node::Close(_) => inside = false,
    })?;
    Ok(title)
}

struct Story<'a> {
    builder: Builder,
    styles: &'a HashMap<String, u8>,
    in_text: bool,
    /// Tables that are open; paragraphs in them are cells, not blocks.
    tables: usize,
    cells: Vec<usize>,
    heading: bool,
    /// Open elements whose content is not shown: deletions, and fallbacks for old programs.
    hidden: usize,
    /// The title of a part that has had no text yet.
    due: Option<&'static str>,
    separator: bool,
}

impl<'a> Story<'a> {
    fn new(builder: Builder, styles: &'a HashMap<String, u8>) -> Self {
        Self {
            builder,
            styles,
            in_text: false,
            tables: 0,
            cells: Vec::new(),
            heading: false,
            hidden: 0,
            due: None,
            separator: false,
        }
    }

    fn start_part(&mut self, label: &'static str) {
        self.builder.part();
        self.due = Some(label);
    }

    fn read(&mut self, xml: &[u8], what: &str, limits: &Limits) -> Result<(), Error> {
        walk(xml, what, limits, |node| match node {
            Node::Open(name, start) => self.open(name, |wanted| attribute(start, wanted)),
            Node::Text(text) if self.in_text && self.hidden == 0 => {
                if let Some(label) = self.due.take() {
                    self.builder.section(1, label);
                }
                self.builder.text(text);
            }
            Node::Text(_) => {}
            Node::Close(name) => self.close(name),
        })
    }

    fn open(&mut self, name: &str, attribute: impl Fn(&str) -> Option<String>) {
        match name {
            "del" | "moveFrom" | "Fallback" => self.hidden += 1,
            "t" => self.in_text = true,
            "tab" | "ptab" => self.builder.space(),
            "br" | "cr" => self.builder.line(),
            "noBreakHyphen" if self.hidden == 0 => self.builder.text("-"),
            "pStyle" if self.tables == 0 => {
                let style = attribute("val").unwrap_or_default();
                if let Some(level) = self.styles.get(&style) {
                    self.begin_heading(*level);
                }
            }
            "outlineLvl" if self.tables == 0 => {
                if let Some(level) = attribute("val")
                    .and_then(|v| v.parse::<u8>().ok())
                    .filter(|l| *l < 9)
                {
                    self.begin_heading(level + 1);
                }
            }
            "tbl" => {
                self.tables += 1;
                self.builder.paragraph();
            }
            "tr" => {
                self.builder.row();
                self.cells.push(0);
            }
            "tc" => {
                if let Some(cells) = self.cells.last_mut() {
                    if *cells > 0 {
                        self.builder.cell();
                    }
                    *cells += 1;
                }
            }
            "footnote" | "endnote" => {
                self.separator = attribute("type").is_some_and(|t| t != "normal");
                self.hidden += usize::from(self.separator);
            }
            _ => {}
        }
    }

    fn begin_heading(&mut self, level: u8) {
        if self.hidden == 0 && !self.heading {
            self.builder.begin_heading(level);
            self.heading = true;
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "del" | "moveFrom" | "Fallback" => self.hidden = self.hidden.saturating_sub(1),
            "t" => self.in_text = false,
            "p" => {
                if std::mem::take(&mut self.heading) {
                    self.builder.end_heading();
                } else if self.tables > 0 {
                    self.builder.space();
                } else {
                    self.builder.paragraph();
                }
            }
            "tr" => {
                self.cells.pop();
                self.builder.row();
            }
            "tbl" => {
                self.tables = self.tables.saturating_sub(1);
                self.builder.paragraph();
            }
            "footnote" | "endnote" if std::mem::take(&mut self.separator) => {
                self.hidden = self.hidden.saturating_sub(1);
            }
            _ => {}
        }
    }
}
