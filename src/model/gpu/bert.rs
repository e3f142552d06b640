//! BERT's forward pass in Burn (Devlin et al. 2018, post-layer-norm encoder), pooling, unit length: seven dispatches
//! per layer. Texts lie one after the other without padding, so a batch costs its tokens whatever their lengths,
//! nothing is masked, and no shape is compiled anew.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::model::Error;
use crate::model::config::{BertConfig, Pooling};
use crate::model::weights::Weights;

use super::kernels::Epilogue;
use super::ops;

/// Scale and shift of one layer norm.
struct Norm {
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
}

impl Norm {
    fn load(w: &Weights, name: &str, config: &BertConfig, device: &Device) -> Result<Self, Error> {
        Ok(Self {
            gamma: vector(w, &format!("{name}.weight"), config.hidden_size, device)?,
            beta: vector(w, &format!("{name}.bias"), config.hidden_size, device)?,
            epsilon: config.layer_norm_eps as f32,
        })
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        ops::norm(x, &self.gamma, &self.beta, self.epsilon)
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

    fn apply(&self, x: &Tensor<2>, epilogue: Epilogue) -> Tensor<2> {
        ops::linear(x, &self.weight, &self.bias, x, epilogue)
    }

    /// The same, plus what went around the layer.
    fn apply_around(&self, x: &Tensor<2>, around: &Tensor<2>) -> Tensor<2> {
        ops::linear(x, &self.weight, &self.bias, around, Epilogue::Residual)
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
    /// Whether a text is its first token rather than the mean of all.
    first_only: bool,
    device: Device,
}

impl Bert {
    /// Puts the weights on `device`.
    ///
    /// # Errors
    /// Tensors that are missing or of another shape; widths that the kernels cannot divide.
    pub fn load(
        config: &BertConfig,
        pooling: Pooling,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let step = ops::LANES * ops::TILE.1;
        for (name, width) in [
            ("hidden_size", hidden),
            ("intermediate_size", config.intermediate_size),
            ("the width of a head", config.head_dim() * ops::TILE.1),
        ] {
            if width % step != 0 {
                return Err(Error::Unsupported(format!(
                    "on a GPU {name} must be a multiple of {step}, it is {width}"
                )));
            }
        }
        let words = weights.values(
            "embeddings.word_embeddings.weight",
            &[config.vocab_size, hidden],
        )?;
        let positions = weights.positions(config)?;
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
            first_only: pooling == Pooling::Cls,
            device: device.clone(),
        })
    }

    /// Embeds texts given as token ids, each with at least one: unit-length vectors, `texts x hidden`, still on the
    /// device.
    pub fn forward(&self, texts: &[&[u32]]) -> Tensor<2> {
        let mut ids: Vec<i32> = Vec::new();
        let mut places: Vec<i32> = Vec::new();
        let mut starts = vec![0];
        for text in texts {
            ids.extend(text.iter().map(|&id| id as i32));
            places.extend(0..text.len() as i32);
            starts.push(ids.len() as i32);
        }
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let [ids, places, starts] = [ids, places, starts].map(|values| {
            let len = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [len]), &self.device)
        });
        let x = ops::embed(ids, places, &self.words, &self.positions);
        let mut x = self.embedding_norm.apply(x);
        for layer in &self.layers {
            let qkv = layer.query_key_value.apply(&x, Epilogue::Bias);
            let context = ops::attention(qkv, &starts, self.heads, longest);
            let attended = layer.attention_out.apply_around(&context, &x);
            let attended = layer.attention_norm.apply(attended);
            let up = layer.up.apply(&attended, Epilogue::Gelu);
            let down = layer.down.apply_around(&up, &attended);
            x = layer.output_norm.apply(down);
        }
        ops::pool(x, &starts, self.first_only)
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
