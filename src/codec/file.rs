//! The codec and its file.

use half::f16;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::error::check;
use super::linear::{add_scaled, dot};
use super::plan::PER_OCTAVE;
use super::trellis::{TABLE_VALUES, Tables};
use super::{Coder, Error, Frame, Prior, bundled};

const MAGIC: &[u8; 8] = b"GOSCODEC";
const VERSION: u32 = 2;
/// Vectors that a codec's own variances count for when a frame is fitted.
const OWN_WEIGHT: f32 = 400.0;
/// Consecutive vectors whose mean stands for the base of a run.
const FIT_WINDOW: usize = 32;
/// Vectors looked at when a frame is fitted, at most.
const FIT_SAMPLE: usize = 2048;
/// The prior of scores, slope (less one) and spread per share of variance that codes lose; measured on
/// questions near the top of their lists (`docs/codec.md`).
const BIAS: f32 = 0.026;
const SLOPE: f32 = 0.65;
const SPREAD: f32 = 0.096;

/// A trained codec. It belongs to the model: vectors of another model need another codec.
///
/// Holds the mean and the principal axes of the model's embeddings, how much they vary along each, and the
/// tables of the trellis. One codec makes codes of any length. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Codec {
    dim: usize,
    parameters: Arc<Parameters>,
    pub(super) tables: Arc<Tables>,
}

#[derive(Debug, PartialEq)]
struct Parameters {
    mean: Vec<f32>,
    /// `dim` rows of `dim`, orthonormal up to rounding.
    axes: Vec<f32>,
    /// Logarithmic variance along each axis.
    variances: Vec<u8>,
    bytes: Vec<u8>,
}

impl Codec {
    /// Bytes per code unless a frame says otherwise.
    pub const CODE_BYTES: usize = 20;
    /// Bytes per code, at most.
    pub const CODE_BYTES_MAX: usize = 64;

    /// Puts trained parameters through the file format, so that a codec just trained and one just read are
    /// the same.
    pub(super) fn assemble(
        mean: &[f32],
        axes: &[f32],
        variances: &[f32],
        tables: &Tables,
    ) -> Result<Self, Error> {
        let dim = mean.len();
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend((dim as u16).to_le_bytes());
        out.extend(log_variances(variances));
        mean.iter()
            .chain(&tables.0)
            .for_each(|&v| out.extend(f16::from_f32(v).to_le_bytes()));
        for row in axes.chunks_exact(dim) {
            let peak = row.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
            out.extend((peak / 127.0).to_le_bytes());
            out.extend(row.iter().map(|v| (v / peak * 127.0).round() as i8 as u8));
        }
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
        let Some((dim, rest)) = rest.split_first_chunk::<2>() else {
            return Err(bad("too short"));
        };
        let dim = usize::from(u16::from_le_bytes(*dim));
        if dim == 0 || rest.len() != dim + 2 * (dim + TABLE_VALUES) + dim * (dim + 4) {
            return Err(bad("wrong length"));
        }
        let (variances, rest) = rest.split_at(dim);
        let (mean, rest) = rest.split_at(2 * dim);
        let (tables, rows) = rest.split_at(2 * TABLE_VALUES);
        let mut axes = Vec::with_capacity(dim * dim);
        for row in rows.chunks_exact(dim + 4) {
            let Some((step, row)) = row.split_first_chunk::<4>() else {
                return Err(bad("too short"));
            };
            let step = f32::from_le_bytes(*step);
            axes.extend(row.iter().map(|&v| f32::from(v as i8) * step));
        }
        let (mean, tables) = (halves(mean), halves(tables));
        if mean
            .iter()
            .chain(&axes)
            .chain(&tables)
            .any(|v| !v.is_finite())
        {
            return Err(bad("a parameter is not finite"));
        }
        let parameters = Parameters {
            mean,
            axes,
            variances: variances.to_vec(),
            bytes: bytes.to_vec(),
        };
        Ok(Self {
            dim,
            parameters: Arc::new(parameters),
            tables: Arc::new(Tables(tables)),
        })
    }

    /// The codec file, byte for byte as read or trained.
    pub fn to_bytes(&self) -> &[u8] {
        &self.parameters.bytes
    }

    /// A codec for embeddings of which nothing is known but their dimensions: the axes as they are, all of like
    /// variance, with the bundled codec's tables. Codes are less exact than a trained codec's, so a search
    /// recomputes more to find the same.
    ///
    /// # Errors
    /// [`Error::Shape`] unless `dim` is 1 to 65,535.
    pub fn plain(dim: usize) -> Result<Self, Error> {
        if u16::try_from(dim).is_err() || dim == 0 {
            return Err(Error::Shape {
                what: "dimensions",
                found: dim,
                expected: usize::from(u16::MAX),
            });
        }
        let mut axes = vec![0.0; dim * dim];
        axes.iter_mut().step_by(dim + 1).for_each(|v| *v = 1.0);
        let tables = bundled::tables();
        Self::assemble(&vec![0.0; dim], &axes, &vec![1.0; dim], &tables)
    }

