//! CSV: one line per row, each value after the name of its column.

use super::{Error, Limits, Parts, Section};

/// Rows are told apart by number; at most this many get a section.
const ROWS: usize = 1000;

/// Renders the rows: `Name: Ada | City: London`.
pub fn extract(name: &str, text: &str, limits: &Limits) -> Result<Parts, Error> {
    let tsv = name.to_lowercase().ends_with(".tsv");
    let (text, delimiter) = match text.strip_prefix("sep=") {
        Some(rest) if rest.len() > 1 && rest.is_char_boundary(1) => (
            rest.split_once('\n').map_or("", |(_, t)| t),
            rest.as_bytes()[0],
        ),
        _ => (text, if tsv { b'\t' } else { delimiter(text) }),
    };
    let rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes())
        .into_records()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::Broken(e.to_string()))?;
    let header = rows
        .first()
        .filter(|first| rows.len() > 1 && is_header(first));
    let body = &rows[usize::from(header.is_some())..];
    let step = step(body.len(), ROWS.min(limits.sections));
    let mut parts = Parts::default();
    if let Some(header) = header {
        parts.text = header.iter().map(str::trim).collect::<Vec<_>>().join(" | ");
    }
    for (i, row) in body.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(column, value)| {
                let value = super::builder::collapse(value);
                match header.and_then(|h| h.get(column)).map(str::trim) {
                    Some(name) if !name.is_empty() => format!("{name}: {value}"),
                    _ => value,
                }
            })
            .collect();
        if cells.is_empty() {
            continue;
        }
        if !parts.text.is_empty() {
            parts.text.push('\n');
        }
        if i % step == 0 {
            parts.sections.push(Section {
                start: parts.text.len(),
                label: range("row", i, step, body.len()),
            });
        }
        parts.text.push_str(&cells.join(" | "));
    }
    Ok(parts)
}

/// How many items share a section, so that there are at most `most` sections: a power of ten.
pub fn step(items: usize, most: usize) -> usize {
    let mut step = 1;
    while items > step * most.max(1) {
        step *= 10;
    }
    step
}

/// `row 7`, or `rows 101–200` where several share a section.
pub fn range(word: &str, first: usize, step: usize, items: usize) -> String {
    let last = (first + step).min(items);
    if last == first + 1 {
        format!("{word} {last}")
    } else {
        format!("{word}s {}–{last}", first + 1)
    }
}

/// The separator that the first line has most of, outside quotes.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("");
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for b in line.bytes() {
        quoted ^= b == b'"';
        if !quoted && let Some((_, n)) = counts.iter_mut().find(|(d, _)| *d == b) {
            *n += 1;
        }
    }
    counts
        .iter()
        .rev()
        .max_by_key(|(_, n)| *n)
        .map_or(b',', |(d, _)| *d)
}

/// Column names: all there, all different, none a number.
fn is_header(row: &csv::StringRecord) -> bool {
    let names: std::collections::HashSet<_> = row.iter().map(str::trim).collect();
    names.len() == row.len()
        && names
            .iter()
            .all(|n| !n.is_empty() && !n.starts_with(|c: char| c.is_ascii_digit()))
}
