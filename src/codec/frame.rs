//! Where one index lies in the model's space.
//!
//! A corpus about one thing sits in a corner of that space and varies along other axes than text at large.
//! Its first batch of embeddings fixes a centre and the share of variance of every axis, one byte each;
//! the embeddings themselves are dropped as always.

use super::Error;

const VERSION: u8 = 2;

/// Centre, variances and code length of one index. Fixed when the first batch is coded and kept with the
/// index: codes made under different frames do not compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub(super) code_bytes: u8,
    step: f32,
    centre: Vec<i8>,
    pub(super) variances: Vec<u8>,
}

impl Frame {
    /// The codec's own centre and variances, the default code length. Two bytes.
    pub fn neutral() -> Self {
        Self::sized(super::Codec::CODE_BYTES)
    }

    /// The codec's own centre and variances, codes of `code_bytes` (1 to 64, others are clamped).
    pub fn sized(code_bytes: usize) -> Self {
        let code_bytes = code_bytes.clamp(1, super::Codec::CODE_BYTES_MAX) as u8;
        Self {
            code_bytes,
            step: 0.0,
            centre: Vec::new(),
            variances: Vec::new(),
        }
    }

    /// This frame moved by `shift` from the codec's mean, with these logarithmic variances.
    pub(super) fn moved(self, shift: &[f32], variances: Vec<u8>) -> Self {
        let peak = shift.iter().fold(1e-9f32, |m, v| m.max(v.abs()));
        let step = peak / 127.0;
        let centre = shift.iter().map(|v| (v / step).round() as i8).collect();
        Self {
            step,
            centre,
            variances,
            ..self
        }
    }

    /// Adds the centre to `out`.
    pub(super) fn add_to(&self, out: &mut [f32]) {
        for (o, &c) in out.iter_mut().zip(&self.centre) {
            *o += f32::from(c) * self.step;
        }
    }

    /// Whether this frame fits vectors of `dim` values.
    pub(super) fn check(&self, dim: usize) -> Result<(), Error> {
        if self.centre.is_empty() || self.centre.len() == dim {
            return Ok(());
        }
        Err(Error::Shape {
            what: "frame",
            found: self.centre.len(),
            expected: dim,
        })
    }

    /// Version and code length; unless neutral also step, centre and variances: `2 * dim + 6` bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.code_bytes];
        if !self.centre.is_empty() {
            out.extend(self.step.to_le_bytes());
            out.extend(self.centre.iter().map(|&c| c as u8));
            out.extend(&self.variances);
        }
        out
    }

    /// Reads what [`Frame::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Damaged { what: "frame", why };
        let [version, code_bytes, rest @ ..] = bytes else {
            return Err(bad("too short"));
        };
        if *version != VERSION {
            return Err(Error::Version {
                what: "frame",
                found: u32::from(*version),
                known: u32::from(VERSION),
            });
        }
        let neutral = Self::sized(usize::from(*code_bytes));
        if neutral.code_bytes != *code_bytes {
            return Err(bad("impossible code length"));
        }
        if rest.is_empty() {
            return Ok(neutral);
        }
        let Some((step, values)) = rest.split_first_chunk::<4>() else {
            return Err(bad("too short"));
        };
        let step = f32::from_le_bytes(*step);
        if values.is_empty() || values.len() % 2 != 0 {
            return Err(bad("wrong length"));
        }
        if !(step.is_finite() && step > 0.0 && step < 1e3) {
            return Err(bad("impossible step"));
        }
        let (centre, variances) = values.split_at(values.len() / 2);
        let centre = centre.iter().map(|&c| c as i8).collect();
        Ok(Self {
            step,
            centre,
            variances: variances.to_vec(),
            ..neutral
        })
    }
}
