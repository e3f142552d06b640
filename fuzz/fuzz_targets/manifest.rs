#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bounded(40 * data.len() + 1024, || {
        gossamer::index::fuzzing::manifest(data)
    });
});
