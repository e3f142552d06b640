//! Text in compressed pieces with random access.
//!
//! A page is a stretch of text, cut into pieces of at most [`PIECE`] bytes between characters, each
//! deflated by itself (RFC 1951). One passage costs inflating one piece, seldom two. Why deflate and why
//! 32 KiB: the table in `docs/format.md`.
//!
//! Layout, numbers as LEB128: pieces; per piece its bytes, its UTF-16 units and its stored bytes (equal to
//! its bytes: not compressed); then the stored pieces.

use std::ops::Range;

use fdeflate::Decompressor;

use super::{Error, utf16_len};
use crate::wire::{Malformed, Reader, put_varint};

/// Bytes of text per piece, at most.
pub const PIECE: usize = 32 * 1024;
/// Deflate level: 9 saves 0.1 % more for a sixth of the speed.
const LEVEL: u8 = 6;
/// Deflate gains less than this: 258 bytes from two bits, at best.
pub(crate) const DEFLATE_MOST: usize = 1032;

/// What the inflater wants around deflated data (RFC 1950): a header, and a checksum, which is not looked at.
const ZLIB_HEADER: [u8; 2] = [0x78, 0x01];
const ZLIB_CHECKSUM: [u8; 4] = [0; 4];

/// Collects text for one page.
#[derive(Debug, Default)]
pub struct PageBuilder {
    open: String,
    directory: Vec<u8>,
    stored: Vec<u8>,
    pieces: u64,
    bytes: u64,
    utf16: u64,
}

/// A finished page.
#[derive(Debug)]
pub struct Page {
    /// The bytes to store.
    pub bytes: Vec<u8>,
    /// Bytes of text in it.
    pub text_bytes: u64,
    /// UTF-16 units of text in it.
    pub text_utf16: u64,
}

impl PageBuilder {
    /// Appends text; whole pieces are compressed at once.
    pub fn push(&mut self, mut text: &str) {
        while !text.is_empty() {
            let room = PIECE - self.open.len();
            let cut = text.floor_char_boundary(room);
            self.open.push_str(&text[..cut]);
            text = &text[cut..];
            if !text.is_empty() {
                self.close_piece();
            }
        }
    }

    /// Bytes the page has so far, not counting an unfinished piece.
    pub fn stored(&self) -> usize {
        self.stored.len()
    }

    /// Bytes of text so far.
    pub fn text_bytes(&self) -> u64 {
        self.bytes + self.open.len() as u64
    }

    /// The page; the builder is left empty. `None` if there was no text.
    pub fn finish(&mut self) -> Option<Page> {
        self.close_piece();
        let done = std::mem::take(self);
        if done.pieces == 0 {
            return None;
        }
        let mut bytes = Vec::with_capacity(done.directory.len() + done.stored.len() + 4);
        put_varint(&mut bytes, done.pieces);
        bytes.extend(done.directory);
        bytes.extend(done.stored);
        Some(Page {
            bytes,
            text_bytes: done.bytes,
            text_utf16: done.utf16,
        })
    }

    fn close_piece(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let raw = self.open.as_bytes();
        let deflated = deflate(raw);
        let stored = if deflated.len() < raw.len() {
            &deflated
        } else {
            raw
        };
        let utf16 = utf16_len(&self.open) as u64;
        put_varint(&mut self.directory, raw.len() as u64);
        put_varint(&mut self.directory, utf16);
        put_varint(&mut self.directory, stored.len() as u64);
        self.stored.extend_from_slice(stored);
        self.pieces += 1;
        self.bytes += raw.len() as u64;
        self.utf16 += utf16;
        self.open.clear();
    }
}

/// A page opened for reading; it borrows the stored bytes.
#[derive(Debug)]
pub struct PageReader<'a> {
    pieces: Vec<Piece<'a>>,
}

#[derive(Debug)]
struct Piece<'a> {
    bytes: usize,
    utf16: usize,
    stored: &'a [u8],
}

