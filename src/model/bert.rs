//! BERT's forward pass in Burn (Devlin et al. 2018, post-layer-norm encoder), mean pooling, unit length.
//!
//! One implementation for every backend: a Burn tensor follows the device it was made on.

use burn::tensor::module::{attention, embedding, layer_norm, linear};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData, activation};

use super::Error;
use super::config::BertConfig;
use super::weights::Weights;

/// Scale and shift of one layer norm.
struct Norm {
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
}

impl Norm {
    fn load(w: &Weights, name: &str, config: &BertConfig, device: &Device) -> Result<Self, Error> {
        Ok(Self {
            gamma: vector(w, &format!("{name}.weight"), config.hidden_size, device)?,
            beta: vector(w, &format!("{name}.bias"), config.hidden_size, device)?,
            epsilon: config.layer_norm_eps,
        })
    }

    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        layer_norm(x, self.gamma.clone(), Some(self.beta.clone()), self.epsilon)
    }
}

/// One linear layer, weight `[in, out]`.
struct Linear {
    weight: Tensor<2>,
    bias: Tensor<1>,
}

fn vector(w: &Weights, name: &str, len: usize, device: &Device) -> Result<Tensor<1>, Error> {
    let values = w.values(name, &[len])?;
    Ok(Tensor::from_data(TensorData::new(values, [len]), device))
}

impl Linear {
    /// One linear layer, or several that share their input, fused side by side: PyTorch's `[out, in]` matrices
    /// become one `[in, sum of out]`.
    fn load(
        w: &Weights,
        names: &[&str],
        input: usize,
        output: usize,
        device: &Device,
    ) -> Result<Self, Error> {
        let width = output * names.len();
        let mut matrix = vec![0f32; input * width];
        let mut bias = Vec::with_capacity(width);
        for (part, name) in names.iter().enumerate() {
            let rows = w.values(&format!("{name}.weight"), &[output, input])?;
            for (o, row) in rows.chunks_exact(input).enumerate() {
                for (i, &value) in row.iter().enumerate() {
                    matrix[i * width + part * output + o] = value;
                }
            }
            bias.extend(w.values(&format!("{name}.bias"), &[output])?);
        }
        Ok(Self {
            weight: Tensor::from_data(TensorData::new(matrix, [input, width]), device),
            bias: Tensor::from_data(TensorData::new(bias, [width]), device),
        })
    }

    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        linear(x, self.weight.clone(), Some(self.bias.clone()))
    }
}

struct Layer {
    query_key_value: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    output_norm: Norm,
}

/// The encoder's weights on one device.
pub struct Bert {
    words: Tensor<2>,
    /// Position embeddings with the row of token type 0 added: every text here is a single segment.
    positions: Tensor<2>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    head_dim: usize,
    device: Device,
}