    /// SHA-256 of the file: an index names the codec it was made with.
    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(&self.parameters.bytes).into()
    }

    /// Values per embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One principal axis.
    pub(super) fn axis(&self, axis: usize) -> &[f32] {
        &self.parameters.axes[axis * self.dim..(axis + 1) * self.dim]
    }

    pub(super) fn rotate(&self, x: &[f32]) -> Vec<f32> {
        self.parameters
            .axes
            .chunks_exact(self.dim)
            .map(|row| dot(row, x))
            .collect()
    }

    /// The frame for an index whose first embeddings are `vectors` (a whole number of them, in order), with
    /// codes of `code_bytes` (1 to 64; others are clamped). Some hundreds are enough; with fewer than
    /// eight the frame is neutral.
    ///
    /// The variances are those about the means of 32 consecutive chunks: that is what residuals about the
    /// base of a run look like. They are mixed with the codec's own, which count as 400 vectors.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NotFinite`].
    pub fn fit(&self, vectors: &[f32], code_bytes: usize) -> Result<Frame, Error> {
        let n = self.count(vectors)?;
        let frame = Frame::sized(code_bytes);
        if n < 8 {
            return Ok(frame);
        }
        let mut shift = vec![0f32; self.dim];
        for x in vectors.chunks_exact(self.dim) {
            let norm = dot(x, x).sqrt().max(1e-20);
            add_scaled(&mut shift, x, 1.0 / (n as f32 * norm));
        }
        add_scaled(&mut shift, &self.parameters.mean, -1.0);
        let own = &self.parameters.variances;
        let weights: Vec<f32> = own
            .iter()
            .map(|&v| (f32::from(v) / PER_OCTAVE as f32).exp2())
            .collect();
        let total: f32 = weights.iter().sum();
        let mut sums: Vec<f32> = weights.iter().map(|w| OWN_WEIGHT * w / total).collect();
        let windows = n.div_ceil(FIT_WINDOW);
        let stride = windows.div_ceil(FIT_SAMPLE / FIT_WINDOW);
        for window in vectors.chunks(FIT_WINDOW * self.dim).step_by(stride) {
            let count = window.len() / self.dim;
            let mut mean = vec![0f32; self.dim];
            for x in window.chunks_exact(self.dim) {
                add_scaled(&mut mean, x, 1.0 / count as f32);
            }
            for x in window.chunks_exact(self.dim) {
                let residual: Vec<f32> = x.iter().zip(&mean).map(|(x, m)| x - m).collect();
                let square = dot(&residual, &residual);
                if square > 1e-12 {
                    let rotated = self.rotate(&residual);
                    sums.iter_mut()
                        .zip(rotated)
                        .for_each(|(s, v)| *s += v * v / square);
                }
            }
        }
        Ok(frame.moved(&shift, log_variances(&sums)))
    }

    /// The coder of one frame.
    ///
    /// # Errors
    /// [`Error::Shape`] if the frame is of another dimension.
    pub fn coder(&self, frame: &Frame) -> Result<Coder, Error> {
        frame.check(self.dim)?;
        let mut centre = self.parameters.mean.clone();
        frame.add_to(&mut centre);
        let own = &self.parameters.variances;
        let variances = if frame.variances.is_empty() {
            own
        } else {
            &frame.variances
        };
        Ok(Coder::new(
            self,
            usize::from(frame.code_bytes),
            centre,
            variances,
        ))
    }

    /// What to expect of the error of scores when codes keep all but `lost` of the variance.
    pub(super) fn prior(lost: f32) -> Prior {
        Prior {
            bias: BIAS,
            slope: 1.0 + SLOPE * lost,
            spread: SPREAD * lost,
        }
    }

    /// How many vectors these are.
    pub(super) fn count(&self, vectors: &[f32]) -> Result<usize, Error> {
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

/// Values stored in two bytes each.
pub(super) fn halves(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(2)
        .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
        .collect()
}

/// Variances in eighths of an octave below the largest, which is 255.
fn log_variances(variances: &[f32]) -> Vec<u8> {
    let peak = variances.iter().fold(f32::MIN_POSITIVE, |m, &v| m.max(v));
    let log = |v: &f32| 255.0 + PER_OCTAVE as f32 * (v / peak).max(f32::MIN_POSITIVE).log2();
    variances
        .iter()
        .map(|v| log(v).round().clamp(0.0, 255.0) as u8)
        .collect()
}
