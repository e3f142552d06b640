//! Passages that answer, as JSON: the same words in `search --json`, over HTTP and over MCP.

use gossamer::index::{Hit, SearchResult};
use serde_json::{Value, json};

use crate::output;

/// A result: its hits and what finding them cost.
pub fn result_json(result: &SearchResult) -> Value {
    let (stats, left_out) = (&result.stats, &result.left_out);
    json!({
        "hits": result.hits.iter().map(hit_json).collect::<Vec<_>>(),
        "eligible": result.eligible,
        "shortfall": result.shortfall,
        "left_out": {
            "passages": left_out.passages,
            "text": left_out.text,
            "question": left_out.question,
        },
        "stats": {
            "recomputed": stats.recomputed,
            "rounds": stats.rounds,
            "remembered": stats.remembered,
            "codes_read": stats.codes_read,
            "text_read": stats.text_read,
            "damaged": stats.damaged,
        },
    })
}

/// One hit.
pub fn hit_json(hit: &Hit) -> Value {
    json!({
        "document": hit.document,
        "title": hit.title,
        "metadata": metadata(&hit.metadata),
        "place": place(&hit.metadata, hit.bytes.start),
        "score": hit.score,
        "bytes": [hit.bytes.start, hit.bytes.end],
        "utf16": [hit.utf16.start, hit.utf16.end],
        "chunk": hit.chunk,
        "text": hit.text,
        "why": {
            "semantic": hit.why.semantic,
            "keyword": hit.why.keyword,
            "estimated": hit.why.estimated,
        },
        "marks": hit.marks.iter().map(|m| [m.start, m.end]).collect::<Vec<_>>(),
    })
}

/// Where a hit is, for people: its document, the place in it, and the bytes.
pub fn address(hit: &Hit) -> String {
    let place = place(&hit.metadata, hit.bytes.start);
    let place = place.map_or_else(String::new, |place| format!("{place}, "));
    let bytes = &hit.bytes;
    format!(
        "{} ({place}bytes {}-{})",
        output::bold(&hit.document),
        bytes.start,
        bytes.end
    )
}

/// Metadata as it goes out: an object without the sections, which may be long.
pub fn metadata(stored: &str) -> Value {
    match serde_json::from_str(stored) {
        Ok(Value::Object(mut object)) => {
            object.remove("sections");
            Value::Object(object)
        }
        Ok(other) => other,
        Err(_) if stored.is_empty() => Value::Null,
        Err(_) => Value::String(stored.to_owned()),
    }
}

/// Where a reader is at a byte of a document: the label of the last section that starts at or before it.
pub fn place(metadata: &str, byte: usize) -> Option<String> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let sections = metadata.get("sections")?.as_array()?;
    let here = |section: &&Value| {
        let start = section.get("start").and_then(Value::as_u64);
        start.is_some_and(|start| start <= byte as u64)
    };
    let section = sections.iter().take_while(here).last()?;
    section.get("label")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_in_the_last_section_that_starts_before_it() {
        let metadata = r#"{"type":"pdf","sections":[{"start":10,"label":"page 1"},{"start":20,"label":"page 2"}]}"#;
        let places = [9, 10, 19, 20, 99].map(|byte| place(metadata, byte));
        let page = |n| Some(format!("page {n}"));
        assert_eq!(places, [None, page(1), page(1), page(2), page(2)]);
        assert_eq!(place("", 3), None);
        assert_eq!(super::metadata(metadata), json!({"type": "pdf"}));
    }
}
