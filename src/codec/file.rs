//! The codec: its parameters, its file, and what it does with vectors.

use half::f16;
use sha2::{Digest, Sha256};

use super::error::check;
use super::linear::{add_scaled, dot};
use super::quantizer::{CENTROIDS, Quantizer, gains};
use super::{Codes, Error, Frame, Prior, Scorer};

const MAGIC: &[u8; 8] = b"GOSCODEC";
const VERSION: u32 = 1;
/// Chunks that share a base, at most.
const RUN: usize = 32;
/// Below this many chunks a base costs more than it saves.
const RUN_MIN: usize = 6;

/// A trained codec. It belongs to the model: vectors of another model need another codec.
///
/// Coding takes `x - centre`, rotates it (principal components, dealt out so that the sub-spaces of the
/// quantiser hold equal variance), takes the base of its run away and quantises what is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Codec {
    dim: usize,
    mean: Vec<f32>,
    /// `rank` rows of `dim`, orthonormal up to rounding.
    rotation: Vec<f32>,
    quantizer: Quantizer,
    bytes: Vec<u8>,
}

impl Codec {
    /// Puts trained parameters through the file format, so that a codec just trained and one just read are
    /// the same.
    pub(super) fn assemble(
        mean: &[f32],
        rotation: &[f32],
        quantizer: &Quantizer,
    ) -> Result<Self, Error> {
        let dim = mean.len();
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend((dim as u16).to_le_bytes());
        out.extend((quantizer.lengths.len() as u16).to_le_bytes());
        quantizer
            .lengths
            .iter()
            .for_each(|l| out.extend(l.to_le_bytes()));
        mean.iter()
            .for_each(|&v| out.extend(f16::from_f32(v).to_le_bytes()));
        for row in rotation.chunks_exact(dim) {
            let peak = row.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
            out.extend((peak / 127.0).to_le_bytes());
            out.extend(row.iter().map(|v| (v / peak * 127.0).round() as i8 as u8));
        }
        quantizer
            .books
            .iter()
            .for_each(|&v| out.extend(f16::from_f32(v).to_le_bytes()));
        out.extend(crc32fast::hash(&out).to_le_bytes());
        Self::from_bytes(&out)
    }

