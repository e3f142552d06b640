//! The encoder's operations on Burn tensors, each one dispatch of a kernel of [`super::kernels`]: an extension of
//! Burn's backend, because its own operations take about fifty dispatches per layer (layer norm alone is nine).

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Int, Tensor};
use burn_wgpu::{CubeBackend, CubeTensor};
use cubecl::prelude::*;

use super::kernels::{self, Epilogue, QUERIES, ROW_UNITS};

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

/// A new tensor of rows beside `like`.
fn rows_like(like: &CubeTensor, rows: usize, width: usize) -> CubeTensor {
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        [rows, width].into(),
        like.client.empty(rows * width * size_of::<f32>()),
        like.dtype,
    )
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
        let (rows, inner) = dims(&x);
        let (_, columns) = dims(&weight);
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
        );
        out
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
        let out = rows_like(&x, texts, width);
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
        );
        out
    }
}

/// Word plus position embedding: `tokens x hidden`.
pub(super) fn embed(
    ids: Tensor<1, Int>,
    places: Tensor<1, Int>,
    words: &Tensor<2>,
    positions: &Tensor<2>,
) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as EncoderOps>::embed_op(
        ids.into_dispatch(),
        places.into_dispatch(),
        words.clone().into_dispatch(),
        positions.clone().into_dispatch(),
    ))
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
    weight: &Tensor<2>,
    bias: &Tensor<1>,
    around: &Tensor<2>,
    epilogue: Epilogue,
) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as EncoderOps>::linear_op(
        x.clone().into_dispatch(),
        weight.clone().into_dispatch(),
        bias.clone().into_dispatch(),
        around.clone().into_dispatch(),
        epilogue,
    ))
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
