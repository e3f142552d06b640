//! The codes of one segment: chunk after chunk, in runs that share a base.

use super::Error;

const VERSION: u8 = 2;
/// Ids per entry of the coarse table from chunk to run.
const COARSE: u32 = 32;

/// Codes of one segment. Chunk `id` is the `id`-th one pushed; ids are dense.
#[derive(Debug, Clone, PartialEq)]
pub struct Codes {
    stride: usize,
    base_stride: usize,
    flat: Vec<u8>,
    bases: Vec<u8>,
    /// Per chunk; follows from base and code, not stored.
    gains: Vec<f32>,
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
    pub(super) fn new(stride: usize, base_stride: usize) -> Self {
        Self {
            stride: stride.max(1),
            base_stride: base_stride.max(1),
            flat: Vec::new(),
            bases: Vec::new(),
            gains: Vec::new(),
            runs: Vec::new(),
            coarse: Vec::new(),
        }
    }

    /// How many chunks.
    pub fn len(&self) -> usize {
        self.gains.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.gains.is_empty()
    }

    /// Bytes per code, without its share of the base.
    pub fn stride(&self) -> usize {
        self.stride
    }

    pub(super) fn base_stride(&self) -> usize {
        self.base_stride
    }

    /// Bytes of heap in use, near enough.
    pub fn heap_bytes(&self) -> usize {
        self.flat.len()
            + self.bases.len()
            + 4 * self.gains.len()
            + 8 * self.runs.len()
            + 4 * self.coarse.len()
    }

    /// Length of what the code of a chunk describes: all but the frame's centre and the base, in units of what the
    /// axes of the plan hold. The error of its score grows with it. 0 if there is no such chunk.
    pub fn gain(&self, id: u32) -> f32 {
        self.gains.get(id as usize).copied().unwrap_or(0.0)
    }

    /// The mean of all of them; 0 if there is none.
    pub fn mean_gain(&self) -> f32 {
        self.gains.iter().sum::<f32>() / self.len().max(1) as f32
    }

    /// Base (empty if none), code and gain of one chunk.
    pub(super) fn get(&self, id: u32) -> Option<(&[u8], &[u8], f32)> {
        let gain = *self.gains.get(id as usize)?;
        let at = id as usize * self.stride;
        let code = self.flat.get(at..at + self.stride)?;
        let mut run = *self.coarse.get((id / COARSE) as usize)? as usize;
        while self.runs.get(run + 1).is_some_and(|next| next.start <= id) {
            run += 1;
        }
        Some((self.base(self.runs.get(run)?.base), code, gain))
    }

    fn base(&self, base: u32) -> &[u8] {
        let at = (base as usize).saturating_mul(self.base_stride);
        self.bases
            .get(at..at.saturating_add(self.base_stride))
            .unwrap_or_default()
    }

    /// The runs: base (empty if none), codes and gains of each.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&[u8], &[u8], &[f32])> {
        self.runs.iter().enumerate().map(|(i, run)| {
            let start = run.start as usize;
            let end = self
                .runs
                .get(i + 1)
                .map_or(self.len(), |next| next.start as usize);
            let flat = &self.flat[start * self.stride..end * self.stride];
            (self.base(run.base), flat, &self.gains[start..end])
        })
    }

    /// Appends a run: one code and one gain per chunk.
    pub(super) fn push_run(&mut self, base: Option<&[u8]>, flat: &[u8], gains: &[f32]) {
        if gains.is_empty() {
            return;
        }
        let start = self.len() as u32;
        let id = base.map_or(NO_BASE, |base| {
            self.bases.extend_from_slice(base);
            (self.bases.len() / self.base_stride) as u32 - 1
        });
        // Neighbouring runs without a base are one.
        let joins = id == NO_BASE && self.runs.last().is_some_and(|run| run.base == NO_BASE);
        if !joins {
            self.runs.push(Run { start, base: id });
        }
        self.flat.extend_from_slice(flat);
        self.gains.extend_from_slice(gains);
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
        self.push_run(None, &vec![0; count * self.stride], &vec![0.0; count]);
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
        for (base, flat, gains) in other.runs() {
            self.push_run((!base.is_empty()).then_some(base), flat, gains);
        }
        Ok(())
    }

    /// The chunks for which `keep` holds, in order, renumbered densely. Runs left empty lose their base.
    pub fn retain(&self, mut keep: impl FnMut(u32) -> bool) -> Self {
        let mut out = Self::new(self.stride, self.base_stride);
        let mut id = 0;
        for (base, flat, gains) in self.runs() {
            let (mut kept, mut kept_gains) = (Vec::new(), Vec::new());
            for (code, &gain) in flat.chunks_exact(self.stride).zip(gains) {
                if keep(id) {
                    kept.extend_from_slice(code);
                    kept_gains.push(gain);
                }
                id += 1;
            }
            out.push_run((!base.is_empty()).then_some(base), &kept, &kept_gains);
        }
        out
    }

    /// Version, strides, counts, run lengths, bases, codes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.stride as u8, self.base_stride as u8];
        write_varint(&mut out, self.len() as u64);
        write_varint(&mut out, self.runs.len() as u64);
        for (base, _, gains) in self.runs() {
            write_varint(
                &mut out,
                (gains.len() as u64) << 1 | u64::from(!base.is_empty()),
            );
        }
        out.extend_from_slice(&self.bases);
        out.extend_from_slice(&self.flat);
        out
    }
}

