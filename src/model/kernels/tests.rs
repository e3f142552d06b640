//! Every kernel on every instruction set of this machine, against the plainest code for the same.
#![allow(clippy::unwrap_used)]

use super::simd::{Kernel, Simd};
use super::*;

// In WebAssembly they run in `wasm-tests/kernels`.
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Reproducible values between -1 and 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn many(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }
}

fn erf_gelu(x: f64) -> f64 {
    // erf by its Maclaurin series; beyond 6 it is one within 1e-8.
    if x.abs() > 6.0 {
        return x.max(0.0);
    }
    let z = x / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    let erf = sum * 2.0 / std::f64::consts::PI.sqrt();
    0.5 * x * (1.0 + erf.clamp(-1.0, 1.0))
}

fn assert_near(got: &[f32], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len());
    for (i, (&g, w)) in got.iter().zip(want).enumerate() {
        let off = (f64::from(g) - w).abs();
        assert!(
            off <= tolerance * w.abs().max(1.0),
            "{what}: {g} at {i}, not {w}"
        );
    }
}

/// Shapes with every remainder of rows, inputs and outputs: `(rows, inputs, outputs)`.
const SHAPES: [(usize, usize, usize); 8] = [
    (1, 1, 1),
    (2, 7, 5),
    (3, 64, 48),
    (5, 33, 100),
    (8, 16, 96),
    (11, 36, 40),
    (13, 130, 31),
    (23, 9, 192),
];

#[test]
fn products_are_those_of_three_plain_loops() {
    let mut random = Random(1);
    for isa in Isa::all() {
        for (rows, inputs, outputs) in SHAPES {
            let input = random.many(rows * inputs);
            let weight = random.many(outputs * inputs);
            let bias = random.many(outputs);
            let before = random.many(rows * outputs);
            let (top, bottom) = weight.split_at(outputs / 2 * inputs);
            let matrix = Matrix::pack(isa, &[top, bottom], inputs, &bias);
            for after in [After::Store, After::Gelu, After::Add] {
                let mut want = Vec::new();
                for r in 0..rows {
                    for o in 0..outputs {
                        let products = (0..inputs).map(|i| {
                            f64::from(input[r * inputs + i]) * f64::from(weight[o * inputs + i])
                        });
                        let sum = products.sum::<f64>() + f64::from(bias[o]);
                        want.push(match after {
                            After::Store => sum,
                            After::Gelu => erf_gelu(sum),
                            After::Add => sum + f64::from(before[r * outputs + o]),
                        });
                    }
                }
                let mut output = before.clone();
                isa.run(MatMul {
                    input: &input,
                    matrix: &matrix,
                    columns: 0..outputs,
                    output: &mut output,
                    after,
                });
                assert_near(&output, &want, 1e-5, isa.name());
            }
        }
    }
}

#[test]
fn some_columns_of_a_product_are_those_of_the_whole() {
    let mut random = Random(2);
    for isa in Isa::all() {
        let (rows, inputs, outputs) = (9, 40, 150);
        let (input, weight) = (random.many(rows * inputs), random.many(outputs * inputs));
        let matrix = Matrix::pack(isa, &[&weight], inputs, &random.many(outputs));
        let product = |columns: std::ops::Range<usize>| {
            let mut output = vec![0.0; rows * columns.len()];
            isa.run(MatMul {
                input: &input,
                matrix: &matrix,
                columns,
                output: &mut output,
                after: After::Store,
            });
            output
        };
        let whole = product(0..outputs);
        let columns = isa.panel_width()..outputs;
        let part = product(columns.clone());
        for (whole, part) in whole.chunks(outputs).zip(part.chunks(columns.len())) {
            assert_eq!(&whole[columns.clone()], part);
        }
    }
}

#[test]
fn products_in_8_bits_are_exact_but_for_the_rounding_of_activations() {
    let mut random = Random(3);
    for (isa, fine) in Isa::all()
        .into_iter()
        .flat_map(|isa| [(isa, false), (isa, true)])
    {
        for (rows, inputs, outputs) in SHAPES {
            let input = random.many(rows * inputs);
            let weight: Vec<i8> = (0..outputs * inputs)
                .map(|_| (random.next() * 127.0) as i8)
                .collect();
            let (scales, bias) = (random.many(outputs), random.many(outputs));
            let layout = Layout::best(isa);
            let matrix = QuantisedMatrix::pack(&layout, fine, &[&weight], inputs, &scales, &bias);
            let mut want = Vec::new();
            for row in input.chunks(inputs) {
                let most = row.iter().fold(0f32, |m, v| m.max(v.abs()));
                let limit = matrix.limit() as f32;
                let factor = limit / most;
                for (o, weights) in weight.chunks(inputs).enumerate() {
                    let sum: f64 = row
                        .iter()
                        .zip(weights)
                        .map(|(&x, &w)| {
                            let quantised = (x * factor).round_ties_even();
                            f64::from(quantised) * f64::from(w)
                        })
                        .sum();
                    let scale = f64::from(scales[o]) * f64::from(most / limit);
                    want.push(sum * scale + f64::from(bias[o]));
                }
            }
            let mut quantised = QuantisedRows::default();
            isa.run(Quantise {
                input: &input,
                matrix: &matrix,
                rows: &mut quantised,
            });
            let mut output = vec![0.0; rows * outputs];
            isa.run(QuantisedMatMul {
                rows: &quantised,
                matrix: &matrix,
                columns: 0..outputs,
                output: &mut output,
                after: After::Store,
            });
            assert_near(&output, &want, 1e-5, isa.name());
        }
    }
}