impl<'a> PageReader<'a> {
    /// Reads the directory; nothing is inflated.
    pub fn open(page: &'a [u8]) -> Result<Self, Error> {
        let damaged = |_| Error::Damaged("the directory of a text page");
        let mut reader = Reader::new(page);
        let count = reader.count(3).map_err(damaged)?;
        let mut directory = reader.clone();
        for i in 0..count {
            let (bytes, utf16, stored) = Self::entry(&mut reader).map_err(damaged)?;
            // All but the last are full, up to a character that did not fit: so a directory cannot claim
            // more pieces than its bytes pay for.
            let least = if i + 1 == count { 1 } else { PIECE - 3 };
            if !(least..=PIECE).contains(&bytes)
                || utf16 > bytes
                || stored > bytes
                || stored < bytes.div_ceil(DEFLATE_MOST)
            {
                return Err(Error::Damaged("the directory of a text page"));
            }
        }
        let mut pieces = Vec::with_capacity(count);
        for _ in 0..count {
            let (bytes, utf16, stored) = Self::entry(&mut directory).map_err(damaged)?;
            let stored = reader.bytes(stored).map_err(damaged)?;
            pieces.push(Piece {
                bytes,
                utf16,
                stored,
            });
        }
        reader.end().map_err(damaged)?;
        Ok(Self { pieces })
    }

    fn entry(reader: &mut Reader<'_>) -> Result<(usize, usize, usize), Malformed> {
        let mut number = || Ok(reader.varint_u32()? as usize);
        Ok((number()?, number()?, number()?))
    }

    /// Bytes of text in the page.
    pub fn text_bytes(&self) -> usize {
        self.pieces.iter().map(|p| p.bytes).sum()
    }

    /// UTF-16 units of text in the page.
    pub fn text_utf16(&self) -> usize {
        self.pieces.iter().map(|p| p.utf16).sum()
    }

    /// The pieces that a byte range lies in: number of the piece, and the part of the range in it.
    pub fn locate(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut at = 0;
        let places = self.pieces.iter().enumerate().map(move |(number, piece)| {
            let from = at;
            at += piece.bytes;
            let part = range.start.max(from)..range.end.min(at);
            (
                number,
                part.start.saturating_sub(from)..part.end.saturating_sub(from),
            )
        });
        places.filter(|(_, part)| part.start < part.end)
    }

    /// The text of a piece.
    pub fn inflate(&self, number: usize) -> Result<String, Error> {
        let piece = self.pieces.get(number);
        piece
            .ok_or(Error::Damaged("a piece that is not there"))?
            .inflate()
    }

    /// UTF-16 units of a piece, if `part` is all of it.
    pub fn utf16_of(&self, number: usize, part: &Range<usize>) -> Option<usize> {
        let piece = self.pieces.get(number)?;
        (*part == (0..piece.bytes)).then_some(piece.utf16)
    }

    /// Inflates everything: what `verify` does.
    pub fn check(&self) -> Result<(), Error> {
        self.pieces
            .iter()
            .try_for_each(|piece| piece.inflate().map(drop))
    }
}

impl Piece<'_> {
    fn inflate(&self) -> Result<String, Error> {
        let raw = if self.stored.len() == self.bytes {
            self.stored.to_vec()
        } else {
            inflate(self.stored, self.bytes)?
        };
        let text =
            String::from_utf8(raw).map_err(|_| Error::Damaged("a piece that is not UTF-8"))?;
        if utf16_len(&text) != self.utf16 {
            return Err(Error::Damaged("a piece of another length in UTF-16"));
        }
        Ok(text)
    }
}

/// Deflates.
pub(crate) fn deflate(raw: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(raw, LEVEL)
}