impl Bert {
    /// Puts the weights on `device`.
    pub fn load(config: &BertConfig, weights: &Weights, device: &Device) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let words = weights.values(
            "embeddings.word_embeddings.weight",
            &[config.vocab_size, hidden],
        )?;
        let mut positions = weights.values(
            "embeddings.position_embeddings.weight",
            &[config.max_position_embeddings, hidden],
        )?;
        let types = weights.values("embeddings.token_type_embeddings.weight", &[2, hidden])?;
        for row in positions.chunks_exact_mut(hidden) {
            for (value, kind) in row.iter_mut().zip(&types) {
                *value += kind;
            }
        }
        let layers = (0..config.num_hidden_layers)
            .map(|i| Layer::load(config, weights, i, device))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            words: Tensor::from_data(TensorData::new(words, [config.vocab_size, hidden]), device),
            positions: Tensor::from_data(
                TensorData::new(positions, [config.max_position_embeddings, hidden]),
                device,
            ),
            embedding_norm: Norm::load(weights, "embeddings.LayerNorm", config, device)?,
            layers,
            heads: config.num_attention_heads,
            head_dim: config.head_dim(),
            device: device.clone(),
        })
    }

    /// Embeds `rows` token lists padded to `width`: unit-length vectors, `rows x hidden`, still on the device.
    ///
    /// `ids` is row-major, `rows * width`; `lengths` are the tokens of each row, at least 1. Padding changes
    /// nothing: masked keys get no attention weight and masked positions are left out of the mean.
    pub fn forward(&self, ids: Vec<i32>, lengths: &[usize], width: usize) -> Tensor<2> {
        let rows = lengths.len();
        let hidden = self.heads * self.head_dim;
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [rows, width]), &self.device);
        let words = embedding(self.words.clone(), ids);
        let positions = self.positions.clone().narrow(0, 0, width).unsqueeze::<3>();
        let mut x = self.embedding_norm.apply(words + positions);

        let padded = lengths.iter().any(|&len| len < width);
        let mask = padded.then(|| self.key_mask(lengths, width));
        for layer in &self.layers {
            x = self.layer(layer, x, mask.clone(), rows, width);
        }

        // Mean over the tokens of each row as one small matrix product, then L2 normalisation.
        let mut weights = vec![0f32; rows * width];
        for (row, &len) in weights.chunks_exact_mut(width).zip(lengths) {
            row[..len].fill(1.0 / len as f32);
        }
        let weights =
            Tensor::<3>::from_data(TensorData::new(weights, [rows, 1, width]), &self.device);
        let mean: Tensor<2> = weights.matmul(x).reshape([rows, hidden]);
        let norm = (mean.clone() * mean.clone())
            .sum_dim(1)
            .sqrt()
            .clamp_min(1e-12);
        mean / norm
    }

    fn layer(
        &self,
        layer: &Layer,
        x: Tensor<3>,
        mask: Option<Tensor<4, Bool>>,
        rows: usize,
        width: usize,
    ) -> Tensor<3> {
        let (heads, head_dim) = (self.heads, self.head_dim);
        let hidden = heads * head_dim;
        let qkv = layer
            .query_key_value
            .apply(x.clone())
            .reshape([rows, width, 3 * heads, head_dim])
            .swap_dims(1, 2);
        let part = |i: usize| qkv.clone().slice([0..rows, i * heads..(i + 1) * heads]);
        let context = attention(
            part(0),
            part(1),
            part(2),
            mask,
            None,
            AttentionModuleOptions::default(),
        );
        let context: Tensor<3> = context.swap_dims(1, 2).reshape([rows, width, hidden]);
        let x = layer
            .attention_norm
            .apply(layer.attention_out.apply(context) + x);
        let up = activation::gelu(layer.up.apply(x.clone()));
        layer.output_norm.apply(layer.down.apply(up) + x)
    }

    /// `true` where a key is padding, for every head and query.
    fn key_mask(&self, lengths: &[usize], width: usize) -> Tensor<4, Bool> {
        let rows = lengths.len();
        let values: Vec<bool> = lengths
            .iter()
            .flat_map(|&len| (0..width).map(move |i| i >= len))
            .collect();
        Tensor::<2, Bool>::from_data(TensorData::new(values, [rows, width]), &self.device)
            .reshape([rows, 1, 1, width])
            .expand([rows, self.heads, width, width])
    }
}

impl Layer {
    fn load(
        config: &BertConfig,
        w: &Weights,
        index: usize,
        device: &Device,
    ) -> Result<Self, Error> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let at = |name: &str| format!("encoder.layer.{index}.{name}");
        let [query, key, value] =
            ["query", "key", "value"].map(|n| at(&format!("attention.self.{n}")));
        Ok(Self {
            query_key_value: Linear::load(w, &[&query, &key, &value], hidden, hidden, device)?,
            attention_out: Linear::load(
                w,
                &[&at("attention.output.dense")],
                hidden,
                hidden,
                device,
            )?,
            attention_norm: Norm::load(w, &at("attention.output.LayerNorm"), config, device)?,
            up: Linear::load(w, &[&at("intermediate.dense")], hidden, inner, device)?,
            down: Linear::load(w, &[&at("output.dense")], inner, hidden, device)?,
            output_norm: Norm::load(w, &at("output.LayerNorm"), config, device)?,
        })
    }
}
