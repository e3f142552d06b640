//! Documents of every format: the first byte chooses a name, the rest is the file. Start from the documents in
//! tests/fixtures/documents, each with a byte put before it.
#![no_main]

use gossamer::extract::{Limits, extract};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 10] = [
    "a", "a.csv", "a.docx", "a.epub", "a.html", "a.json", "a.jsonl", "a.md", "a.pdf", "a.rs",
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*choice) % NAMES.len()];
    if let Ok(found) = extract(name, bytes, &Limits::default()) {
        assert!(!found.text.trim().is_empty());
        assert!(found.sections.is_sorted_by_key(|s| s.start));
        assert!(
            found
                .sections
                .iter()
                .all(|s| found.text.is_char_boundary(s.start))
        );
    }
});
