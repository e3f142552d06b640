//! The centre and scale of one index.
//!
//! A corpus about one thing sits in a corner of the model's space. Its first batch of embeddings fixes a
//! centre (one signed byte per dimension) that is subtracted before coding; the embeddings themselves are
//! dropped as always.

use super::Error;

const VERSION: u8 = 1;

/// Where one index lies in the model's space. Fixed when the first batch is coded and kept with the index:
/// codes made under different frames do not compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    step: f32,
    centre: Vec<i8>,
}

impl Frame {
    /// No shift: the codec's own mean is the centre. Three bytes.
    pub fn neutral() -> Self {
        Self {
            step: 0.0,
            centre: Vec::new(),
        }
    }

    /// The frame whose centre is `shift`, relative to the codec's mean.
    pub(super) fn at(shift: &[f32]) -> Self {
        let peak = shift.iter().fold(0f32, |m, v| m.max(v.abs()));
        if !(peak > 0.0 && peak.is_finite()) {
            return Self::neutral();
        }
        let step = peak / 127.0;
        Self {
            step,
            centre: shift.iter().map(|v| (v / step).round() as i8).collect(),
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

    /// Version, dimension, step, centre: `dim + 7` bytes, or 3 if neutral.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend((self.centre.len() as u16).to_le_bytes());
        if !self.centre.is_empty() {
            out.extend(self.step.to_le_bytes());
            out.extend(self.centre.iter().map(|&c| c as u8));
        }
        out
    }

    /// Reads what [`Frame::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Damaged { what: "frame", why };
        let [version, a, b, rest @ ..] = bytes else {
            return Err(bad("too short"));
        };
        if *version != VERSION {
            return Err(Error::Version {
                what: "frame",
                found: u32::from(*version),
                known: u32::from(VERSION),
            });
        }
        let dim = usize::from(u16::from_le_bytes([*a, *b]));
        if dim == 0 && rest.is_empty() {
            return Ok(Self::neutral());
        }
        let Some((step, centre)) = rest.split_first_chunk::<4>() else {
            return Err(bad("too short"));
        };
        let step = f32::from_le_bytes(*step);
        if centre.len() != dim || dim == 0 {
            return Err(bad("wrong length"));
        }
        if !(step.is_finite() && step > 0.0 && step < 1e6) {
            return Err(bad("impossible step"));
        }
        Ok(Self {
            step,
            centre: centre.iter().map(|&c| c as i8).collect(),
        })
    }
}