/// Inflates to exactly `len` bytes; a `len` beyond what deflate can gain is refused before anything is
/// allocated.
pub(crate) fn inflate(stored: &[u8], len: usize) -> Result<Vec<u8>, Error> {
    if len > stored.len().saturating_mul(DEFLATE_MOST) {
        return Err(Error::Damaged("a length that no deflated data has"));
    }
    let damaged = Error::Damaged("deflated data");
    let mut decoder = Decompressor::new();
    decoder.ignore_adler32();
    let (mut raw, mut at) = (vec![0; len], 0);
    for part in [&ZLIB_HEADER, stored, &ZLIB_CHECKSUM] {
        let (read, written) = decoder
            .read(part, &mut raw, at, false)
            .map_err(|_| damaged.clone())?;
        at += written;
        // It stops early where the data is longer than was said, or ends before.
        if read < part.len() {
            return Err(damaged);
        }
    }
    if at == len && decoder.is_done() {
        Ok(raw)
    } else {
        Err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(reader: &PageReader, range: Range<usize>) -> Result<String, Error> {
        let mut out = String::new();
        for (number, part) in reader.locate(range) {
            let piece = reader.inflate(number)?;
            out.push_str(piece.get(part).ok_or(Error::Damaged("an offset"))?);
        }
        Ok(out)
    }

    fn utf16(reader: &PageReader, range: Range<usize>) -> Result<usize, Error> {
        let parts = reader.locate(range);
        let count = |(number, part): (usize, Range<usize>)| match reader.utf16_of(number, &part) {
            Some(units) => Ok(units),
            None => Ok(utf16_len(&reader.inflate(number)?[part])),
        };
        parts.map(count).sum()
    }

    fn page(text: &str) -> Page {
        let mut builder = PageBuilder::default();
        // In uneven parts, as documents come.
        for part in text.split_inclusive('e') {
            builder.push(part);
        }
        builder.finish().unwrap()
    }

    #[test]
    fn deflated_data_cut_short_or_of_another_length_is_refused() {
        let text = b"What is cut short, or longer than was said, is damaged. ".repeat(40);
        let stored = deflate(&text);
        assert_eq!(inflate(&stored, text.len()).as_ref(), Ok(&text));
        for len in [0, text.len() - 1, text.len() + 1, text.len() + 9] {
            assert!(inflate(&stored, len).is_err(), "{len}");
        }
        for cut in 0..stored.len() {
            assert!(inflate(&stored[..cut], text.len()).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_inflate_to_as_many_as_were_said_or_are_refused(
            text in "[a-f ]{0,400}", noise in prop::collection::vec(any::<u8>(), 0..200), at: usize, to: u8
        ) {
            let mut stored = deflate(text.as_bytes());
            let at = at % stored.len();
            stored[at] = to;
            for damaged in [&stored, &noise] {
                if let Ok(raw) = inflate(damaged, text.len()) {
                    prop_assert_eq!(raw.len(), text.len());
                }
            }
        }
    }

    #[test]
    fn a_passage_across_pieces_comes_back_with_its_utf16_length() {
        let text = "pr\u{e9}f\u{e8}re 😀 le th\u{e9}. ".repeat(6000);
        let page = page(&text);
        let reader = PageReader::open(&page.bytes).unwrap();
        assert_eq!(page.text_bytes as usize, text.len());
        assert!(page.bytes.len() * 20 < text.len());
        for start in [0, PIECE - 40, 2 * PIECE - 7, text.len() - 100] {
            let start = text.floor_char_boundary(start);
            let end = text.floor_char_boundary(start + 99);
            assert_eq!(read(&reader, start..end).unwrap(), text[start..end]);
            assert_eq!(
                utf16(&reader, 0..start).unwrap(),
                text[..start].encode_utf16().count()
            );
        }
        reader.check().unwrap();
    }

    #[test]
    fn nothing_makes_no_page() {
        let mut builder = PageBuilder::default();
        builder.push("");
        assert!(builder.finish().is_none());
    }

    proptest! {
        #[test]
        fn any_text_and_any_range_come_back(parts in prop::collection::vec(".{0,40}", 1..60), repeat in 1..60usize, cut: (u16, u16)) {
            let text = parts.concat().repeat(repeat);
            prop_assume!(!text.is_empty());
            let page = page(&text);
            let reader = PageReader::open(&page.bytes).unwrap();
            let a = text.floor_char_boundary(usize::from(cut.0) % (text.len() + 1));
            let b = text.floor_char_boundary(usize::from(cut.1) % (text.len() + 1));
            let range = a.min(b)..a.max(b);
            let found = read(&reader, range.clone()).unwrap();
            prop_assert_eq!(&found, &text[range.clone()]);
            prop_assert_eq!(utf16(&reader, range).unwrap(), found.encode_utf16().count());
            prop_assert_eq!(reader.text_utf16(), text.encode_utf16().count());
        }

        #[test]
        fn hostile_pages_are_refused_or_read_but_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), at: u16, to: u8) {
            let _ = PageReader::open(&bytes).map(|r| (r.check().is_ok(), read(&r, 0..50).is_ok()));
            bytes = page(&"some text of a document. ".repeat(30)).bytes;
            let at = usize::from(at) % bytes.len();
            bytes[at] = to;
            let _ = PageReader::open(&bytes).map(|r| (r.check().is_ok(), read(&r, 0..50).is_ok()));
        }
    }
}
