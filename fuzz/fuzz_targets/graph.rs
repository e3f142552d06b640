#![no_main]

use gossamer_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((nodes, data)) = data.split_first() else {
        return;
    };
    // With a right checksum: what stands behind it must hold.
    let mut data = data.to_vec();
    data.extend(crc32fast::hash(&data).to_le_bytes());
    bounded(
        2 * data.len() + 6144 * usize::from(*nodes) + (24 << 10),
        || {
            if let Ok(graph) = gossamer::graph::Graph::from_bytes(&data, usize::from(*nodes)) {
                assert!((0..graph.len() as u32).all(|v| {
                    graph
                        .neighbours(v)
                        .iter()
                        .all(|&n| (n as usize) < graph.len())
                }));
            }
        },
    );
});
