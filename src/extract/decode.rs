//! Bytes to text: UTF-8, UTF-16 with or without its mark, what an HTML or XML head declares, otherwise Western.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::Error;

/// A decoded file.
pub struct Decoded {
    /// Its text, without a byte-order mark.
    pub text: String,
    /// What to tell about the decoding, if anything was guessed or lost.
    pub note: Option<String>,
}

/// Decodes plain text.
pub fn text(bytes: &[u8]) -> Result<Decoded, Error> {
    decode(bytes, None)
}

/// Decodes mark-up, whose head may declare its encoding.
pub fn markup(bytes: &[u8]) -> Result<Decoded, Error> {
    decode(bytes, declared(bytes))
}

fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> Result<Decoded, Error> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return Ok(with(encoding, &bytes[mark..], false));
    }
    if let Some(encoding) = unmarked_utf16(bytes) {
        return Ok(with(encoding, bytes, false));
    }
    if looks_binary(bytes) {
        return Err(Error::Unsupported("binary data".into()));
    }
    match std::str::from_utf8(bytes) {
        // What is valid UTF-8 is UTF-8, whatever it declares: other encodings hardly ever look like it by chance.
        Ok(text) => Ok(Decoded {
            text: text.to_owned(),
            note: None,
        }),
        Err(_) => Ok(match declared {
            Some(encoding) => with(encoding, bytes, false),
            None => with(WINDOWS_1252, bytes, true),
        }),
    }
}

fn with(encoding: &'static Encoding, bytes: &[u8], guessed: bool) -> Decoded {
    let (text, lossy) = encoding.decode_without_bom_handling(bytes);
    let name = encoding.name();
    let note = if guessed {
        Some(format!("not UTF-8: read as {name}"))
    } else if lossy {
        Some(format!("some characters are not valid {name}"))
    } else {
        None
    };
    Decoded {
        text: text.into_owned(),
        note,
    }
}

/// Every second byte of Latin text in UTF-16 is zero.
fn unmarked_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(1024) & !1];
    if head.len() < 8 || bytes.len() % 2 == 1 {
        return None;
    }
    let zeros = |odd: usize| {
        head.iter()
            .skip(odd)
            .step_by(2)
            .filter(|&&b| b == 0)
            .count()
    };
    let pairs = head.len() / 2;
    match (zeros(0), zeros(1)) {
        (0, high) if high * 2 > pairs => Some(UTF_16LE),
        (high, 0) if high * 2 > pairs => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether bytes are not text in any encoding that is read: zeros, or more than 1 in 50 control characters.
pub fn looks_binary(bytes: &[u8]) -> bool {
    if Encoding::for_bom(bytes).is_some() || unmarked_utf16(bytes).is_some() {
        return false;
    }
    let head = &bytes[..bytes.len().min(65_536)];
    let control = head
        .iter()
        .filter(|b| matches!(b, 0..=8 | 11 | 14..=26 | 28..=31 | 127))
        .count();
    head.contains(&0) || control * 50 > head.len()
}

/// The encoding named by `<meta charset>` or `<?xml encoding?>` in the first KiB.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_lowercase();
    ["charset", "encoding"].iter().find_map(|word| {
        let rest = head.split_once(word)?.1.trim_start().strip_prefix('=')?;
        let label: String = rest
            .trim_start_matches(['"', '\'', ' '])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
            .collect();
        // A document that could be read this far is not UTF-16, whatever it says.
        Encoding::for_label(label.as_bytes()).map(|e| {
            if e == UTF_16LE || e == UTF_16BE {
                UTF_8
            } else {
                e
            }
        })
    })
}
