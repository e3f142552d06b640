//! A new cross-reference table for a PDF whose own is damaged or cut off: objects are found by reading the file.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The file with a table of the objects in it, if a catalog is among them. Encrypted files are left alone.
pub fn rebuild(bytes: &[u8]) -> Option<Vec<u8>> {
    if find_last(bytes, b"/Encrypt").is_some() {
        return None;
    }
    let objects = objects(bytes);
    let root = named_root(bytes).or_else(|| catalog(bytes, &objects))?;
    let last = *objects.keys().last()?;
    // Numbers far beyond the objects are a way to ask for much memory.
    if last > 10 * objects.len() + 1000 {
        return None;
    }
    let mut table = format!("\nxref\n0 {}\n0000000000 65535 f \n", last + 1);
    for number in 1..=last {
        match objects.get(&number) {
            Some(offset) => writeln!(table, "{offset:010} 00000 n ").ok()?,
            None => table.push_str("0000000000 65535 f \n"),
        }
    }
    let start = bytes.len() + 1;
    write!(
        table,
        "trailer\n<< /Size {} /Root {root} 0 R >>\nstartxref\n{start}\n%%EOF\n",
        last + 1
    )
    .ok()?;
    Some([bytes, table.as_bytes()].concat())
}

/// Places of the objects by number; of several versions the last is valid.
fn objects(bytes: &[u8]) -> BTreeMap<usize, usize> {
    let mut objects = BTreeMap::new();
    for (at, _) in bytes.windows(4).enumerate().filter(|(_, w)| *w == b" obj") {
        // Before it stand the generation and the number.
        let Some((generation, _)) = number_before(bytes, at) else {
            continue;
        };
        let Some(gap) = generation
            .checked_sub(1)
            .filter(|gap| bytes[*gap].is_ascii_whitespace())
        else {
            continue;
        };
        if let Some((start, number)) = number_before(bytes, gap) {
            objects.insert(number, start);
        }
    }
    objects
}

/// A number that ends at `end`, and where it starts.
fn number_before(bytes: &[u8], end: usize) -> Option<(usize, usize)> {
    let digits = bytes[..end]
        .iter()
        .rev()
        .take(10)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let start = end - digits;
    let number = std::str::from_utf8(&bytes[start..end]).ok()?.parse().ok()?;
    Some((start, number))
}

/// The catalog that the last trailer or cross-reference stream names.
fn named_root(bytes: &[u8]) -> Option<usize> {
    let after = &bytes[find_last(bytes, b"/Root")? + 5..];
    let text = String::from_utf8_lossy(&after[..after.len().min(32)]).into_owned();
    text.split_whitespace().next()?.parse().ok()
}

fn catalog(bytes: &[u8], objects: &BTreeMap<usize, usize>) -> Option<usize> {
    let is_catalog = |start: usize| {
        let near = &bytes[start..bytes.len().min(start + 512)];
        let own = &near[..find(near, b"endobj").unwrap_or(near.len())];
        find(own, b"/Type /Catalog")
            .or_else(|| find(own, b"/Type/Catalog"))
            .is_some()
    };
    objects
        .iter()
        .rev()
        .find(|(_, start)| is_catalog(**start))
        .map(|(number, _)| *number)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|w| w == wanted)
}

fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|w| w == wanted)
}
