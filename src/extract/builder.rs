//! Text under construction: white space collapsed, blocks apart, headings remembered as sections.

use super::{Parts, Section};

/// Longest label of one heading, in characters.
const LABEL: usize = 80;

/// What stands between two pieces of text; the stronger wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Paragraph,
}

/// Builds a text piece by piece. Gaps are written only when text follows, so none is left at either end.
pub struct Builder {
    out: String,
    gap: Gap,
    /// White space at the end of verbatim text.
    held: String,
    /// A cell boundary is due, unless the row ends first.
    cell: bool,
    prefix: &'static str,
    sections: Vec<Section>,
    path: Vec<(u8, String)>,
    heading: Option<(u8, Option<usize>)>,
    /// Title of the chapter, sections before it, where its text starts.
    chapter: Option<(String, usize, Option<usize>)>,
    most: usize,
}

impl Builder {
    /// An empty text with room for `most` sections.
    pub fn new(most: usize) -> Self {
        Self {
            out: String::new(),
            gap: Gap::None,
            held: String::new(),
            cell: false,
            prefix: "",
            sections: Vec::new(),
            path: Vec::new(),
            heading: None,
            chapter: None,
            most,
        }
    }

    /// Adds running text.
    pub fn text(&mut self, text: &str) {
        self.settle();
        for c in text.chars() {
            if is_space(c) {
                self.gap = self.gap.max(Gap::Space);
            } else if !is_dropped(c) {
                self.flush();
                self.out.push(c);
            }
        }
    }

    /// Adds text whose white space matters.
    pub fn verbatim(&mut self, text: &str) {
        let text: String = text
            .chars()
            .filter(|&c| !is_dropped(c) && c != '\r')
            .collect();
        let body = text.trim_start();
        let mut lead = std::mem::take(&mut self.held);
        lead.push_str(&text[..text.len() - body.len()]);
        let body = body.trim_end();
        if body.is_empty() {
            self.held = lead;
            return;
        }
        let inside = self.gap < Gap::Line && !self.cell && !self.out.is_empty();
        self.flush();
        // At the start of a block only the indent of its first line is kept.
        let kept = if inside {
            0
        } else {
            lead.rfind('\n').map_or(0, |at| at + 1)
        };
        self.out.push_str(&lead[kept..]);
        self.out.push_str(body);
        // Whether this is written depends on what follows.
        self.held = text[text.trim_end().len()..].to_owned();
    }

    /// White space held back becomes an ordinary gap: what follows is not verbatim.
    fn settle(&mut self) {
        if !self.held.is_empty() {
            let gap = if self.held.contains('\n') {
                Gap::Line
            } else {
                Gap::Space
            };
            self.gap = self.gap.max(gap);
            self.held.clear();
        }
    }

    /// A space, if text follows in the same line.
    pub fn space(&mut self) {
        self.settle();
        self.gap = self.gap.max(Gap::Space);
    }

    /// A new line, if text follows.
    pub fn line(&mut self) {
        self.settle();
        self.gap = self.gap.max(Gap::Line);
    }

    /// A blank line, if text follows.
    pub fn paragraph(&mut self) {
        self.settle();
        self.gap = Gap::Paragraph;
    }

    /// The next cell of a row.
    pub fn cell(&mut self) {
        self.settle();
        self.cell = true;
    }

    /// A new line, whatever cells are open.
    pub fn row(&mut self) {
        self.cell = false;
        self.line();
    }

    /// Something to write before the next text of this block, such as a bullet.
    pub fn prefix(&mut self, prefix: &'static str) {
        self.prefix = prefix;
    }

    /// What follows is a heading, until [`Self::end_heading`].
    pub fn begin_heading(&mut self, level: u8) {
        self.paragraph();
        self.heading = Some((level, None));
    }

    /// The heading ends; it names a section if it has any text.
    pub fn end_heading(&mut self) {
        if let Some((level, Some(start))) = self.heading.take() {
            let label = self.out[start..].to_owned();
            self.name(level, start, &label);
        }
        self.paragraph();
    }

    /// Names a section that starts at the next text.
    pub fn section(&mut self, level: u8, label: &str) {
        let start = self.next();
        self.name(level, start, label);
    }

    /// Where text that is added next would start.
    pub fn next(&mut self) -> usize {
        self.flush();
        self.out.len()
    }

    /// Names a section that starts at the next text by the whole of its label.
    pub fn place(&mut self, label: String) {
        let start = self.next();
        if self.sections.len() < self.most {
            self.sections.push(Section { start, label });
        }
    }

    /// A chapter starts: `title` names it if it turns out to have no heading of its own.
    pub fn chapter(mut self, title: Option<&String>) -> Self {
        self.part();
        self.chapter = title.map(|t| (t.clone(), self.sections.len(), None));
        self
    }

    /// The chapter ends.
    pub fn end_chapter(mut self) -> Self {
        if let Some((title, before, Some(start))) = self.chapter.take()
            && self.sections.len() == before
        {
            self.name(1, start, &title);
        }
        self
    }

    /// Drops the gap and whatever hangs in the air: a new part of the document begins.
    pub fn part(&mut self) {
        self.cell = false;
        self.prefix = "";
        self.heading = None;
        self.paragraph();
    }

    /// The finished text.
    pub fn finish(mut self) -> Parts {
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        self.sections.retain(|s| s.start < end);
        Parts {
            text: self.out,
            sections: self.sections,
            ..Parts::default()
        }
    }

    fn flush(&mut self) {
        if self.cell {
            if !self.out.is_empty() {
                self.out.push_str(" | ");
            }
        } else if !self.out.is_empty() {
            self.out.push_str(match self.gap {
                Gap::None => "",
                // A section that was named before its text has broken the line already.
                Gap::Space if self.out.ends_with('\n') => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Paragraph => "\n\n",
            });
        }
        self.cell = false;
        self.gap = Gap::None;
        if let Some((_, start @ None)) = &mut self.heading {
            *start = Some(self.out.len());
        }
        if let Some((_, _, start @ None)) = &mut self.chapter {
            *start = Some(self.out.len());
        }
        self.out.push_str(std::mem::take(&mut self.prefix));
    }

    fn name(&mut self, level: u8, start: usize, label: &str) {
        let short = shorten(label);
        if short.is_empty() || self.sections.len() >= self.most {
            return;
        }
        self.path.retain(|(above, _)| *above < level);
        self.path.push((level, short));
        let path: Vec<_> = self.path.iter().map(|(_, label)| label.as_str()).collect();
        self.sections.push(Section {
            start,
            label: path.join(" › "),
        });
    }
}

/// One line of text, its white space collapsed.
pub fn collapse(text: &str) -> String {
    let clean: String = text.chars().filter(|&c| !is_dropped(c)).collect();
    clean
        .split(is_space)
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A label of at most 80 characters.
pub fn shorten(label: &str) -> String {
    let label = collapse(label);
    match label.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", label[..end].trim_end()),
        None => label,
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}' | '\u{a0}')
}

/// Characters that only steer line breaks, or nothing.
fn is_dropped(c: char) -> bool {
    matches!(c, '\0' | '\u{ad}' | '\u{200b}' | '\u{feff}')
}
