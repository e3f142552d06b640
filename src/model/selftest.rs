//! Trust a device only after asking it: known sentences must give known vectors.
//!
//! Browsers and drivers have been seen to compute silently wrong values, so no backend is used before this.

use super::config::Prompts;
use super::convert::Precision;
use super::device::DeviceInfo;
use super::tokenizer::{Overflow, Tokenizer};
use super::{Embeddings, Error};

/// The sentences every backend is asked for: short, padded in one batch, with an accent.
pub(super) const SENTENCES: [&str; 3] = [
    "hello",
    "The cat sat on the mat.",
    "Café naïve résumé Ångström piñata Český Krumlov",
];

/// Cosine below which a backend is not used (seen: above 0.99999 with weights in f32, see [`super::convert`] for
/// the others).
fn min_cosine(precision: Precision) -> f32 {
    match precision {
        Precision::F32 | Precision::F16 => 0.999,
        Precision::Int8 => 0.98,
    }
}

/// What every backend is asked, and what a right answer is.
pub struct SelfTest {
    tokens: Vec<Vec<u32>>,
    reference: Option<Embeddings>,
    precision: Precision,
    dim: usize,
}

impl SelfTest {
    /// For a model known by the hash of its weights, with embeddings of `dim` components.
    ///
    /// # Errors
    /// A tokenizer that cannot take the sentences.
    pub fn new(
        tokenizer: &Tokenizer,
        prompts: &Prompts,
        weights_sha256: &[u8; 32],
        precision: Precision,
        dim: usize,
    ) -> Result<Self, Error> {
        let sentences = SENTENCES.map(|sentence| format!("{}{sentence}", prompts.passage));
        let sentences = sentences.each_ref().map(String::as_str);
        Ok(Self {
            tokens: tokenizer.encode(&sentences, Overflow::Refuse)?,
            reference: reference(weights_sha256),
            precision,
            dim,
        })
    }

    /// The sentences, to be embedded as one batch.
    pub fn tokens(&self) -> &[Vec<u32>] {
        &self.tokens
    }

    /// Judges what `backend` made of them. Returns the lowest cosine to the reference (1 for a model without one).
    ///
    /// # Errors
    /// [`Error::Device`] for wrong values.
    pub fn judge(&self, values: Vec<f32>, backend: &DeviceInfo) -> Result<f32, Error> {
        let dim = self.dim;
        let got = Embeddings { dim, values };
        judge(&got, self.reference.as_ref(), self.precision).map_err(|why| Error::Device {
            device: backend.name.clone(),
            why: format!("self-test in {} failed: {why}", backend.arithmetic),
        })
    }
}

/// Reference vectors of [`SENTENCES`] for all-MiniLM-L6-v2 (sentence-transformers, f32, little-endian).
const ALL_MINILM_L6_V2: &[u8; 3 * 384 * 4] = include_bytes!("golden/all-minilm-l6-v2.f32");

/// The reference for a model known by the hash of its weights.
fn reference(weights_sha256: &[u8; 32]) -> Option<Embeddings> {
    let known = super::pinned::ALL_MINILM_L6_V2.weights_sha256()?;
    (*weights_sha256 == known).then(|| Embeddings {
        dim: 384,
        values: ALL_MINILM_L6_V2
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
    })
}

/// Compares what a backend computed for [`SENTENCES`] with the reference, or, for a model without one, checks
/// that the vectors are finite, of unit length and not all the same. Returns the lowest cosine seen.
///
/// # Errors
/// What is wrong, in words for the report.
fn judge(
    got: &Embeddings,
    reference: Option<&Embeddings>,
    precision: Precision,
) -> Result<f32, String> {
    for row in got.rows() {
        let norm: f32 = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        if !(0.999..=1.001).contains(&norm) {
            return Err(format!("an embedding has length {norm}"));
        }
    }
    let Some(reference) = reference else {
        let mut rows = got.rows();
        let first = rows.next();
        return if rows.all(|row| Some(row) == first) {
            Err("different sentences have the same embedding".into())
        } else {
            Ok(1.0)
        };
    };
    let lowest = got
        .rows()
        .zip(reference.rows())
        .map(|(a, b)| a.iter().zip(b).map(|(x, y)| x * y).sum())
        .fold(1.0f32, f32::min);
    if got.dim != reference.dim || lowest < min_cosine(precision) {
        return Err(format!("wrong values: cosine {lowest} to the reference"));
    }
    Ok(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(dim: usize, axes: &[usize]) -> Embeddings {
        let mut values = vec![0.0; dim * axes.len()];
        for (row, &axis) in axes.iter().enumerate() {
            values[row * dim + axis] = 1.0;
        }
        Embeddings { dim, values }
    }

    #[test]
    fn wrong_nan_and_constant_results_are_refused() {
        let right = unit(4, &[0, 1, 2]);
        assert_eq!(judge(&right, Some(&right), Precision::F32), Ok(1.0));
        assert!(judge(&unit(4, &[0, 1, 3]), Some(&right), Precision::Int8).is_err());
        let mut nan = right.clone();
        nan.values[0] = f32::NAN;
        assert!(judge(&nan, Some(&right), Precision::F32).is_err());
        assert!(judge(&unit(4, &[1, 1, 1]), None, Precision::F32).is_err());
        assert!(judge(&right, None, Precision::F32).is_ok());
    }
}
