//! What a PDF unpacks to, counted before the parser, which has no limits of its own, sees it.

use flate2::{Decompress, FlushDecompress, Status};

use crate::extract::archive::RATIO_FROM;
use crate::extract::{Error, Limits};

/// Layers of compression that are looked through; more than two are never of use.
const LAYERS: usize = 4;

/// Unpacks every deflated stream but pictures, which are never decoded for text, and forgets the result.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let mut total = 0;
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], b"stream") {
        let keyword = at + found;
        at = keyword + b"stream".len();
        if bytes[..keyword].ends_with(b"end") || is_picture(&bytes[..keyword]) {
            continue;
        }
        let data = &bytes[at..];
        let data = data.strip_prefix(b"\r").unwrap_or(data);
        let data = data.strip_prefix(b"\n").unwrap_or(data);
        if is_zlib(data) {
            Layers::default().feed(data, 0, true, &mut total, limits)?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Layers {
    inflaters: Vec<(Decompress, u64, u64)>,
}

impl Layers {
    /// Unpacks `data` at a depth, and what comes out again if it is deflated too.
    fn feed(
        &mut self,
        data: &[u8],
        depth: usize,
        first: bool,
        total: &mut u64,
        limits: &Limits,
    ) -> Result<(), Error> {
        if first {
            self.inflaters.push((Decompress::new(true), 0, 0));
        }
        let mut out = vec![0; 64 << 10];
        let mut rest = data;
        let mut nested = false;
        loop {
            let (inflater, packed, unpacked) = &mut self.inflaters[depth];
            let (before_in, before_out) = (inflater.total_in(), inflater.total_out());
            // A damaged stream is the parser's business.
            let Ok(status) = inflater.decompress(rest, &mut out, FlushDecompress::None) else {
                return Ok(());
            };
            let (read, written) = (
                inflater.total_in() - before_in,
                inflater.total_out() - before_out,
            );
            *packed += read;
            *unpacked += written;
            *total += written;
            let exceeded = if *unpacked > limits.member {
                Some(("a stream of the PDF", limits.member))
            } else if *total > limits.unpacked {
                Some(("what the PDF unpacks to", limits.unpacked))
            } else if *unpacked > RATIO_FROM && *unpacked > *packed * limits.ratio {
                Some(("the compression ratio of a stream of the PDF", limits.ratio))
            } else {
                None
            };
            if let Some((what, limit)) = exceeded {
                return Err(Error::TooBig { what, limit });
            }
            rest = &rest[read as usize..];
            let piece = &out[..written as usize];
            if before_out == 0 {
                nested = depth + 1 < LAYERS && is_zlib(piece);
                if nested {
                    self.feed(piece, depth + 1, true, total, limits)?;
                }
            } else if nested {
                self.feed(piece, depth + 1, false, total, limits)?;
            }
            if status == Status::StreamEnd || (read == 0 && written == 0) || rest.is_empty() {
                return Ok(());
            }
        }
    }
}

/// The header of a zlib stream (RFC 1950).
fn is_zlib(data: &[u8]) -> bool {
    matches!(data, [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

/// Whether the dictionary that ends here is that of a picture.
fn is_picture(before: &[u8]) -> bool {
    let near = &before[before.len().saturating_sub(1024)..];
    let dictionary = near
        .windows(3)
        .rposition(|w| w == b"obj")
        .map_or(near, |start| &near[start..]);
    ["/Subtype/Image", "/Subtype /Image"]
        .iter()
        .any(|mark| find(dictionary, mark.as_bytes()).is_some())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|w| w == wanted)
}
