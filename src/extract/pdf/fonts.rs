//! Fonts put into the shape that the parser can read.
//!
//! It panics on fonts that leave out what the standard (ISO 32000-1, 9.6 to 9.10) lets them leave out, and misreads
//! two forms of what they may contain. Other programs' files have all of these.

use std::collections::HashSet;

use pdf_extract::content::Operation;
use pdf_extract::{Dictionary, Document, Object, ObjectId, StringFormat};

use super::flatten::{Flat, follow};

/// Encodings that the parser knows by name.
const NAMED: [&[u8]; 3] = [
    b"MacRomanEncoding",
    b"WinAnsiEncoding",
    b"MacExpertEncoding",
];

/// Mends every font of a document.
pub fn mend(document: &mut Document) {
    let fonts: Vec<_> = document
        .objects
        .iter()
        .filter_map(|(id, object)| Some((*id, object.as_dict().ok()?)))
        .filter(|(_, font)| is_font(font))
        .filter_map(|(id, font)| Some((id, mended(document, font)?)))
        .collect();
    for (id, font) in fonts {
        document.objects.insert(id, Object::Dictionary(font));
    }
}

/// The fonts that the parser still cannot read; `reads` tries a page.
pub fn unusable(
    document: &mut Document,
    reads: impl Fn(&mut Document, Flat) -> bool,
) -> HashSet<ObjectId> {
    let fonts: Vec<_> = document
        .objects
        .iter()
        .filter(|(_, o)| o.as_dict().is_ok_and(is_font))
        .map(|(id, _)| *id)
        .collect();
    let all: Vec<u8> = (0..=255).collect();
    fonts
        .into_iter()
        .filter(|id| {
            let mut flat = Flat {
                operations: vec![
                    Operation::new("Tf", vec![Object::Name(b"F".to_vec()), Object::Integer(1)]),
                    Operation::new(
                        "Tj",
                        vec![Object::String(all.clone(), StringFormat::Hexadecimal)],
                    ),
                ],
                fonts: Dictionary::new(),
            };
            flat.fonts.set("F", Object::Reference(*id));
            !reads(document, flat)
        })
        .collect()
}

fn is_font(dictionary: &Dictionary) -> bool {
    matches!(
        subtype(dictionary),
        b"Type0" | b"Type1" | b"MMType1" | b"TrueType" | b"Type3"
    ) && dictionary
        .get(b"Type")
        .and_then(Object::as_name)
        .is_ok_and(|t| t == b"Font")
}

fn subtype(dictionary: &Dictionary) -> &[u8] {
    dictionary
        .get(b"Subtype")
        .and_then(Object::as_name)
        .unwrap_or_default()
}

fn mended(document: &Document, font: &Dictionary) -> Option<Dictionary> {
    let mut font = font.clone();
    // A predefined map other than the identity, which it says nothing about.
    if matches!(entry(document, &font, b"ToUnicode"), Some(Object::Name(_))) {
        font.remove(b"ToUnicode");
    }
    match subtype(&font) {
        b"Type0" => composite(document, &mut font)?,
        b"Type3" => drawn(document, &mut font),
        _ => simple(document, &mut font),
    }
    Some(font)
}

fn entry<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    dictionary.get(key).ok().map(|o| follow(document, o))
}

fn number(object: &Object) -> Option<f64> {
    match object {
        Object::Integer(i) => Some(*i as f64),
        Object::Real(r) => Some(f64::from(*r)),
        _ => None,
    }
}

/// An `Encoding` without names that the parser does not know.
fn encoding(document: &Document, font: &mut Dictionary) {
    let known = |name: &Object| name.as_name().is_ok_and(|n| NAMED.contains(&n));
    match entry(document, font, b"Encoding").cloned() {
        Some(name @ Object::Name(_)) if known(&name) => {}
        Some(Object::Dictionary(mut encoding)) => {
            if encoding
                .get(b"BaseEncoding")
                .is_ok_and(|base| !known(follow(document, base)))
            {
                encoding.remove(b"BaseEncoding");
            }
            let differences =
                entry(document, &encoding, b"Differences").and_then(|d| d.as_array().ok());
            let clean: Vec<_> = differences
                .into_iter()
                .flatten()
                .map(|o| follow(document, o))
                .scan(0, |code, o| {
                    match o {
                        Object::Integer(i) => *code = *i,
                        _ => *code += 1,
                    }
                    Some((*code, o))
                })
                .filter(|(code, o)| {
                    (0..=256).contains(code) && matches!(o, Object::Integer(_) | Object::Name(_))
                })
                .map(|(_, o)| o.clone())
                .collect();
            encoding.set("Differences", clean);
            font.set("Encoding", Object::Dictionary(encoding));
        }
        Some(_) => {
            font.remove(b"Encoding");
        }
        None => {}
    }
}

fn plain_encoding() -> Object {
    let mut encoding = Dictionary::new();
    encoding.set("Differences", Vec::<Object>::new());
    Object::Dictionary(encoding)
}

