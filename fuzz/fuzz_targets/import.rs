#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // With a right checksum around it.
    let mut file = data.to_vec();
    file.extend(crc32fast::hash(&file).to_le_bytes());
    let store = gossamer::store::Memory::new();
    let _ = pollster::block_on(gossamer::index::Index::import(store, &file));
});
