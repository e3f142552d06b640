#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bounded(data.len(), 16, 4 << 20, || {
        gossamer::index::fuzzing::manifest(data)
    });
});
