//! The codecs natively: `gossamer-text-bench TEXT [PIECE]`. Times are the processor's (Linux), so that other programs do
//! not count.
#![forbid(unsafe_code)]

use gossamer_text_bench::{NAMES, decode, encode};

/// Seconds that this thread has run.
fn ran() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e9
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let text = std::fs::read(arguments.next().unwrap_or_default())?;
    let piece = arguments
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(32 << 10);
    for (codec, name) in (0..).zip(NAMES) {
        let start = ran();
        let stored: Vec<Vec<u8>> = text.chunks(piece).map(|raw| encode(codec, raw)).collect();
        let encoded = ran() - start;
        let start = ran();
        let mut whole = true;
        for (raw, stored) in text.chunks(piece).zip(&stored) {
            whole &= decode(codec, stored, raw.len()) == raw;
        }
        let decoded = ran() - start;
        let bytes: usize = stored.iter().map(Vec::len).sum();
        let rate = |seconds: f64| text.len() as f64 / 1e6 / seconds;
        println!(
            "{name}: ratio {:.3}, compress {:.0} MB/s, decompress {:.0} MB/s{}",
            bytes as f64 / text.len() as f64,
            rate(encoded),
            rate(decoded),
            if whole { "" } else { ", NOT what went in" }
        );
    }
    Ok(())
}
