//! What a PDF unpacks to, counted before the parser, which has no limits of its own, sees it.

use flate2::{Decompress, FlushDecompress, Status};

use crate::extract::archive::RATIO_FROM;
use crate::extract::{Error, Limits};

/// Layers of compression that are looked through; more than two are never of use.
const LAYERS: usize = 4;

/// Deepest nesting of arrays and dictionaries, in the file or any of its streams. Real ones have a dozen levels; what
/// looks like brackets in pictures and fonts stays far below.
const NESTING: u32 = 5000;

/// Unpacks every deflated stream but pictures, which are never decoded for text, and forgets the result.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let mut total = 0;
    let mut at = 0;
    Nesting::default().read(bytes)?;
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

/// Counts open brackets: the parser calls itself for each.
#[derive(Default)]
struct Nesting {
    depth: u32,
    last: u8,
}

impl Nesting {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for &byte in bytes {
            match byte {
                b'[' => self.depth += 1,
                b']' => self.depth = self.depth.saturating_sub(1),
                b'<' if self.last == b'<' => self.depth += 1,
                b'>' if self.last == b'>' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            // Of `<<<<` each pair counts once.
            self.last = if self.last == byte { 0 } else { byte };
            if self.depth > NESTING {
                return Err(Error::TooBig {
                    what: "the nesting of the PDF",
                    limit: NESTING.into(),
                });
            }
        }
        Ok(())
    }
}

/// A layer of compression: its inflater, bytes in, bytes out, and the brackets in what comes out.
struct Layer {
    inflater: Decompress,
    packed: u64,
    unpacked: u64,
    nesting: Nesting,
}

#[derive(Default)]
struct Layers {
    open: Vec<Layer>,
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
            self.open.push(Layer {
                inflater: Decompress::new(true),
                packed: 0,
                unpacked: 0,
                nesting: Nesting::default(),
            });
        }
        let mut out = vec![0; 64 << 10];
        let mut rest = data;
        let mut nested = self.open.len() > depth + 1;
        loop {
            let layer = &mut self.open[depth];
            let (before_in, before_out) = (layer.inflater.total_in(), layer.inflater.total_out());
            // A damaged stream is the parser's business.
            let Ok(status) = layer
                .inflater
                .decompress(rest, &mut out, FlushDecompress::None)
            else {
                return Ok(());
            };
            let read = layer.inflater.total_in() - before_in;
            let written = layer.inflater.total_out() - before_out;
            layer.packed += read;
            layer.unpacked += written;
            layer.nesting.read(&out[..written as usize])?;
            *total += written;
            let (packed, unpacked) = (layer.packed, layer.unpacked);
            let exceeded = if unpacked > limits.member {
                Some(("a stream of the PDF", limits.member))
            } else if *total > limits.unpacked {
                Some(("what the PDF unpacks to", limits.unpacked))
            } else if unpacked > RATIO_FROM && unpacked > packed * limits.ratio {
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
            let waits = rest.is_empty() && (written as usize) < out.len();
            if status == Status::StreamEnd || (read == 0 && written == 0) || waits {
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
