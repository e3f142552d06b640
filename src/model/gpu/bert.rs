//! BERT's forward pass in Burn (Devlin et al. 2018, post-layer-norm encoder), pooling, unit length: seven dispatches
//! per layer. Texts lie one after the other without padding, so a batch costs its tokens whatever their lengths,
//! nothing is masked, and no shape is compiled anew.

use burn::tensor::{Device, Element, Int, Tensor, TensorData};
use half::f16;

use crate::model::Error;
use crate::model::config::{BertConfig, Pooling};
use crate::model::weights::Weights;

use super::kernels::{Epilogue, Storage};
use super::ops::{self, Matrix};

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
    weight: Matrix,
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
        place: &Place,
    ) -> Result<Self, Error> {
        let width = output * names.len();
        let mut bias = Vec::with_capacity(width);
        for name in names {
            bias.extend(w.values(&format!("{name}.bias"), &[output])?);
        }
        let parts = names
            .iter()
            .map(|name| w.stored(&format!("{name}.weight"), &[output, input]));
        let shape = [input, width];
        let weight = match place.storage {
            Storage::F32 => {
                let parts = parts.map(|part| Ok(part?.into_f32()));
                Matrix::Plain(place.put(side_by_side(parts, input, output, width)?, shape))
            }
            Storage::F16 | Storage::Packed => {
                let parts = parts.map(|part| Ok(part?.into_f16()));
                place.put_halves(side_by_side(parts, input, output, width)?, shape)
            }
        };
        Ok(Self {
            weight,
            bias: Tensor::from_data(TensorData::new(bias, [width]), &place.device),
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

/// Matrices `[output, input]` as one `[input, width]`.
fn side_by_side<T: Copy + Default>(
    parts: impl Iterator<Item = Result<Vec<T>, Error>>,
    input: usize,
    output: usize,
    width: usize,
) -> Result<Vec<T>, Error> {
    let mut matrix = vec![T::default(); input * width];
    for (part, rows) in parts.enumerate() {
        for (o, row) in rows?.chunks_exact(input).enumerate() {
            for (i, &value) in row.iter().enumerate() {
                matrix[i * width + part * output + o] = value;
            }
        }
    }
    Ok(matrix)
}

/// Where weights go.
struct Place {
    device: Device,
    storage: Storage,
}

impl Place {
    /// A matrix in the type it has.
    fn put<T: Element>(&self, values: Vec<T>, shape: [usize; 2]) -> Tensor<2> {
        let options = (&self.device, T::dtype());
        Tensor::from_data(TensorData::new(values, shape), options)
    }

    /// A matrix of f16, as it is or packed.
    fn put_halves(&self, values: Vec<f16>, shape: [usize; 2]) -> Matrix {
        if self.storage == Storage::F16 {
            return Matrix::Plain(self.put(values, shape));
        }
        let bits = |value: &f16| u32::from(value.to_bits());
        let mut words = Vec::with_capacity(values.len() / 2);
        for eight in values.chunks_exact(2 * ops::LANES) {
            let (low, high) = eight.split_at(ops::LANES);
            let both = low.iter().zip(high);
            words.extend(both.map(|(low, high)| (bits(low) | bits(high) << 16) as i32));
        }
        let data = TensorData::new(words, [shape[0], shape[1] / 2]);
        Matrix::Packed(Tensor::from_data(data, &self.device))
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
    words: Matrix,
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
    /// Puts the weights on `device` as `storage` says.
    ///
    /// # Errors
    /// Tensors that are missing or of another shape; widths that the kernels cannot divide.
    pub fn load(
        config: &BertConfig,
        pooling: Pooling,
        weights: &Weights,
        device: &Device,
        storage: Storage,
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
        let place = Place {
            device: device.clone(),
            storage,
        };
        let shape = [config.vocab_size, hidden];
        let words = weights.stored("embeddings.word_embeddings.weight", &shape)?;
        let words = match storage {
            Storage::F32 => Matrix::Plain(place.put(words.into_f32(), shape)),
            Storage::F16 | Storage::Packed => place.put_halves(words.into_f16(), shape),
        };
        let positions = weights.positions(config)?;
        let shape = [config.max_position_embeddings, hidden];
        let positions = match storage {
            Storage::F16 => place.put(positions.into_iter().map(f16::from_f32).collect(), shape),
            Storage::F32 | Storage::Packed => place.put(positions, shape),
        };
        let layers = (0..config.num_hidden_layers)
            .map(|i| Layer::load(config, weights, i, &place))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            words,
            positions,
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
    fn load(config: &BertConfig, w: &Weights, index: usize, place: &Place) -> Result<Self, Error> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let at = |name: &str| format!("encoder.layer.{index}.{name}");
        let [query, key, value] =
            ["query", "key", "value"].map(|n| at(&format!("attention.self.{n}")));
        Ok(Self {
            query_key_value: Linear::load(w, &[&query, &key, &value], hidden, hidden, place)?,
            attention_out: Linear::load(
                w,
                &[&at("attention.output.dense")],
                hidden,
                hidden,
                place,
            )?,
            attention_norm: Norm::load(
                w,
                &at("attention.output.LayerNorm"),
                config,
                &place.device,
            )?,
            up: Linear::load(w, &[&at("intermediate.dense")], hidden, inner, place)?,
            down: Linear::load(w, &[&at("output.dense")], inner, hidden, place)?,
            output_norm: Norm::load(w, &at("output.LayerNorm"), config, &place.device)?,
        })
    }
}
