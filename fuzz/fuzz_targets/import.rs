#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // With a right checksum around it.
    let mut file = data.to_vec();
    file.extend(crc32fast::hash(&file).to_le_bytes());
    // The codec that comes with the program is decoded as well.
    bounded(2400 * file.len() + (4 << 20), || {
        let store = gossamer::store::Memory::new();
        let _ = pollster::block_on(gossamer::index::Index::import(store, &file));
    });
});
