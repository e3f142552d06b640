//! What Hugging Face's configuration files say about a BERT encoder, checked before anything is allocated.

use serde::Deserialize;

use super::Error;

/// The parts of `config.json` that decide the computation.
#[derive(Clone, Debug, Deserialize)]
pub struct BertConfig {
    /// Architecture family; only `bert` is implemented.
    pub model_type: String,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Rows of the position table.
    pub max_position_embeddings: usize,
    /// Rows of the word table.
    pub vocab_size: usize,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
    /// Activation of the feed-forward layer; only `gelu` is implemented.
    pub hidden_act: String,
    /// Only `absolute` is implemented; older files leave it out.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
}

fn absolute() -> String {
    "absolute".into()
}

/// `sentence_bert_config.json` of sentence-transformers: how many tokens the model was trained to take.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SentenceConfig {
    /// Tokens per text with the special ones.
    pub max_seq_length: usize,
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pooling {
    /// Their mean (MiniLM, e5, gte, contriever).
    #[default]
    Mean,
    /// The first token's (bge, arctic-embed).
    Cls,
}

impl Pooling {
    /// Parses `1_Pooling/config.json` of sentence-transformers.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is not such a file, [`Error::Unsupported`] for any other way of pooling.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let modes: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(json)
            .map_err(|e| Error::Damaged {
                file: "1_Pooling/config.json".into(),
                why: e.to_string(),
            })?;
        let on: Vec<&str> = modes
            .iter()
            .filter(|(_, on)| on.as_bool() == Some(true))
            .map(|(mode, _)| mode.as_str())
            .filter(|mode| mode.starts_with("pooling_mode_"))
            .collect();
        match on[..] {
            ["pooling_mode_mean_tokens"] => Ok(Self::Mean),
            ["pooling_mode_cls_token"] => Ok(Self::Cls),
            _ => Err(Error::Unsupported(format!(
                "pooling is {on:?}; the mean of the tokens, or the first, is implemented"
            ))),
        }
    }
}

/// What is put before questions and before passages, for models that were trained so.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Prompts {
    /// Before a question.
    pub query: String,
    /// Before a passage.
    pub passage: String,
}

impl Prompts {
    /// Parses `config_sentence_transformers.json`: its `prompts`, of which `query` and `document` or `passage` are
    /// used; absent ones are empty.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is not such a file.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            prompts: Option<Named>,
        }
        #[derive(Deserialize)]
        struct Named {
            #[serde(default)]
            query: String,
            #[serde(default, alias = "document")]
            passage: String,
        }
        let file: File = serde_json::from_slice(json).map_err(|e| Error::Damaged {
            file: "config_sentence_transformers.json".into(),
            why: e.to_string(),
        })?;
        Ok(file.prompts.map_or_else(Self::default, |named| Self {
            query: named.query,
            passage: named.passage,
        }))
    }
}

impl BertConfig {
    /// Parses and checks `config.json`.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is not such a file or its sizes cannot be; [`Error::Unsupported`] if it
    /// describes another architecture.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let damaged = |why: String| Error::Damaged {
            file: "config.json".into(),
            why,
        };
        #[derive(Deserialize)]
        struct Kind {
            model_type: Option<String>,
        }
        // The family first: another family's file lacks BERT's keys, and saying "unsupported" helps more.
        let kind: Kind = serde_json::from_slice(json).map_err(|e| damaged(e.to_string()))?;
        match kind.model_type.as_deref() {
            Some("bert") => {}
            other => {
                return Err(Error::Unsupported(format!(
                    "model_type is {}, only bert is implemented",
                    other.unwrap_or("not given")
                )));
            }
        }
        let config: Self = serde_json::from_slice(json).map_err(|e| damaged(e.to_string()))?;
        if config.hidden_act != "gelu" {
            return Err(Error::Unsupported(format!(
                "activation {}, only gelu is implemented",
                config.hidden_act
            )));
        }
        if config.position_embedding_type != "absolute" {
            return Err(Error::Unsupported(format!(
                "{} positions, only absolute ones are implemented",
                config.position_embedding_type
            )));
        }
        let sizes = [
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.intermediate_size,
            config.max_position_embeddings,
            config.vocab_size,
        ];
        if sizes.iter().any(|&s| s == 0 || s > 1 << 20) {
            return Err(damaged("a size is zero or absurd".into()));
        }
        if !config
            .hidden_size
            .is_multiple_of(config.num_attention_heads)
        {
            return Err(damaged("the heads do not divide the hidden size".into()));
        }
        Ok(config)
    }

    /// Width of one attention head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINILM: &str = r#"{"model_type":"bert","hidden_size":384,"num_hidden_layers":6,
        "num_attention_heads":12,"intermediate_size":1536,"max_position_embeddings":512,
        "vocab_size":30522,"layer_norm_eps":1e-12,"hidden_act":"gelu"}"#;

    #[test]
    fn minilm_is_understood() {
        let config = BertConfig::from_json(MINILM.as_bytes()).unwrap();
        assert_eq!(config.head_dim(), 32);
    }

    #[test]
    fn other_architectures_are_refused_by_name() {
        let error = BertConfig::from_json(br#"{"model_type":"xlm-roberta"}"#).unwrap_err();
        assert!(matches!(error, Error::Unsupported(ref why) if why.contains("xlm-roberta")));
        let relu = MINILM.replace("\"gelu\"", "\"relu\"");
        assert!(matches!(
            BertConfig::from_json(relu.as_bytes()),
            Err(Error::Unsupported(_))
        ));
    }

    #[test]
    fn pooling_is_what_the_file_says_or_refused() {
        let file = |mode: &str| format!(r#"{{"word_embedding_dimension":384,"{mode}":true}}"#);
        let parse = |mode: &str| Pooling::from_json(file(mode).as_bytes());
        assert_eq!(parse("pooling_mode_mean_tokens").unwrap(), Pooling::Mean);
        assert_eq!(parse("pooling_mode_cls_token").unwrap(), Pooling::Cls);
        for other in ["pooling_mode_max_tokens", "nothing"] {
            assert!(matches!(parse(other), Err(Error::Unsupported(_))));
        }
    }

    #[test]
    fn prompts_have_either_name_for_passages() {
        for name in ["document", "passage"] {
            let json = format!(r#"{{"prompts":{{"query":"q: ","{name}":"p: "}}}}"#);
            let prompts = Prompts::from_json(json.as_bytes()).unwrap();
            assert_eq!((&*prompts.query, &*prompts.passage), ("q: ", "p: "));
        }
        assert_eq!(Prompts::from_json(b"{}").unwrap(), Prompts::default());
    }

    #[test]
    fn impossible_sizes_are_damage() {
        for (from, to) in [("384", "385"), ("30522", "0"), ("512", "99999999")] {
            let bad = MINILM.replace(from, to);
            assert!(matches!(
                BertConfig::from_json(bad.as_bytes()),
                Err(Error::Damaged { .. })
            ));
        }
        assert!(matches!(
            BertConfig::from_json(b"<html>"),
            Err(Error::Damaged { .. })
        ));
    }
}
