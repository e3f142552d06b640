//! A file becomes a document: its text, and what is known of it as metadata.

use std::fs::{self, File};
use std::io::{self, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gossamer::extract::{Error, Limits, extract, recognise};
use gossamer::index::Document;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::find::{Filter, Found};

/// Changes when extraction does, so that every file is read again.
const EXTRACTION: u8 = 1;

/// Bytes that tell most files that are no documents.
const HEAD: u64 = 8 << 10;

/// What came of a file.
#[derive(Debug)]
pub enum Reading {
    /// As the index knows it.
    Unchanged,
    /// Not a document, or of a type that was not asked for.
    Skipped,
    /// New or changed, with what its reader should know.
    Changed(Document, Vec<String>),
}

/// The part of a document's metadata that tells whether its file has changed.
#[derive(Deserialize)]
struct Known {
    hash: String,
}

/// The content hash that was stored with a document, if it came from a file.
pub fn known_hash(metadata: &str) -> Option<String> {
    serde_json::from_str::<Known>(metadata).ok().map(|k| k.hash)
}

/// Reads a file unless its content is the known one.
pub fn read(
    file: &Found,
    known: Option<&str>,
    filter: &Filter,
    limits: &Limits,
) -> Result<Reading, String> {
    let failed = |e: io::Error| e.to_string();
    let mut open = File::open(&file.path).map_err(failed)?;
    let mut bytes = Vec::new();
    Read::by_ref(&mut open)
        .take(HEAD)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let packed = [b"PK".as_slice(), b"\xd0\xcf"]
        .iter()
        .any(|magic| bytes.starts_with(magic));
    // Pictures and films are passed over without being read; what is packed shows only as a whole.
    if !packed && matches!(recognise(&file.id, &bytes), Err(Error::Unsupported(_))) {
        return Ok(Reading::Skipped);
    }
    if file.bytes > limits.file {
        return Err(Error::TooBig {
            what: "the file",
            limit: limits.file,
        }
        .to_string());
    }
    Read::by_ref(&mut open)
        .take(limits.file)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let hash = hash(&bytes);
    let kind = match recognise(&file.id, &bytes) {
        Ok(kind) => kind,
        Err(Error::Unsupported(_)) => return Ok(Reading::Skipped),
        // Of what is broken only the name tells whether it was asked for.
        Err(_) if !filter.takes_type(&extension(&file.id)) => return Ok(Reading::Skipped),
        Err(e) => return Err(e.to_string()),
    };
    if !filter.takes_type(kind.word()) {
        return Ok(Reading::Skipped);
    }
    if known == Some(hash.as_str()) {
        return Ok(Reading::Unchanged);
    }
    let extracted = extract(&file.id, &bytes, limits).map_err(|e| e.to_string())?;
    let mut metadata = json!({
        "path": file.id,
        "type": extracted.kind.word(),
        "hash": hash,
    });
    if let Ok(modified) = fs::metadata(&file.path).and_then(|m| m.modified()) {
        metadata["modified"] = json!(iso8601(modified));
    }
    if !extracted.sections.is_empty() {
        let section = |s: &gossamer::extract::Section| json!({"start": s.start, "label": s.label});
        metadata["sections"] = extracted.sections.iter().map(section).collect();
    }
    let document = Document {
        id: file.id.clone(),
        title: extracted.title,
        text: extracted.text,
        metadata: metadata.to_string(),
    };
    Ok(Reading::Changed(document, extracted.notes))
}

/// What a name ends in, which for the formats that can be broken is the type's word.
fn extension(name: &str) -> String {
    let (_, extension) = name.rsplit_once('.').unwrap_or_default();
    extension.to_lowercase()
}

/// 64 bits of the content's hash: compared with the hash of the same file only.
fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update([EXTRACTION])
        .chain_update(bytes)
        .finalize();
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

/// A time as ISO 8601 writes it, in UTC, to the second.
fn iso8601(time: SystemTime) -> String {
    let since = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    let (days, second) = (since / 86_400, since % 86_400);
    // Years are counted from March, so that the leap day is the last of one; 400 years have 146,097 days.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (
        of_year - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        let at = |seconds| iso8601(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn the_hash_is_read_back_from_metadata() {
        assert_eq!(
            known_hash(r#"{"path":"a","hash":"0123"}"#).as_deref(),
            Some("0123")
        );
        assert_eq!(known_hash(r#"{"path":"a"}"#), None);
        assert_eq!(known_hash(""), None);
    }
}