#[test]
fn attention_is_softmax_of_scores_times_values_head_by_head() {
    let mut random = Random(4);
    for isa in Isa::all() {
        for (tokens, heads, dim) in [
            (1, 1, 8),
            (3, 2, 32),
            (17, 3, 20),
            (65, 2, 64),
            (48, 1, 100),
        ] {
            let hidden = heads * dim;
            let qkv = random.many(tokens * 3 * hidden);
            let at = |part: usize, token: usize, head: usize, i: usize| {
                f64::from(qkv[token * 3 * hidden + part * hidden + head * dim + i])
            };
            let mut want = vec![0f64; tokens * hidden];
            for head in 0..heads {
                for t in 0..tokens {
                    let score = |k| {
                        (0..dim)
                            .map(|i| at(0, t, head, i) * at(1, k, head, i))
                            .sum::<f64>()
                    };
                    let weights: Vec<f64> = (0..tokens).map(|k| score(k).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    for i in 0..dim {
                        want[t * hidden + head * dim + i] = (0..tokens)
                            .map(|k| weights[k] / total * at(2, k, head, i))
                            .sum();
                    }
                }
            }
            let mut context = vec![0.0; tokens * hidden];
            // What an earlier text left behind must not matter.
            let mut scratch = Buffer::default();
            scratch.slice_mut::<f32>(1 << 16).fill(f32::NAN);
            isa.run(Attention {
                query_key_value: &qkv,
                context: &mut context,
                heads,
                head_dim: dim,
                scratch: &mut scratch,
            });
            assert_near(&context, &want, 1e-5, isa.name());
        }
    }
}

#[test]
fn layer_norm_gives_mean_zero_and_variance_one_then_scales() {
    let mut random = Random(5);
    for isa in Isa::all() {
        for width in [1, 5, 16, 64, 100, 384] {
            let mut values: Vec<f32> = random
                .many(3 * width)
                .iter()
                .map(|v| v * 3.0 + 7.0)
                .collect();
            let (gamma, beta) = (random.many(width), random.many(width));
            let mut want = Vec::new();
            for row in values.chunks(width) {
                let n = width as f64;
                let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
                let variance = row
                    .iter()
                    .map(|&v| (f64::from(v) - mean).powi(2))
                    .sum::<f64>()
                    / n;
                for (i, &v) in row.iter().enumerate() {
                    let unit = (f64::from(v) - mean) / (variance + 1e-5).sqrt();
                    want.push(unit * f64::from(gamma[i]) + f64::from(beta[i]));
                }
            }
            isa.run(LayerNorm {
                values: &mut values,
                gamma: &gamma,
                beta: &beta,
                epsilon: 1e-5,
            });
            assert_near(&values, &want, 2e-5, isa.name());
        }
    }
}

/// Vectors through one function.
struct Each<'a>(&'a mut [f32], bool);

impl Kernel for Each<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for v in bytemuck::cast_slice_mut::<f32, S::Lanes>(self.0) {
            let x = simd.load(v);
            let y = if self.1 {
                math::gelu(simd, x)
            } else {
                math::exp(simd, x)
            };
            simd.store(v, y);
        }
    }
}

#[test]
fn gelu_and_exponential_are_right_everywhere() {
    for isa in Isa::all() {
        let x: Vec<f32> = (0..16_000).map(|i| i as f32 / 2000.0 - 4.0).collect();
        let mut got = x.clone();
        isa.run(Each(&mut got, true));
        let want: Vec<f64> = x.iter().map(|&v| erf_gelu(f64::from(v))).collect();
        assert_near(&got, &want, 4e-7, "gelu");
        // Far from zero it is zero or the identity, whatever the size.
        let far = [-1e30, -50.0, -9.0, -5.6, 5.6, 9.0, 50.0, 1e30];
        let mut got = [far, far].concat();
        isa.run(Each(&mut got, true));
        for (&x, &y) in [far, far].concat().iter().zip(&got) {
            assert!(
                (y - x.max(0.0)).abs() <= 2e-7 * x.abs().max(1.0),
                "gelu of {x} is {y}"
            );
        }

        let x: Vec<f32> = (0..16_000).map(|i| i as f32 / -190.0).collect();
        let mut got = x.clone();
        isa.run(Each(&mut got, false));
        for (&x, &y) in x.iter().zip(&got) {
            let want = f64::from(x).exp();
            assert!(
                (f64::from(y) / want - 1.0).abs() < 4e-7,
                "exp of {x} is {y}"
            );
        }
        let mut low = [f32::MIN; 16];
        isa.run(Each(&mut low, false));
        assert!(low.iter().all(|&y| (0.0..1e-37).contains(&y)));
    }
}
