#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bounded(data.len(), 200, 4096, || {
        gossamer::index::fuzzing::chunk_table(data)
    });
});