    /// Reads a codec file.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Damaged {
            what: "codec file",
            why,
        };
        let Some((body, sum)) = bytes.split_last_chunk::<4>() else {
            return Err(bad("too short"));
        };
        let Some((magic, rest)) = body.split_first_chunk::<8>() else {
            return Err(bad("too short"));
        };
        if magic != MAGIC {
            return Err(bad("not a codec file"));
        }
        let Some((version, rest)) = rest.split_first_chunk::<4>() else {
            return Err(bad("too short"));
        };
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(Error::Version {
                what: "codec file",
                found: version,
                known: VERSION,
            });
        }
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(bad("checksum does not match"));
        }
        let [a, b, c, d, rest @ ..] = rest else {
            return Err(bad("too short"));
        };
        let dim = usize::from(u16::from_le_bytes([*a, *b]));
        let parts = usize::from(u16::from_le_bytes([*c, *d]));
        let Some((lengths, rest)) = rest.split_at_checked(2 * parts) else {
            return Err(bad("too short"));
        };
        let lengths: Vec<u16> = lengths
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .collect();
        let rank: usize = lengths.iter().map(|&l| usize::from(l)).sum();
        if dim == 0 || parts == 0 || parts > 254 || rank > dim || lengths.contains(&0) {
            return Err(bad("impossible shape"));
        }
        if rest.len() != 2 * dim + rank * (dim + 4) + 2 * rank * CENTROIDS {
            return Err(bad("wrong length"));
        }
        let (mean, rest) = rest.split_at(2 * dim);
        let (rows, books) = rest.split_at(rank * (dim + 4));
        let halves = |b: &[u8]| -> Vec<f32> {
            b.chunks_exact(2)
                .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect()
        };
        let mut rotation = Vec::with_capacity(rank * dim);
        for row in rows.chunks_exact(dim + 4) {
            let Some((step, row)) = row.split_first_chunk::<4>() else {
                return Err(bad("too short"));
            };
            let step = f32::from_le_bytes(*step);
            rotation.extend(row.iter().map(|&v| f32::from(v as i8) * step));
        }
        let codec = Self {
            dim,
            mean: halves(mean),
            rotation,
            quantizer: Quantizer {
                lengths,
                books: halves(books),
            },
            bytes: bytes.to_vec(),
        };
        let parameters = codec
            .mean
            .iter()
            .chain(&codec.rotation)
            .chain(&codec.quantizer.books);
        if parameters.into_iter().any(|v| !v.is_finite()) {
            return Err(bad("a parameter is not finite"));
        }
        Ok(codec)
    }

    /// The codec file, byte for byte as read or trained.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The codec shipped for all-MiniLM-L6-v2.
    ///
    /// # Errors
    /// None, unless the build is broken.
    pub fn bundled() -> Result<Self, Error> {
        Self::from_bytes(include_bytes!("../../codec/all-minilm-l6-v2.gsc"))
    }

    /// SHA-256 of the file: an index names the codec it was made with.
    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// Values per embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Values per rotated vector ([`Codec::unpack`]).
    pub fn rank(&self) -> usize {
        self.quantizer.rank()
    }

    /// Bytes per code, gain included; a base takes as many, once per run.
    pub fn code_bytes(&self) -> usize {
        self.quantizer.bytes()
    }

    /// What to expect of the error of scores.
    pub fn prior(&self) -> Prior {
        Prior {
            bias: -0.02,
            spread: 0.035,
        }
    }

    /// No codes yet, of this codec's length.
    pub fn codes(&self) -> Codes {
        Codes::new(self.code_bytes())
    }

    /// The frame for an index whose first embeddings are `vectors` (a whole number of them).
    /// A few dozen are enough; with fewer than eight the frame is neutral.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`].
    pub fn fit(&self, vectors: &[f32]) -> Result<Frame, Error> {
        let n = self.count(vectors)?;
        if n < 8 {
            return Ok(Frame::neutral());
        }
        let mut shift = vec![0f32; self.dim];
        for x in vectors.chunks_exact(self.dim) {
            add_scaled(&mut shift, x, 1.0 / n as f32);
        }
        add_scaled(&mut shift, &self.mean, -1.0);
        Ok(Frame::at(&shift))
    }

    /// Appends the codes of consecutive chunks of one document (or of a few small ones that belong
    /// together): `vectors` holds their embeddings one after the other. All or nothing.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`]; then nothing was appended.
    pub fn encode(&self, frame: &Frame, vectors: &[f32], codes: &mut Codes) -> Result<(), Error> {
        let n = self.count(vectors)?;
        frame.check(self.dim)?;
        if codes.stride() != self.code_bytes() {
            return Err(Error::Shape {
                what: "codes",
                found: codes.stride(),
                expected: self.code_bytes(),
            });
        }
        if n == 0 {
            return Ok(());
        }
        let centre = self.centre(frame);
        let rank = self.rank();
        let mut rotated = Vec::with_capacity(n * rank);
        let mut x = vec![0f32; self.dim];
        for v in vectors.chunks_exact(self.dim) {
            x.iter_mut()
                .zip(v.iter().zip(&centre))
                .for_each(|(x, (v, c))| *x = v - c);
            rotated.extend(self.rotation.chunks_exact(self.dim).map(|row| dot(row, &x)));
        }
        // Runs of nearly equal length.
        let runs = n.div_ceil(RUN);
        for r in 0..runs {
            let (from, to) = (n * r / runs, n * (r + 1) / runs);
            self.encode_run(&mut rotated[from * rank..to * rank], codes);
        }
        Ok(())
    }

    fn encode_run(&self, rotated: &mut [f32], codes: &mut Codes) {
        let (rank, stride) = (self.rank(), self.code_bytes());
        let n = rotated.len() / rank;
        let mut base = vec![0u8; stride];
        if n >= RUN_MIN {
            let mut mean = vec![0f32; rank];
            for y in rotated.chunks_exact(rank) {
                add_scaled(&mut mean, y, 1.0 / n as f32);
            }
            self.quantizer.encode(&mut mean, &mut base);
            mean.fill(0.0);
            self.quantizer.decode(&base, &mut mean);
            for y in rotated.chunks_exact_mut(rank) {
                add_scaled(y, &mean, -1.0);
            }
        }
        let mut flat = vec![0u8; n * stride];
        for (y, code) in rotated
            .chunks_exact_mut(rank)
            .zip(flat.chunks_exact_mut(stride))
        {
            self.quantizer.encode(y, code);
        }
        codes.push_run((n >= RUN_MIN).then_some(&base), &flat);
    }

    /// A query made ready for scoring codes of this frame.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`].
    pub fn scorer(&self, frame: &Frame, query: &[f32]) -> Result<Scorer, Error> {
        check(query, self.dim, 0)?;
        frame.check(self.dim)?;
        let rotated: Vec<f32> = self
            .rotation
            .chunks_exact(self.dim)
            .map(|row| dot(row, query))
            .collect();
        Ok(self.scorer_from(&rotated, dot(query, &self.centre(frame))))
    }

    /// A chunk of the index as the query, from its code alone; scores are then inner products of rotated
    /// vectors about the frame's centre. For building the graph.
    pub fn scorer_of(&self, codes: &Codes, id: u32) -> Scorer {
        let mut y = vec![0f32; self.rank()];
        self.unpack(codes, id, &mut y);
        self.scorer_from(&y, 0.0)
    }

    fn scorer_from(&self, rotated: &[f32], centre: f32) -> Scorer {
        Scorer {
            table: self.quantizer.table(rotated),
            gains: gains(),
            centre,
        }
    }

    /// The rotated vector of a chunk, about the frame's centre, as its code has it: [`Codec::rank`] values.
    /// Distances between such vectors estimate distances between embeddings. Zeros if there is no such
    /// chunk or `out` has another length.
    pub fn unpack(&self, codes: &Codes, id: u32, out: &mut [f32]) {
        out.fill(0.0);
        if out.len() != self.rank() || codes.stride() != self.code_bytes() {
            return;
        }
        for code in [codes.base(id), codes.code(id)].into_iter().flatten() {
            self.quantizer.decode(code, out);
        }
    }

    /// The embedding of a chunk as its code has it.
    ///
    /// # Errors
    /// [`Error::Shape`] if `frame` or `out` is of another dimension.
    pub fn decode(
        &self,
        frame: &Frame,
        codes: &Codes,
        id: u32,
        out: &mut [f32],
    ) -> Result<(), Error> {
        frame.check(self.dim)?;
        if out.len() != self.dim {
            return Err(Error::Shape {
                what: "output",
                found: out.len(),
                expected: self.dim,
            });
        }
        let mut y = vec![0f32; self.rank()];
        self.unpack(codes, id, &mut y);
        out.copy_from_slice(&self.centre(frame));
        for (row, &v) in self.rotation.chunks_exact(self.dim).zip(&y) {
            add_scaled(out, row, v);
        }
        Ok(())
    }

    fn centre(&self, frame: &Frame) -> Vec<f32> {
        let mut centre = self.mean.clone();
        frame.add_to(&mut centre);
        centre
    }

    fn count(&self, vectors: &[f32]) -> Result<usize, Error> {
        if !vectors.len().is_multiple_of(self.dim) {
            return Err(Error::Shape {
                what: "vectors",
                found: vectors.len(),
                expected: self.dim,
            });
        }
        vectors
            .chunks_exact(self.dim)
            .enumerate()
            .try_for_each(|(i, v)| check(v, self.dim, i))?;
        Ok(vectors.len() / self.dim)
    }
}