/// What [`Codes::to_bytes`] wrote, its shape checked. Integrity beyond that is the store's checksum.
pub(super) struct Stored<'a> {
    /// Per run its codes, and whether it has a base.
    lengths: Vec<(u32, bool)>,
    bases: &'a [u8],
    flat: &'a [u8],
    strides: (usize, usize),
}

impl<'a> Stored<'a> {
    /// Reads counts and lengths.
    pub(super) fn parse(bytes: &'a [u8], stride: usize, base_stride: usize) -> Result<Self, Error> {
        let bad = |why| Error::Damaged { what: "codes", why };
        let [version, found, found_base, rest @ ..] = bytes else {
            return Err(bad("too short"));
        };
        if *version != VERSION {
            return Err(Error::Version {
                what: "codes",
                found: u32::from(*version),
                known: u32::from(VERSION),
            });
        }
        if (usize::from(*found), usize::from(*found_base)) != (stride, base_stride) {
            return Err(bad("made with another code length"));
        }
        let mut rest = rest;
        let mut next = || read_varint(&mut rest).ok_or(bad("bad count"));
        let (len, count) = (next()?, next()?);
        // A run takes a code at least: counts beyond that are refused before anything is allocated for them.
        if len > (bytes.len() / stride.max(1)) as u64 || count > len {
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
            lengths.push((n as u32, v & 1 == 1));
        }
        if sum != len
            || Some(rest.len())
                != bases
                    .checked_mul(base_stride)
                    .zip((len as usize).checked_mul(stride))
                    .and_then(|(a, b)| a.checked_add(b))
        {
            return Err(bad("wrong length"));
        }
        let (bases, flat) = rest.split_at(bases * base_stride);
        Ok(Self {
            lengths,
            bases,
            flat,
            strides: (stride, base_stride),
        })
    }

    /// Makes room in `codes` for all of it, so that nothing is held twice while it grows.
    pub(super) fn reserve(&self, codes: &mut Codes) {
        let chunks = self.flat.len() / self.strides.0.max(1);
        codes.flat.reserve_exact(self.flat.len());
        codes.bases.reserve_exact(self.bases.len());
        codes.gains.reserve_exact(chunks);
        codes.runs.reserve_exact(self.lengths.len());
        codes.coarse.reserve_exact(chunks.div_ceil(COARSE as usize));
    }

    /// Base and codes of every run.
    pub(super) fn each(self, mut visit: impl FnMut(Option<&[u8]>, &[u8])) {
        let (stride, base_stride) = self.strides;
        let (mut base, mut flat) = (self.bases, self.flat);
        for (n, based) in self.lengths {
            let (codes, tail) = flat.split_at(n as usize * stride);
            flat = tail;
            let (own, tail) = base.split_at(if based { base_stride } else { 0 });
            base = tail;
            visit(based.then_some(own), codes);
        }
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