/// `Widths` for the codes from `FirstChar` on, as many as there are.
fn widths(document: &Document, font: &Dictionary) -> Option<(i64, Vec<f64>)> {
    let first = entry(document, font, b"FirstChar")?.as_i64().ok()?;
    let widths = entry(document, font, b"Widths")?.as_array().ok()?;
    let widths: Vec<_> = widths
        .iter()
        .map(|w| number(follow(document, w)).unwrap_or(0.0))
        .collect();
    (!widths.is_empty() && (0..=255).contains(&first)).then_some((first, widths))
}

fn set_widths(font: &mut Dictionary, first: i64, widths: &[f64]) {
    font.set("FirstChar", first);
    font.set("LastChar", first + widths.len() as i64 - 1);
    let widths: Vec<_> = widths.iter().map(|w| Object::Real(*w as f32)).collect();
    font.set("Widths", widths);
}

fn simple(document: &Document, font: &mut Dictionary) {
    encoding(document, font);
    match widths(document, font) {
        Some((first, widths)) => set_widths(font, first, &widths),
        None => {
            font.remove(b"Widths");
        }
    }
    if font.get(b"BaseFont").is_err() {
        font.set("BaseFont", Object::Name(b"Helvetica".to_vec()));
    }
    let Some(Object::Dictionary(descriptor)) = entry(document, font, b"FontDescriptor") else {
        return;
    };
    let mut descriptor = descriptor.clone();
    if font.has(b"Encoding") {
        // The document's own encoding comes before that of the font file, which the parser prefers.
        descriptor.remove(b"FontFile3");
        descriptor.remove(b"FontFile");
    } else if descriptor.has(b"FontFile3") || font.has(b"ToUnicode") {
        font.set("Encoding", plain_encoding());
    }
    font.set("FontDescriptor", Object::Dictionary(descriptor));
}

/// Type 3: every letter is a drawing, and has a width in units of its own.
fn drawn(document: &Document, font: &mut Dictionary) {
    encoding(document, font);
    if !font.has(b"Encoding") {
        font.set("Encoding", plain_encoding());
    }
    let matrix = entry(document, font, b"FontMatrix").and_then(|m| m.as_array().ok());
    let scale = matrix
        .and_then(|m| number(m.first()?))
        .map_or(1.0, |unit| unit.abs() * 1000.0);
    let (first, known) = widths(document, font).unwrap_or((0, vec![0.0]));
    let mut all = vec![0.0; 256];
    for (place, width) in all[first as usize..].iter_mut().zip(known) {
        *place = width * scale;
    }
    set_widths(font, 0, &all);
}

/// Type 0: letters by number, one or two levels of indirection.
fn composite(document: &Document, font: &mut Dictionary) -> Option<()> {
    let descendants = entry(document, font, b"DescendantFonts")?.as_array().ok()?;
    let mut descendant = follow(document, descendants.first()?)
        .as_dict()
        .ok()?
        .clone();
    let known = match entry(document, font, b"Encoding") {
        Some(Object::Name(name)) => matches!(&name[..], b"Identity-H" | b"Identity-V"),
        Some(Object::Stream(_)) => true,
        _ => false,
    };
    if !known {
        // Nearly all predefined maps take two bytes for a letter, which is what ToUnicode is keyed by.
        font.set("Encoding", Object::Name(b"Identity-H".to_vec()));
    }
    if let Some(Object::Array(list)) = entry(document, &descendant, b"W") {
        let widths = expanded(document, list);
        descendant.set("W", widths);
    }
    if !matches!(
        entry(document, &descendant, b"FontDescriptor"),
        Some(Object::Dictionary(_))
    ) {
        descendant.set("FontDescriptor", Object::Dictionary(Dictionary::new()));
    }
    if let Some(width) = entry(document, &descendant, b"DW").and_then(number) {
        descendant.set("DW", width as i64);
    }
    font.set("DescendantFonts", vec![Object::Dictionary(descendant)]);
    Some(())
}

/// `W` in one of its two forms: `first [w w w]` instead of `first last w`, which the parser misreads.
fn expanded(document: &Document, list: &[Object]) -> Vec<Object> {
    let mut out = Vec::new();
    let mut rest = list.iter().map(|o| follow(document, o));
    while let (Some(first), Some(second)) = (rest.next(), rest.next()) {
        let Ok(first) = first.as_i64() else { break };
        let row = match second {
            Object::Array(widths) => widths
                .iter()
                .map(|w| number(follow(document, w)).unwrap_or(0.0))
                .collect(),
            last => {
                let (Ok(last), Some(width)) = (last.as_i64(), rest.next().and_then(number)) else {
                    break;
                };
                vec![width; (last - first + 1).clamp(0, 65_536) as usize]
            }
        };
        out.push(Object::Integer(first));
        out.push(Object::Array(
            row.into_iter().map(|w| Object::Real(w as f32)).collect(),
        ));
    }
    out
}
