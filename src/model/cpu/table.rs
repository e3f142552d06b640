//! The word table, kept as the weights file stores it: few of its rows are read.

use half::f16;

use crate::model::weights::Stored;

/// Rows of a matrix in the precision they came in.
pub(super) struct Table {
    values: Stored,
    width: usize,
}

impl Table {
    pub fn new(values: Stored, width: usize) -> Self {
        Self { values, width }
    }

    /// Writes one row as f32.
    pub fn read(&self, row: usize, to: &mut [f32]) {
        let range = row * self.width..(row + 1) * self.width;
        match &self.values {
            Stored::F32(values) => to.copy_from_slice(&values[range]),
            Stored::F16(values) => {
                for (to, v) in to.iter_mut().zip(&values[range]) {
                    *to = f16::to_f32(*v);
                }
            }
            Stored::I8(values, scales) => {
                for (to, &v) in to.iter_mut().zip(&values[range]) {
                    *to = f32::from(v) * scales[row];
                }
            }
        }
    }

    pub fn bytes(&self) -> usize {
        match &self.values {
            Stored::F32(values) => size_of_val(&values[..]),
            Stored::F16(values) => size_of_val(&values[..]),
            Stored::I8(values, scales) => values.len() + size_of_val(&scales[..]),
        }
    }
}
