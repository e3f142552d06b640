//! Text codecs behind one pair of calls: number of the codec, bytes in, bytes out.
//!
//! In WebAssembly without glue, so that a module's size is that of its codec: `reserve` gives the input's place,
//! `encode` and `decode` read it there and leave their output in its place, `kept` is where.

use std::cell::RefCell;

/// Names, in the order of their numbers.
pub const NAMES: [&str; 4] = ["deflate 6", "lz4", "zstd fastest", "brotli 5"];

/// Compresses.
pub fn encode(codec: u32, raw: &[u8]) -> Vec<u8> {
    match codec {
        #[cfg(feature = "deflate")]
        0 => miniz_oxide::deflate::compress_to_vec(raw, 6),
        #[cfg(feature = "lz4")]
        1 => lz4_flex::block::compress(raw),
        #[cfg(feature = "zstd")]
        2 => ruzstd::encoding::compress_to_vec(raw, ruzstd::encoding::CompressionLevel::Fastest),
        #[cfg(feature = "brotli")]
        3 => {
            let mut out = Vec::new();
            let parameters = brotli::enc::BrotliEncoderParams {
                quality: 5,
                lgwin: 16,
                ..Default::default()
            };
            let _ = brotli::BrotliCompress(&mut { raw }, &mut out, &parameters);
            out
        }
        _ => raw.to_vec(),
    }
}

/// Decompresses to `len` bytes; empty if it cannot.
pub fn decode(codec: u32, stored: &[u8], len: usize) -> Vec<u8> {
    match codec {
        #[cfg(feature = "deflate")]
        0 => miniz_oxide::inflate::decompress_to_vec_with_limit(stored, len).unwrap_or_default(),
        #[cfg(feature = "lz4")]
        1 => lz4_flex::block::decompress(stored, len).unwrap_or_default(),
        #[cfg(feature = "zstd")]
        2 => {
            use std::io::Read;
            let mut out = Vec::with_capacity(len);
            let decoder = ruzstd::decoding::StreamingDecoder::new(stored);
            let _ = decoder.map(|mut decoder| decoder.read_to_end(&mut out));
            out
        }
        #[cfg(feature = "brotli")]
        3 => {
            let mut out = Vec::with_capacity(len);
            let _ = brotli::BrotliDecompress(&mut { stored }, &mut out);
            out
        }
        _ => stored.to_vec(),
    }
}

thread_local!(static KEPT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

fn keep(bytes: Vec<u8>) -> usize {
    KEPT.with(|kept| {
        kept.replace(bytes);
        kept.borrow().len()
    })
}

/// Makes room for so much input; its address.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(len: usize) -> usize {
    keep(vec![0; len]);
    kept()
}

/// Where the bytes are.
#[unsafe(no_mangle)]
pub extern "C" fn kept() -> usize {
    KEPT.with(|kept| kept.borrow().as_ptr() as usize)
}

/// Compresses what is there; bytes of the result.
#[unsafe(no_mangle)]
pub extern "C" fn encode_kept(codec: u32) -> usize {
    let out = KEPT.with(|kept| encode(codec, &kept.borrow()));
    keep(out)
}

/// Decompresses what is there; bytes of the result.
#[unsafe(no_mangle)]
pub extern "C" fn decode_kept(codec: u32, len: usize) -> usize {
    let out = KEPT.with(|kept| decode(codec, &kept.borrow(), len));
    keep(out)
}
