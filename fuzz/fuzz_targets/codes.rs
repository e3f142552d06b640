#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static CODER: gossamer::codec::Coder = {
            let codec = gossamer::codec::Codec::bundled().unwrap();
            codec.coder(&gossamer::codec::Frame::neutral()).unwrap()
        };
    }
    CODER.with(|coder| {
        if let Ok(codes) = coder.load(data) {
            assert!(codes.len() <= data.len());
        }
    });
});
