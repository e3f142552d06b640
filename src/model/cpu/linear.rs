//! One linear layer, in the precision of its weights, on one thread or several.

use std::ops::Range;

use super::threads;
use crate::model::Error;
use crate::model::kernels::{
    After, Isa, Layout, MatMul, Matrix, Quantise, QuantisedMatMul, QuantisedMatrix, QuantisedRows,
};
use crate::model::weights::{Stored, Weights};

enum Weight {
    F32(Matrix),
    I8(QuantisedMatrix),
}

/// Weights and bias, packed.
pub(super) struct Linear(Weight);

/// Memory for what several threads compute side by side, and for activations in 8 bits.
#[derive(Default)]
pub(super) struct Split {
    quantised: QuantisedRows,
    outputs: Vec<Vec<f32>>,
}

impl Linear {
    /// Layers that share their input, fused side by side, each multiplied by a factor; `shape` is inputs and
    /// outputs of one.
    pub fn load(
        w: &Weights,
        names: &[&str],
        factors: &[f32],
        shape: (usize, usize),
        isa: Isa,
    ) -> Result<Self, Error> {
        let (inputs, outputs) = shape;
        let mut bias = Vec::with_capacity(outputs * names.len());
        let mut stored = Vec::with_capacity(names.len());
        for (name, factor) in names.iter().zip(factors) {
            let values = w.values(&format!("{name}.bias"), &[outputs])?;
            bias.extend(values.iter().map(|v| v * factor));
            stored.push(w.stored(&format!("{name}.weight"), &[outputs, inputs])?);
        }
        let quantised: Option<Vec<(&[i8], &[f32])>> = stored
            .iter()
            .map(|s| match s {
                Stored::I8(values, scales) => Some((&values[..], &scales[..])),
                _ => None,
            })
            .collect();
        if let Some(parts) = quantised {
            let scales = parts.iter().zip(factors);
            let scales: Vec<f32> = scales
                .flat_map(|((_, scales), factor)| scales.iter().map(move |s| s * factor))
                .collect();
            // What attention gives out has no outliers: measured, 8 bits of it cost 2e-5 of cosine.
            let fine = !names
                .iter()
                .all(|name| name.ends_with("attention.output.dense"));
            let parts: Vec<&[i8]> = parts.iter().map(|(values, _)| *values).collect();
            let matrix =
                QuantisedMatrix::pack(&Layout::best(isa), fine, &parts, inputs, &scales, &bias);
            return Ok(Self(Weight::I8(matrix)));
        }
        let parts: Vec<Vec<f32>> = stored
            .into_iter()
            .zip(factors)
            .map(|(s, factor)| s.into_f32().into_iter().map(|v| v * factor).collect())
            .collect();
        let parts: Vec<&[f32]> = parts.iter().map(|p| &p[..]).collect();
        Ok(Self(Weight::F32(Matrix::pack(isa, &parts, inputs, &bias))))
    }

    pub fn bytes(&self) -> usize {
        match &self.0 {
            Weight::F32(m) => m.bytes(),
            Weight::I8(m) => m.bytes(),
        }
    }

    fn outputs(&self) -> usize {
        match &self.0 {
            Weight::F32(m) => m.outputs(),
            Weight::I8(m) => m.outputs(),
        }
    }

    /// Rows of `input` through the layer; with more than one part, the columns are shared among threads.
    pub fn apply(
        &self,
        isa: Isa,
        input: &[f32],
        output: &mut [f32],
        after: After,
        parts: usize,
        split: &mut Split,
    ) {
        if let Weight::I8(matrix) = &self.0 {
            isa.run(Quantise {
                input,
                matrix,
                rows: &mut split.quantised,
            });
        }
        let quantised = &split.quantised;
        let product = |columns: Range<usize>, output: &mut [f32], after: After| match &self.0 {
            Weight::F32(matrix) => isa.run(MatMul {
                input,
                matrix,
                columns,
                output,
                after,
            }),
            Weight::I8(matrix) => isa.run(QuantisedMatMul {
                rows: quantised,
                matrix,
                columns,
                output,
                after,
            }),
        };
        let outputs = self.outputs();
        if parts == 1 {
            return product(0..outputs, output, after);
        }
        let rows = output.len() / outputs;
        let panels = outputs.div_ceil(isa.panel_width());
        let edge = |part: usize| (panels * part / parts * isa.panel_width()).min(outputs);
        // GELU belongs to the threads; adding to what is there is done when the columns are put together.
        let inside = if after == After::Add {
            After::Store
        } else {
            after
        };
        split.outputs.resize_with(parts, Vec::new);
        threads::each(&mut split.outputs, |part, to| {
            let columns = edge(part)..edge(part + 1);
            to.resize(rows * columns.len(), 0.0);
            product(columns, to, inside);
        });
        for (part, from) in split.outputs.iter().enumerate() {
            let columns = edge(part)..edge(part + 1);
            if columns.is_empty() {
                continue;
            }
            let to = output.chunks_exact_mut(outputs);
            for (to, from) in to.zip(from.chunks_exact(columns.len())) {
                let to = &mut to[columns.clone()];
                if after == After::Add {
                    for (to, v) in to.iter_mut().zip(from) {
                        *to += v;
                    }
                } else {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}
