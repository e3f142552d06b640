#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bounded(2 * data.len() + (57 << 10), || {
        if let Ok(page) = gossamer::text::blocks::PageReader::open(data) {
            let _ = page.check();
            for (piece, part) in page.locate(3..70_000) {
                let _ = page.inflate(piece).map(|text| text.get(part).map(str::len));
            }
        }
    });
});
