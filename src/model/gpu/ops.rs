//! The encoder's operations on Burn tensors, each one dispatch of a kernel of [`super::kernels`]: an extension of
//! Burn's backend, because its own operations take about fifty dispatches per layer (layer norm alone is nine).
//! Activations are of the type of the position embeddings, which the matrices must share.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{DType, Int, Tensor};
use burn_wgpu::{CubeBackend, CubeTensor};
use cubecl::ir::{ElemType, FloatKind, IntKind};
use cubecl::prelude::*;

use super::kernels::{self, Epilogue, QUERIES, ROW_UNITS, Storage};

/// Values that a unit reads at once. Every width of the model is a multiple of it.
pub(super) const LANES: usize = 4;
/// Rows and vectors of columns that a unit of the matrix product makes: 64 sums in registers. On Mesa's software
/// Vulkan (128 tokens, MiniLM, CPU seconds per batch): 1 x 2 1.2, 2 x 1 0.84, 4 x 1 0.62, 4 x 2 0.50, 8 x 2 0.37,
/// 8 x 4 0.37, 16 x 2 0.6.
pub(super) const TILE: (usize, usize) = (8, 2);
/// Units of a cube of the matrix product along rows and along columns.
const CUBE: usize = 8;

/// One dispatch each. Rows are the tokens of all texts one after the other; `starts` says where each text begins,
/// and at last where they end.
#[backend_extension(Cube)]
trait EncoderOps: Backend {
    fn embed_op(
        ids: IntTensor<Self>,
        places: IntTensor<Self>,
        words: FloatTensor<Self>,
        positions: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn embed_packed_op(
        ids: IntTensor<Self>,
        places: IntTensor<Self>,
        words: IntTensor<Self>,
        positions: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn norm_op(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;
    fn linear_op(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        around: FloatTensor<Self>,
        epilogue: Epilogue,
    ) -> FloatTensor<Self>;
    fn linear_packed_op(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        bias: FloatTensor<Self>,
        around: FloatTensor<Self>,
        epilogue: Epilogue,
    ) -> FloatTensor<Self>;
    fn attention_op(
        qkv: FloatTensor<Self>,
        starts: IntTensor<Self>,
        heads: usize,
        longest: usize,
    ) -> FloatTensor<Self>;
    fn pool_op(
        x: FloatTensor<Self>,
        starts: IntTensor<Self>,
        first_only: bool,
    ) -> FloatTensor<Self>;
}

/// A buffer as an argument that a kernel reads `lanes` values at a time.
fn arg(tensor: &CubeTensor, lanes: usize) -> BufferArg {
    let len: usize = tensor.meta.shape().iter().product();
    TensorBinding {
        handle: tensor.handle.clone().binding(),
        strides: [1].into(),
        shape: [len / lanes].into(),
        tiling: Default::default(),
    }
    .into_buffer_arg()
}

/// A new tensor of rows beside `like`, of its type.
fn rows_like(like: &CubeTensor, rows: usize, width: usize) -> CubeTensor {
    rows_of(like.dtype, like, rows, width)
}

fn rows_of(dtype: DType, beside: &CubeTensor, rows: usize, width: usize) -> CubeTensor {
    CubeTensor::new_contiguous(
        beside.client.clone(),
        beside.device.clone(),
        [rows, width].into(),
        beside.client.empty(rows * width * dtype.size()),
        dtype,
    )
}

/// What a kernel takes the values of a tensor for.
fn element(tensor: &CubeTensor) -> ElemType {
    match tensor.dtype {
        DType::F16 => ElemType::Float(FloatKind::F16),
        DType::F32 => ElemType::Float(FloatKind::F32),
        _ => ElemType::Int(IntKind::I32),
    }
}

fn dims(tensor: &CubeTensor) -> (usize, usize) {
    let shape = tensor.meta.shape();
    (shape[0], shape[1])
}

/// A cube per row.
fn per_row(rows: usize) -> (CubeCount, CubeDim) {
    let count = CubeCount::Static(rows as u32, 1, 1);
    (count, CubeDim::new_1d(ROW_UNITS))
}

fn launch_linear(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    around: CubeTensor,
    epilogue: Epilogue,
    storage: Storage,
) -> CubeTensor {
    let (rows, inner) = dims(&x);
    let columns = bias.meta.shape()[0];
    let out = rows_like(&x, rows, columns);
    let (m, n) = TILE;
    let count = CubeCount::Static(
        (columns / LANES).div_ceil(CUBE * n) as u32,
        rows.div_ceil(CUBE * m) as u32,
        1,
    );
    kernels::matmul::launch(
        &out.client,
        count,
        CubeDim::new_2d(CUBE as u32, CUBE as u32),
        LANES,
        arg(&x, LANES),
        arg(&weight, LANES),
        arg(&bias, LANES),
        arg(&around, LANES),
        arg(&out, LANES),
        rows as u32,
        inner / LANES,
        columns / LANES,
        m,
        n,
        epilogue,
        storage,
        element(&out),
        element(&weight),
    );
    out
}

impl EncoderOps for CubeBackend {
    fn embed_op(
        ids: IntTensor<Self>,
        places: IntTensor<Self>,
        words: FloatTensor<Self>,
        positions: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let tokens = ids.meta.shape()[0];
        let (_, width) = dims(&words);
        let out = rows_like(&words, tokens, width);
        let (count, dim) = per_row(tokens);
        kernels::embed::launch(
            &out.client,
            count,
            dim,
            LANES,
            arg(&ids, 1),
            arg(&places, 1),
            arg(&words, LANES),
            arg(&positions, LANES),
            arg(&out, LANES),
            width / LANES,
            element(&out),
        );
        out
    }

    fn embed_packed_op(
        ids: IntTensor<Self>,
        places: IntTensor<Self>,
        words: IntTensor<Self>,
        positions: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let tokens = ids.meta.shape()[0];
        let (_, width) = dims(&positions);
        let out = rows_like(&positions, tokens, width);
        let (count, dim) = per_row(tokens);
        kernels::embed_packed::launch(
            &out.client,
            count,
            dim,
            LANES,
            arg(&ids, 1),
            arg(&places, 1),
            arg(&words, LANES),
            arg(&positions, LANES),
            arg(&out, LANES),
            width / LANES,
        );
        out
    }

    fn norm_op(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let (rows, width) = dims(&x);
        let out = rows_like(&x, rows, width);
        let (count, dim) = per_row(rows);
        kernels::norm::launch(
            &out.client,
            count,
            dim,
            LANES,
            arg(&x, LANES),
            arg(&gamma, LANES),
            arg(&beta, LANES),
            arg(&out, LANES),
            epsilon,
            width / LANES,
            element(&out),
        );
        out
    }

    fn linear_op(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        around: FloatTensor<Self>,
        epilogue: Epilogue,
    ) -> FloatTensor<Self> {
        let storage = match weight.dtype {
            DType::F16 => Storage::F16,
            _ => Storage::F32,
        };
        launch_linear(x, weight, bias, around, epilogue, storage)
    }

    fn linear_packed_op(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        bias: FloatTensor<Self>,
        around: FloatTensor<Self>,
        epilogue: Epilogue,
    ) -> FloatTensor<Self> {
        launch_linear(x, weight, bias, around, epilogue, Storage::Packed)
    }

    fn attention_op(
        qkv: FloatTensor<Self>,
        starts: IntTensor<Self>,
        heads: usize,
        longest: usize,
    ) -> FloatTensor<Self> {
        let (tokens, width) = dims(&qkv);
        let hidden = width / 3;
        let head_dim = hidden / heads;
        let texts = starts.meta.shape()[0] - 1;
        let out = rows_like(&qkv, tokens, hidden);
        let count = CubeCount::Static(
            (longest as u32).div_ceil(QUERIES),
            heads as u32,
            texts as u32,
        );
        kernels::attention::launch(
            &out.client,
            count,
            CubeDim::new_1d(QUERIES),
            LANES,
            arg(&qkv, LANES),
            arg(&starts, 1),
            arg(&out, LANES),
            1.0 / (head_dim as f32).sqrt(),
            heads,
            head_dim / LANES,
            element(&out),
        );
        out
    }

    fn pool_op(
        x: FloatTensor<Self>,
        starts: IntTensor<Self>,
        first_only: bool,
    ) -> FloatTensor<Self> {
        let (_, width) = dims(&x);
        let texts = starts.meta.shape()[0] - 1;
        let out = rows_of(DType::F32, &x, texts, width);
        let (count, dim) = per_row(texts);
        kernels::pool::launch(
            &out.client,
            count,
            dim,
            LANES,
            arg(&x, LANES),
            arg(&starts, 1),
            arg(&out, LANES),
            width / LANES,
            first_only,
            element(&x),
        );
        out
    }
}

/// A matrix as [`Storage`] has it.
pub(super) enum Matrix {
    /// Floats.
    Plain(Tensor<2>),
    /// Two of f16 to a word: half as wide as what it holds.
    Packed(Tensor<2, Int>),
}

/// Word plus position embedding: `tokens x hidden`.
pub(super) fn embed(
    ids: Tensor<1, Int>,
    places: Tensor<1, Int>,
    words: &Matrix,
    positions: &Tensor<2>,
) -> Tensor<2> {
    let (ids, places) = (ids.into_dispatch(), places.into_dispatch());
    let positions = positions.clone().into_dispatch();
    Tensor::from_dispatch(match words {
        Matrix::Plain(words) => {
            Dispatch::embed_op(ids, places, words.clone().into_dispatch(), positions)
        }
        Matrix::Packed(words) => {
            Dispatch::embed_packed_op(ids, places, words.clone().into_dispatch(), positions)
        }
    })
}

/// Layer norm of every row.
pub(super) fn norm(x: Tensor<2>, gamma: &Tensor<1>, beta: &Tensor<1>, epsilon: f32) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as EncoderOps>::norm_op(
        x.into_dispatch(),
        gamma.clone().into_dispatch(),
        beta.clone().into_dispatch(),
        epsilon,
    ))
}

/// `epilogue(x · weight + bias)`; `around` is added for [`Epilogue::Residual`] and otherwise ignored.
pub(super) fn linear(
    x: &Tensor<2>,
    weight: &Matrix,
    bias: &Tensor<1>,
    around: &Tensor<2>,
    epilogue: Epilogue,
) -> Tensor<2> {
    let [x, around] = [x, around].map(|t| t.clone().into_dispatch());
    let bias = bias.clone().into_dispatch();
    Tensor::from_dispatch(match weight {
        Matrix::Plain(weight) => {
            Dispatch::linear_op(x, weight.clone().into_dispatch(), bias, around, epilogue)
        }
        Matrix::Packed(weight) => {
            Dispatch::linear_packed_op(x, weight.clone().into_dispatch(), bias, around, epilogue)
        }
    })
}

/// Attention within every text; `qkv` is `tokens x 3 hidden`.
pub(super) fn attention(
    qkv: Tensor<2>,
    starts: &Tensor<1, Int>,
    heads: usize,
    longest: usize,
) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as EncoderOps>::attention_op(
        qkv.into_dispatch(),
        starts.clone().into_dispatch(),
        heads,
        longest,
    ))
}

/// One unit-length row per text: the mean of its tokens, or the first.
pub(super) fn pool(x: Tensor<2>, starts: &Tensor<1, Int>, first_only: bool) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as EncoderOps>::pool_op(
        x.into_dispatch(),
        starts.clone().into_dispatch(),
        first_only,
    ))
}
