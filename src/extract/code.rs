//! Source code: the file's own text; definitions at the left margin are the sections.

use super::{Limits, Parts, Section};

const MODIFIERS: &[&str] = &[
    "abstract",
    "async",
    "const",
    "declare",
    "default",
    "export",
    "extern",
    "final",
    "inline",
    "internal",
    "open",
    "override",
    "private",
    "protected",
    "pub",
    "pub(crate)",
    "pub(super)",
    "public",
    "sealed",
    "static",
    "unsafe",
];
const DEFINITIONS: &[&str] = &[
    "class",
    "def",
    "enum",
    "fn",
    "func",
    "function",
    "impl",
    "interface",
    "macro_rules!",
    "mod",
    "module",
    "namespace",
    "object",
    "package",
    "record",
    "struct",
    "sub",
    "trait",
    "type",
    "union",
];

/// Definitions that start a line, in whichever language: a keyword and a name.
pub fn extract(text: String, limits: &Limits) -> Parts {
    let mut sections = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if sections.len() < limits.sections
            && let Some(label) = definition(line)
        {
            sections.push(Section { start, label });
        }
        start += line.len();
    }
    Parts {
        text,
        sections,
        ..Parts::default()
    }
}

fn definition(line: &str) -> Option<String> {
    if !line.starts_with(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    let mut words = line
        .split([' ', '\t'])
        .skip_while(|w| MODIFIERS.contains(w));
    let keyword = words.next().filter(|w| DEFINITIONS.contains(w))?;
    let rest = words.next()?.trim_start_matches('*');
    // `impl<T> Name` and generators aside, the name runs to the first character that no name has.
    let name: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '$'))
        .take(60)
        .collect();
    let name = name.trim_end_matches([':', '.']);
    (!name.is_empty()).then(|| format!("{keyword} {name}"))
}
