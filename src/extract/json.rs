//! JSON and JSON Lines as an outline: keys and values line by line, without brackets, quotes and escapes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::builder::collapse;
use super::csv::{range, step};
use super::{Error, Limits, Parts, Section};

/// Items of a top-level array are told apart by number; at most this many get a section.
const ITEMS: usize = 1000;
/// Deepest nesting; the parser's own limit.
const DEPTH: u64 = 128;

/// Renders a document; top-level keys or items are its sections.
pub fn extract(name: &str, text: &str, limits: &Limits) -> Result<Parts, Error> {
    let lower = name.to_lowercase();
    let most = ITEMS.min(limits.sections);
    let mut outline = Outline::default();
    if lower.ends_with(".jsonl") || lower.ends_with(".ndjson") {
        let lines: Vec<_> = text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
            .collect();
        for (number, line) in lines {
            outline.begin_item();
            parse(line, &mut outline, false)
                .map_err(|e| error(&e, &format!("line {}: ", number + 1)))?;
        }
    } else {
        parse(text, &mut outline, true).map_err(|e| error(&e, ""))?;
    }
    let mut parts = Parts::default();
    if outline.items.is_empty() {
        parts.sections = outline.keys;
    } else {
        let step = step(outline.items.len(), most);
        let items = outline.items.len();
        parts.sections = (0..items)
            .step_by(step)
            .map(|i| Section {
                start: outline.items[i],
                label: range("item", i, step, items),
            })
            .collect();
    }
    parts.text = outline.out;
    parts.text.truncate(parts.text.trim_end().len());
    parts.sections.retain(|s| s.start < parts.text.len());
    Ok(parts)
}

fn error(error: &serde_json::Error, place: &str) -> Error {
    let why = error.to_string();
    // The parser has no other way to tell.
    if why.starts_with("recursion limit") {
        return Error::TooBig {
            what: "the nesting of values",
            limit: DEPTH,
        };
    }
    Error::Broken(format!("{place}{why}"))
}

fn parse(text: &str, outline: &mut Outline, top: bool) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Value {
        outline,
        indent: 0,
        top,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()
}

#[derive(Default)]
struct Outline {
    out: String,
    /// Starts of the items of a top-level array.
    items: Vec<usize>,
    keys: Vec<Section>,
}

impl Outline {
    /// A new line, unless a dash or an item has just begun one.
    fn line(&mut self, indent: usize) {
        let fresh = self.out.is_empty() || self.items.last() == Some(&self.out.len());
        if fresh || self.out.ends_with("- ") {
            return;
        }
        self.out.truncate(self.out.trim_end().len());
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", indent));
    }

    fn begin_item(&mut self) {
        if !self.out.is_empty() {
            self.out.truncate(self.out.trim_end().len());
            self.out.push_str("\n\n");
        }
        self.items.push(self.out.len());
    }
}

/// Writes one value, which stands at the end of the current line.
struct Value<'a> {
    outline: &'a mut Outline,
    /// Steps that the lines of an array or object are indented.
    indent: usize,
    /// The whole document: its keys or items are sections.
    top: bool,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, v: &str) -> Result<(), E> {
        self.outline.out.push_str(v.trim());
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<(), E> {
        self.visit_str(if v { "true" } else { "false" })
    }

    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<(), E> {
        self.visit_str(&v.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<(), E> {
        self.visit_str(&v.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<(), E> {
        self.visit_str(&v.to_string())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.outline.line(self.indent);
            if self.top {
                self.outline.keys.push(Section {
                    start: self.outline.out.len(),
                    label: collapse(&key).chars().take(80).collect(),
                });
            }
            self.outline.out.push_str(key.trim());
            self.outline.out.push_str(": ");
            let indent = self.indent + 1;
            map.next_value_seed(self.below(indent))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let before = self.outline.out.len();
            let indent = if self.top {
                self.outline.begin_item();
                0
            } else {
                self.outline.line(self.indent);
                self.outline.out.push_str("- ");
                self.indent + 1
            };
            if seq.next_element_seed(self.below(indent))?.is_none() {
                self.outline.out.truncate(before);
                if self.top {
                    self.outline.items.pop();
                }
                return Ok(());
            }
        }
    }
}

impl Value<'_> {
    fn below(&mut self, indent: usize) -> Value<'_> {
        Value {
            outline: self.outline,
            indent,
            top: false,
        }
    }
}
