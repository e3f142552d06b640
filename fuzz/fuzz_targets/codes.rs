#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static CODER: gossamer::codec::Coder = {
            let codec = gossamer::codec::Codec::bundled().unwrap();
            codec.coder(&gossamer::codec::Frame::neutral()).unwrap()
        };
    }
    CODER.with(|coder| {
        bounded(2 * data.len() + 4096, || {
            if let Ok(codes) = coder.load(data) {
                assert!(codes.len() <= data.len());
            }
        });
    });
});
