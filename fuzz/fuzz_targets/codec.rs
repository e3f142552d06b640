#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bounded(6 * data.len() + 4096, || {
        if let Ok(codec) = gossamer::codec::Codec::from_bytes(data) {
            assert!(codec.dim() > 0);
        }
        let _ = gossamer::codec::Frame::from_bytes(data);
    });
});
