//! The codes of one segment: chunk after chunk, in runs that share a base.

use super::Error;

const VERSION: u8 = 1;
/// Ids per entry of the coarse table from chunk to run.
const COARSE: u32 = 32;

/// Codes of one segment. Chunk `id` is the `id`-th one pushed; ids are dense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    stride: usize,
    flat: Vec<u8>,
    bases: Vec<u8>,
    runs: Vec<Run>,
    /// For every 32nd id, its run.
    coarse: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    start: u32,
    /// Which base, or `NO_BASE`.
    base: u32,
}

const NO_BASE: u32 = u32::MAX;

impl Codes {
    /// No codes yet; each will take `stride` bytes ([`super::Codec::code_bytes`]).
    pub fn new(stride: usize) -> Self {
        Self {
            stride: stride.max(1),
            flat: Vec::new(),
            bases: Vec::new(),
            runs: Vec::new(),
            coarse: Vec::new(),
        }
    }

    /// How many chunks.
    pub fn len(&self) -> usize {
        self.flat.len() / self.stride
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flat.is_empty()
    }

    /// Bytes per code, without its share of the base.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Bytes of heap in use, near enough.
    pub fn heap_bytes(&self) -> usize {
        self.flat.len() + self.bases.len() + 8 * self.runs.len() + 4 * self.coarse.len()
    }

    /// The code of one chunk.
    pub fn code(&self, id: u32) -> Option<&[u8]> {
        let at = (id as usize).checked_mul(self.stride)?;
        self.flat.get(at..at + self.stride)
    }

    /// The base of one chunk's run, if it has one.
    pub fn base(&self, id: u32) -> Option<&[u8]> {
        self.base_bytes(self.runs.get(self.run_of(id))?.base)
    }

    fn base_bytes(&self, base: u32) -> Option<&[u8]> {
        let at = (base as usize).checked_mul(self.stride)?;
        self.bases.get(at..at.checked_add(self.stride)?)
    }

    fn run_of(&self, id: u32) -> usize {
        let mut run = self
            .coarse
            .get((id / COARSE) as usize)
            .map_or(0, |&r| r as usize);
        while self.runs.get(run + 1).is_some_and(|next| next.start <= id) {
            run += 1;
        }
        run
    }

    /// The runs: base and codes of each.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Option<&[u8]>, &[u8])> {
        self.runs.iter().enumerate().map(|(i, run)| {
            let end = self
                .runs
                .get(i + 1)
                .map_or(self.len(), |next| next.start as usize);
            (
                self.base_bytes(run.base),
                &self.flat[run.start as usize * self.stride..end * self.stride],
            )
        })
    }

    /// Appends a run. `codes` is a whole number of codes.
    pub(super) fn push_run(&mut self, base: Option<&[u8]>, codes: &[u8]) {
        if codes.is_empty() {
            return;
        }
        let start = self.len() as u32;
        let id = base.map_or(NO_BASE, |base| {
            self.bases.extend_from_slice(base);
            (self.bases.len() / self.stride) as u32 - 1
        });
        // Neighbouring runs without a base are one.
        let joins = id == NO_BASE && self.runs.last().is_some_and(|run| run.base == NO_BASE);
        if !joins {
            self.runs.push(Run { start, base: id });
        }
        self.flat.extend_from_slice(codes);
        let entries = self.len().div_ceil(COARSE as usize);
        while self.coarse.len() < entries {
            let at = self.coarse.len() as u32 * COARSE;
            let run = self
                .runs
                .partition_point(|r| r.start <= at)
                .saturating_sub(1);
            self.coarse.push(run as u32);
        }
    }

    /// Appends `count` codes that stand for lost ones, so that those behind them keep their ids.
    pub fn push_blank(&mut self, count: usize) {
        self.push_run(None, &vec![0; count * self.stride]);
    }

    /// Appends another segment's codes (same codec, same frame).
    ///
    /// # Errors
    /// [`Error::Shape`] if the codes have another length.
    pub fn append(&mut self, other: &Self) -> Result<(), Error> {
        if other.stride != self.stride {
            return Err(Error::Shape {
                what: "codes",
                found: other.stride,
                expected: self.stride,
            });
        }
        for (base, codes) in other.runs() {
            self.push_run(base, codes);
        }
        Ok(())
    }

    /// The chunks for which `keep` holds, in order, renumbered densely. Runs left empty lose their base.
    pub fn retain(&self, mut keep: impl FnMut(u32) -> bool) -> Self {
        let mut out = Self::new(self.stride);
        let mut id = 0;
        let mut kept = Vec::new();
        for (base, codes) in self.runs() {
            kept.clear();
            for code in codes.chunks_exact(self.stride) {
                if keep(id) {
                    kept.extend_from_slice(code);
                }
                id += 1;
            }
            out.push_run(base, &kept);
        }
        out
    }

    /// Version, stride, counts, run lengths, bases, codes. About `stride + stride / 32` bytes per chunk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.stride as u8];
        write_varint(&mut out, self.len() as u64);
        write_varint(&mut out, self.runs.len() as u64);
        for (base, codes) in self.runs() {
            let n = (codes.len() / self.stride) as u64;
            write_varint(&mut out, n << 1 | u64::from(base.is_some()));
        }
        out.extend_from_slice(&self.bases);
        out.extend_from_slice(&self.flat);
        out
    }

    /// Reads what [`Codes::to_bytes`] wrote. Integrity beyond shape is the store's checksum.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Damaged { what: "codes", why };
        let [version, stride, rest @ ..] = bytes else {
            return Err(bad("too short"));
        };
        if *version != VERSION {
            return Err(Error::Version {
                what: "codes",
                found: u32::from(*version),
                known: u32::from(VERSION),
            });
        }
        let stride = usize::from(*stride);
        let mut rest = rest;
        let mut next = || read_varint(&mut rest).ok_or(bad("bad count"));
        let (len, count) = (next()?, next()?);
        // Everything counted below is at least one byte of input, so nothing is allocated that is not there.
        if stride == 0 || len > bytes.len() as u64 || count > len {
            return Err(bad("impossible counts"));
        }
        let mut lengths = Vec::with_capacity(count as usize);
        let (mut sum, mut bases) = (0u64, 0usize);
        for _ in 0..count {
            let v = next()?;
            let n = v >> 1;
            sum = sum
                .checked_add(n)
                .filter(|&s| n > 0 && s <= len)
                .ok_or(bad("run lengths do not add up"))?;
            bases += (v & 1) as usize;
            lengths.push((n as usize, v & 1 == 1));
        }
        if sum != len || (bases + len as usize).checked_mul(stride) != Some(rest.len()) {
            return Err(bad("wrong length"));
        }
        let (mut base, mut flat) = rest.split_at(bases * stride);
        let mut out = Self::new(stride);
        for (n, based) in lengths {
            let (codes, tail) = flat.split_at(n * stride);
            flat = tail;
            if based {
                let (b, tail) = base.split_at(stride);
                base = tail;
                out.push_run(Some(b), codes);
            } else {
                out.push_run(None, codes);
            }
        }
        Ok(out)
    }
}

fn write_varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut v = 0u64;
    for shift in (0..63).step_by(7) {
        let (&b, rest) = bytes.split_first()?;
        *bytes = rest;
        v |= u64::from(b & 0x7f) << shift;
        if b < 0x80 {
            return Some(v);
        }
    }
    None
}
