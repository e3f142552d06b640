#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bounded(2128 * data.len() + (24 << 10), || {
        gossamer::index::fuzzing::documents(data)
    });
});
