//! How long the kernels take for one BERT layer of MiniLM's size, measured where they run.
#![allow(dead_code, unused_imports)]

#[path = "../../../src/model/kernels/mod.rs"]
mod kernels;

use kernels::{
    After, Attention, Buffer, Isa, Layout, LayerNorm, MatMul, Matrix, Quantise, QuantisedMatMul,
    QuantisedMatrix, QuantisedRows,
};
use wasm_bindgen::prelude::*;

/// One linear layer with its input and output.
#[wasm_bindgen]
pub struct Layer {
    isa: Isa,
    input: Vec<f32>,
    output: Vec<f32>,
    f32s: Matrix,
    i8s: QuantisedMatrix,
    rows: QuantisedRows,
    after: After,
    scratch: Buffer,
}

fn values(count: usize) -> Vec<f32> {
    (0..count)
        .map(|i| (i * 7919 % 1009) as f32 / 504.0 - 1.0)
        .collect()
}

#[wasm_bindgen]
impl Layer {
    /// `rows` tokens through `inputs` times `outputs`.
    #[wasm_bindgen(constructor)]
    pub fn new(rows: usize, inputs: usize, outputs: usize, gelu: bool, fine: bool) -> Self {
        let isa = Isa::detect();
        let bias = values(outputs);
        let weights: Vec<i8> = (0..inputs * outputs).map(|i| (i * 7919) as i8).collect();
        let scales = vec![1e-3; outputs];
        Self {
            isa,
            input: values(rows * inputs),
            output: vec![0.0; rows * outputs],
            f32s: Matrix::pack(isa, &[&values(inputs * outputs)], inputs, &bias),
            i8s: QuantisedMatrix::pack(
                &Layout::best(isa),
                fine,
                &[&weights],
                inputs,
                &scales,
                &bias,
            ),
            rows: QuantisedRows::default(),
            after: if gelu { After::Gelu } else { After::Store },
            scratch: Buffer::default(),
        }
    }

    pub fn in_32_bits(&mut self) {
        let columns = 0..self.f32s.outputs();
        self.isa.run(MatMul {
            input: &self.input,
            matrix: &self.f32s,
            columns,
            output: &mut self.output,
            after: self.after,
        });
    }

    pub fn quantise(&mut self) {
        self.isa.run(Quantise {
            input: &self.input,
            matrix: &self.i8s,
            rows: &mut self.rows,
        });
    }

    pub fn in_8_bits(&mut self) {
        let columns = 0..self.i8s.outputs();
        self.isa.run(QuantisedMatMul {
            rows: &self.rows,
            matrix: &self.i8s,
            columns,
            output: &mut self.output,
            after: self.after,
        });
    }

    /// Needs outputs three times the inputs.
    pub fn attention(&mut self, tokens: usize, heads: usize) {
        let hidden = self.i8s.outputs() / 3;
        let texts = self.output.chunks_exact(3 * hidden * tokens);
        for (qkv, context) in texts.zip(self.input.chunks_exact_mut(hidden * tokens)) {
            self.isa.run(Attention {
                query_key_value: qkv,
                context,
                heads,
                head_dim: hidden / heads,
                scratch: &mut self.scratch,
            });
        }
    }

    pub fn norm(&mut self) {
        let width = self.f32s.outputs();
        let ones = vec![1.0; width];
        self.isa.run(LayerNorm {
            values: &mut self.output,
            gamma: &ones,
            beta: &ones,
            epsilon: 1e-12,
        });
    }
}

#[wasm_bindgen]
pub fn is_relaxed() -> bool {
    kernels::is_relaxed()
}
