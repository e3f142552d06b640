//! Elements to text: what (X)HTML elements mean for a text, for pages and for the chapters of an EPUB alike.
//!
//! Works on a stream of tags, without a tree: linear in the input however deep it nests, and scripts are never more
//! than a span that is passed over.

use super::builder::Builder;

/// Elements whose content is not for readers, or says again what the text around it says.
const SKIPPED: &[&str] = &[
    "annotation",
    "annotation-xml",
    "audio",
    "canvas",
    "datalist",
    "iframe",
    "nav",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "rp",
    "rt",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "video",
];
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];
const PARAGRAPHS: &[&str] = &[
    "article",
    "blockquote",
    "dl",
    "figure",
    "nav",
    "ol",
    "p",
    "section",
    "table",
    "ul",
];
const LINES: &[&str] = &[
    "address",
    "aside",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dt",
    "fieldset",
    "figcaption",
    "footer",
    "form",
    "header",
    "hgroup",
    "legend",
    "main",
    "option",
    "summary",
];
/// Elements with an end tag, which `hidden` therefore bounds.
const HIDEABLE: &[&str] = &[
    "article", "aside", "div", "figure", "ol", "section", "span", "table", "ul",
];

/// Turns tags and text into a [`Builder`]'s text.
pub struct Markup {
    /// What has been built.
    pub builder: Builder,
    /// The `<title>`.
    pub title: String,
    in_title: bool,
    /// The element that is passed over, and how many of its name are open in it.
    skipping: Option<(String, usize)>,
    pre: usize,
    cells: usize,
    in_cell: bool,
}

impl Markup {
    /// Writes on into a text.
    pub fn new(builder: Builder) -> Self {
        Self {
            builder,
            title: String::new(),
            in_title: false,
            skipping: None,
            pre: 0,
            cells: 0,
            in_cell: false,
        }
    }

    /// An element starts. `attribute` looks one up by its name.
    pub fn open(&mut self, name: &str, attribute: impl Fn(&str) -> Option<String>) {
        if let Some((skipped, depth)) = &mut self.skipping {
            if skipped == name {
                *depth += 1;
            }
            return;
        }
        let hidden = HIDEABLE.contains(&name) && attribute("hidden").is_some();
        if SKIPPED.contains(&name) || hidden || attribute("role").as_deref() == Some("navigation") {
            if !VOID.contains(&name) {
                self.skipping = Some((name.to_owned(), 1));
            }
            self.block(name);
            return;
        }
        match name {
            "title" => self.in_title = true,
            "img" => {
                if let Some(alt) = attribute("alt") {
                    self.builder.space();
                    self.builder.text(&alt);
                    self.builder.space();
                }
            }
            "br" if self.in_cell => self.builder.space(),
            "br" => self.builder.line(),
            "hr" => self.builder.paragraph(),
            "pre" => {
                self.builder.paragraph();
                self.pre += 1;
            }
            "table" => {
                self.in_cell = false;
                self.builder.row();
                self.builder.paragraph();
            }
            "tr" => {
                self.builder.row();
                self.in_cell = false;
                self.cells = 0;
            }
            "td" | "th" => {
                if self.cells > 0 {
                    self.builder.cell();
                }
                self.cells += 1;
                self.in_cell = true;
            }
            "li" => {
                self.builder.line();
                self.builder.prefix("- ");
            }
            _ => match heading(name) {
                Some(level) => self.builder.begin_heading(level),
                None => self.block(name),
            },
        }
    }

    /// Text between tags.
    pub fn text(&mut self, text: &str) {
        if self.skipping.is_some() {
        } else if self.in_title {
            self.title.push_str(text);
        } else if self.pre > 0 {
            self.builder.verbatim(text);
        } else {
            self.builder.text(text);
        }
    }

    /// An element ends.
    pub fn close(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipping {
            if skipped == name {
                *depth -= 1;
            }
            // The end tags of <rt> and <rp> may be left out.
            if *depth == 0 || (name == "ruby" && skipped.starts_with('r')) {
                self.skipping = None;
            }
            return;
        }
        match name {
            "title" => self.in_title = false,
            "pre" => {
                self.pre = self.pre.saturating_sub(1);
                self.builder.paragraph();
            }
            "td" | "th" => self.in_cell = false,
            "tr" => self.builder.row(),
            "table" => {
                self.in_cell = false;
                self.builder.row();
                self.builder.paragraph();
            }
            "li" => {
                self.builder.prefix("");
                self.builder.line();
            }
            _ => match heading(name) {
                Some(_) => self.builder.end_heading(),
                None => self.block(name),
            },
        }
    }

    fn block(&mut self, name: &str) {
        match name {
            // A row is a line, whatever blocks its cells are made of.
            _ if self.in_cell && (PARAGRAPHS.contains(&name) || LINES.contains(&name)) => {
                self.builder.space()
            }
            _ if PARAGRAPHS.contains(&name) => self.builder.paragraph(),
            _ if LINES.contains(&name) => self.builder.line(),
            _ => {}
        }
    }
}

fn heading(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}
