//! BERT's forward pass on the CPU, on our own kernels (Devlin et al. 2018, post-layer-norm encoder).
//!
//! Texts are laid one after the other without padding: the linear layers see one long list of tokens, attention
//! each text alone. Texts are dealt out to threads whole, in units small enough for a core's cache; a batch too
//! small for that splits the columns of each product instead.

mod linear;
mod table;
mod units;

#[cfg_attr(target_family = "wasm", path = "one_thread.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "threads.rs")]
pub(super) mod threads;

use super::Error;
use super::config::{BertConfig, Pooling};
use super::kernels::{After, Attention, Buffer, Isa, LayerNorm};
use super::weights::Weights;
use linear::{Linear, Split};
use table::Table;

/// Scale and shift of one layer norm.
struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn load(w: &Weights, name: &str, config: &BertConfig) -> Result<Self, Error> {
        Ok(Self {
            gamma: w.values(&format!("{name}.weight"), &[config.hidden_size])?,
            beta: w.values(&format!("{name}.bias"), &[config.hidden_size])?,
            epsilon: config.layer_norm_eps as f32,
        })
    }

    fn apply(&self, isa: Isa, values: &mut [f32]) {
        isa.run(LayerNorm {
            values,
            gamma: &self.gamma,
            beta: &self.beta,
            epsilon: self.epsilon,
        });
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

/// The encoder's weights, packed for this machine's instruction set.
pub struct CpuBert {
    isa: Isa,
    words: Table,
    /// Position embeddings with the row of token type 0 added: every text here is a single segment.
    positions: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    hidden: usize,
    inner: usize,
    pooling: Pooling,
}

/// Memory for the activations of one unit, reused from unit to unit.
#[derive(Default)]
struct Scratch {
    tokens: Buffer,
    wide: Buffer,
    context: Buffer,
    attention: Buffer,
    split: Split,
}

impl CpuBert {
    /// Packs the weights for the instruction set.
    ///
    /// # Errors
    /// Damaged or unsupported weights.
    pub fn load(
        config: &BertConfig,
        pooling: Pooling,
        weights: &Weights,
        isa: Isa,
    ) -> Result<Self, Error> {
        let hidden = config.hidden_size;
        let words = weights.stored(
            "embeddings.word_embeddings.weight",
            &[config.vocab_size, hidden],
        )?;
        let positions = weights.positions(config)?;
        let layers = (0..config.num_hidden_layers)
            .map(|i| Layer::load(config, weights, i, isa))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            isa,
            words: Table::new(words, hidden),
            positions,
            embedding_norm: Norm::load(weights, "embeddings.LayerNorm", config)?,
            layers,
            heads: config.num_attention_heads,
            hidden,
            inner: config.intermediate_size,
            pooling,
        })
    }

    /// Bytes of weights held.
    pub fn bytes(&self) -> usize {
        let layers = self.layers.iter().map(|l| {
            l.query_key_value.bytes() + l.attention_out.bytes() + l.up.bytes() + l.down.bytes()
        });
        self.words.bytes() + size_of_val(&self.positions[..]) + layers.sum::<usize>()
    }

    /// Embeds texts given as token ids, each at least one and at most as many as there are positions:
    /// unit-length vectors, `texts x hidden`. Every id must be below the vocabulary's size.
    pub fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let lengths: Vec<usize> = texts.iter().map(|ids| ids.len()).collect();
        let threads = threads::count();
        let units = units::plan(&lengths, threads);
        // With fewer units than threads, the threads share each product.
        let parts = if units.len() < threads { threads } else { 1 };
        let rows = threads::map(&units, Scratch::default, |scratch, unit| {
            let texts: Vec<&[u32]> = unit.iter().map(|&i| texts[i]).collect();
            self.unit(&texts, parts, scratch)
        });
        let mut all = vec![0f32; texts.len() * self.hidden];
        for (unit, rows) in units.iter().zip(rows) {
            for (&i, row) in unit.iter().zip(rows.chunks_exact(self.hidden)) {
                all[i * self.hidden..(i + 1) * self.hidden].copy_from_slice(row);
            }
        }
        all
    }

    fn unit(&self, texts: &[&[u32]], parts: usize, scratch: &mut Scratch) -> Vec<f32> {
        let (isa, hidden) = (self.isa, self.hidden);
        let tokens: usize = texts.iter().map(|ids| ids.len()).sum();
        let x = scratch.tokens.slice_mut::<f32>(tokens * hidden);
        self.embed(texts, x);
        self.embedding_norm.apply(isa, x);
        let context = scratch.context.slice_mut::<f32>(tokens * hidden);
        let wide = scratch
            .wide
            .slice_mut::<f32>(tokens * self.inner.max(3 * hidden));
        let split = &mut scratch.split;
        for layer in &self.layers {
            let qkv = &mut wide[..tokens * 3 * hidden];
            let projection = &layer.query_key_value;
            projection.apply(isa, x, qkv, After::Store, parts, split);
            let mut first = 0;
            for ids in texts {
                let (from, to) = (first * hidden, (first + ids.len()) * hidden);
                isa.run(Attention {
                    query_key_value: &qkv[3 * from..3 * to],
                    context: &mut context[from..to],
                    heads: self.heads,
                    head_dim: hidden / self.heads,
                    scratch: &mut scratch.attention,
                });
                first += ids.len();
            }
            let projection = &layer.attention_out;
            projection.apply(isa, context, x, After::Add, parts, split);
            layer.attention_norm.apply(isa, x);
            let up = &mut wide[..tokens * self.inner];
            layer.up.apply(isa, x, up, After::Gelu, parts, split);
            layer.down.apply(isa, up, x, After::Add, parts, split);
            layer.output_norm.apply(isa, x);
        }
        self.pool(texts, x)
    }

    /// Words and positions added, token by token.
    fn embed(&self, texts: &[&[u32]], x: &mut [f32]) {
        let mut rows = x.chunks_exact_mut(self.hidden);
        for ids in texts {
            let positions = self.positions.chunks_exact(self.hidden);
            for ((&id, position), row) in ids.iter().zip(positions).zip(&mut rows) {
                self.words.read(id as usize, row);
                for (value, p) in row.iter_mut().zip(position) {
                    *value += p;
                }
            }
        }
    }

    /// One vector per text, then L2 normalisation.
    fn pool(&self, texts: &[&[u32]], x: &[f32]) -> Vec<f32> {
        let mut pooled = vec![0f32; texts.len() * self.hidden];
        let mut rest = x;
        for (ids, mean) in texts.iter().zip(pooled.chunks_exact_mut(self.hidden)) {
            let used = match self.pooling {
                Pooling::Mean => ids.len(),
                Pooling::Cls => 1,
            };
            let (text, later) = rest.split_at(ids.len() * self.hidden);
            rest = later;
            for row in text.chunks_exact(self.hidden).take(used) {
                for (sum, v) in mean.iter_mut().zip(row) {
                    *sum += v;
                }
            }
            let norm = mean.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
            for v in mean {
                *v /= norm;
            }
        }
        pooled
    }
}

impl Layer {
    fn load(config: &BertConfig, w: &Weights, index: usize, isa: Isa) -> Result<Self, Error> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let at = |name: &str| format!("encoder.layer.{index}.{name}");
        let dense =
            |name: &str, input, output| Linear::load(w, &[&at(name)], &[1.0], (input, output), isa);
        let [query, key, value] =
            ["query", "key", "value"].map(|n| at(&format!("attention.self.{n}")));
        // Attention expects scaled queries.
        let scale = 1.0 / (config.head_dim() as f32).sqrt();
        Ok(Self {
            query_key_value: Linear::load(
                w,
                &[&query, &key, &value],
                &[scale, 1.0, 1.0],
                (hidden, hidden),
                isa,
            )?,
            attention_out: dense("attention.output.dense", hidden, hidden)?,
            attention_norm: Norm::load(w, &at("attention.output.LayerNorm"), config)?,
            up: dense("intermediate.dense", hidden, inner)?,
            down: dense("output.dense", inner, hidden)?,
            output_norm: Norm::load(w, &at("output.LayerNorm"), config)?,
        })
    }
}
