//! The stored form of a graph.
//!
//! ```text
//! "GGRF"  version u8 = 1  nodes u32  entries u8  entry u32 ...   range-coded lists   crc32 u32
//! ```
//!
//! All little endian; the checksum is over everything before it. Per node the range coder holds the number of
//! neighbours with larger ids, then the gaps between them, ascending, the first one from the node itself. An
//! edge is stored once: the other direction is made when reading. Everything is checked when reading, so
//! a walk never sees a wrong id.

use super::compact::Graph;
use super::error::Error;
use super::lists::Lists;
use super::range::{Coder, Decoder, Encoder, Number};

const MAGIC: [u8; 4] = *b"GGRF";
const VERSION: u8 = 1;
/// Edges per node that a decoder believes; the builder stays below.
const EDGE_LIMIT: u64 = 192;

/// What is learned about the lists while coding them.
struct Lengths {
    degree: Number,
    /// By place in the list and edges still to come.
    gaps: Vec<Number>,
}

impl Lengths {
    fn new() -> Self {
        Self {
            degree: Number::NEW,
            gaps: vec![Number::NEW; 16],
        }
    }

    fn gap(&mut self, place: usize, left: usize) -> &mut Number {
        &mut self.gaps[usize::from(place > 0) * 8 + left.min(8) - 1]
    }

    /// Codes the neighbours of `node` that are larger; when reading, `list` is overwritten.
    fn list(
        &mut self,
        coder: &mut impl Coder,
        node: u32,
        list: &mut Vec<u32>,
        limit: usize,
    ) -> Result<(), Error> {
        let degree = self.degree.code(coder, list.len() as u32) as usize;
        if degree > limit {
            return Err(Error::Damaged("a node has too many neighbours"));
        }
        list.resize(degree, 0);
        let mut last = node;
        for (place, id) in list.iter_mut().enumerate() {
            let gap = id.wrapping_sub(last).wrapping_sub(1);
            let gap = self.gap(place, degree - place).code(coder, gap);
            *id = last
                .checked_add(gap)
                .and_then(|id| id.checked_add(1))
                .ok_or(Error::Damaged("a neighbour is out of range"))?;
            last = *id;
        }
        Ok(())
    }
}

impl Graph {
    /// The stored form: 1.2 to 1.3 bytes per edge, which is stored once (6 edges per node: 7.4 bytes per node).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&(self.len() as u32).to_le_bytes());
        bytes.push(self.entries().len() as u8);
        for entry in self.entries() {
            bytes.extend_from_slice(&entry.to_le_bytes());
        }
        let (mut encoder, mut lengths) = (Encoder::new(), Lengths::new());
        let mut list = Vec::new();
        for node in 0..self.len() as u32 {
            list.clear();
            self.each(node, |id| {
                if id > node {
                    list.push(id);
                }
            });
            // Nothing can be refused here: the list is the graph's own.
            let _ = lengths.list(&mut encoder, node, &mut list, usize::MAX);
        }
        bytes.extend(encoder.finish());
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the stored form. `nodes` is how many nodes the graph must have, which the caller knows from the
    /// codes beside it; it bounds the memory used. Cost: about 60 ns per edge.
    pub fn from_bytes(bytes: &[u8], nodes: usize) -> Result<Self, Error> {
        let cut = Error::Damaged("it is cut short");
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(cut.clone())?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(Error::Damaged("its checksum does not match"));
        }
        let (magic, body) = body.split_first_chunk::<4>().ok_or(cut.clone())?;
        let (&version, body) = body.split_first().ok_or(cut.clone())?;
        if *magic != MAGIC || version != VERSION {
            return Err(Error::Damaged("it is of another kind or version"));
        }
        let (stored, body) = body.split_first_chunk::<4>().ok_or(cut.clone())?;
        let stored = u32::from_le_bytes(*stored);
        if stored as usize != nodes || stored > u32::MAX / 2 {
            return Err(Error::Mismatch {
                graph: stored as usize,
                space: nodes,
            });
        }
        let (&count, body) = body.split_first().ok_or(cut.clone())?;
        let (entries, body) = body.split_at_checked(usize::from(count) * 4).ok_or(cut)?;
        let entries: Vec<u32> = entries
            .as_chunks::<4>()
            .0
            .iter()
            .map(|entry| u32::from_le_bytes(*entry))
            .collect();
        if entries.iter().any(|&entry| entry >= stored) {
            return Err(Error::Damaged("an entry point is out of range"));
        }
        let lists = read_lists(body, stored)?;
        if entries.is_empty() && lists.iter().any(|list| !list.is_empty()) {
            return Err(Error::Damaged("it has no entry point"));
        }
        Ok(Self::from_lists(lists, entries))
    }
}

fn read_lists(body: &[u8], nodes: u32) -> Result<Vec<Vec<u32>>, Error> {
    let (mut decoder, mut lengths) = (Decoder::new(body), Lengths::new());
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); nodes as usize];
    let mut edges = 0u64;
    let mut list = Vec::new();
    for node in 0..nodes {
        lengths.list(&mut decoder, node, &mut list, (nodes - node - 1) as usize)?;
        edges += list.len() as u64;
        if decoder.overrun() || edges > u64::from(nodes) * EDGE_LIMIT {
            return Err(Error::Damaged("its lists do not end"));
        }
        for &id in &list {
            if id >= nodes {
                return Err(Error::Damaged("a neighbour is out of range"));
            }
            lists[id as usize].push(node);
        }
        lists[node as usize].extend_from_slice(&list);
    }
    if !decoder.spent() {
        return Err(Error::Damaged("it holds more than its lists"));
    }
    Ok(lists)
}
